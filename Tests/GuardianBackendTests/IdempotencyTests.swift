import Foundation
import GuardianBackend
import NIOHTTP1
import Testing

@Suite("Keys are remembered for as long as the window")
struct IdempotencyTests {
    @Test("a key sent again is replayed, and another body under it is refused")
    func replay() async throws {
        try await RunningUpstream.run { upstream in
            let first = try await upstream.put("r1", key: "k1", payload: #"{"a":1}"#)
            let second = try await upstream.put("r1", key: "k1", payload: #"{"a":1}"#)
            #expect(second.headers["idempotent-replayed"] == ["true"])
            #expect((second.status, second.body) == (first.status, first.body))
            #expect(second.headers["etag"] == first.headers["etag"])
            #expect(try await upstream.put("r1", key: "k1", payload: #"{"a":2}"#).status == 422)
            #expect(upstream.upstream.effects.count == 1)
        }
    }

    @Test("a create under an id of the upstream's own is replayed with that id")
    func replayAssigned() async throws {
        try await RunningUpstream.run(.init(port: 0, assignsIDs: true)) { upstream in
            let create = {
                try await upstream.send(.POST, "/api/v1/rooms", body: #"{"id":"local-1","n":1}"#, fields: [("Idempotency-Key", "k1")])
            }
            let (first, second) = (try await create(), try await create())
            #expect((first.status, second.status) == (201, 201))
            #expect(second.headers["idempotent-replayed"] == ["true"])
            #expect(second.body == first.body && !first.body.contains("local-1"))
            #expect(upstream.upstream.effects.count == 1)
        }
    }

    @Test("a key older than the window is applied again", arguments: ["configuration", "code", "mode"])
    func window(setBy: String) async throws {
        let window: Duration = setBy == "configuration" ? .zero : .seconds(86_400)
        try await RunningUpstream.run(.init(port: 0, idempotencyWindow: window)) { upstream in
            if setBy == "code" { upstream.upstream.setIdempotencyWindow(.zero) }
            if setBy == "mode" { try await upstream.setMode(#"{"idempotency_window_seconds":0}"#) }
            for _ in 0..<2 { #expect(try await upstream.put("r1", key: "k1").headers["idempotent-replayed"].isEmpty) }
            #expect(upstream.upstream.effects.count == 2)
            #expect(try await upstream.summary("duplicate_keys") == 1)
        }
    }

    @Test("a window set beside a mode leaves the mode to do its work")
    func windowAndMode() async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(#"{"mode":"gateway","idempotency_window_seconds":0}"#)
            #expect(try await upstream.put("r1", key: "k1").status == 403)
            try await upstream.setMode(#"{"idempotency_window_seconds":60}"#)
            #expect(try await upstream.put("r1", key: "k1").status == 403)
        }
    }

    @Test("all keys can be forgotten at once, for good")
    func forget() async throws {
        try await withDirectory { directory in
            try await RunningUpstream.run(.init(port: 0, dataDirectory: directory)) { upstream in
                for key in ["k1", "k2"] { _ = try await upstream.put("r1", key: key) }
                #expect(try await upstream.send(.POST, "/_forget").json["forgotten"]?.whole == 2)
                _ = try await upstream.put("r1", key: "k1")
                #expect(upstream.upstream.effects.map(\.idempotencyKey) == ["k1", "k2", "k1"])
            }
            try await RunningUpstream.run(.init(port: 0, dataDirectory: directory)) { upstream in
                let (known, forgotten) = (try await upstream.put("r1", key: "k1"), try await upstream.put("r1", key: "k2"))
                #expect(known.headers["idempotent-replayed"] == ["true"])
                #expect(forgotten.headers["idempotent-replayed"].isEmpty)
                #expect(upstream.upstream.effects.map(\.n) == [1, 2, 3, 4])
            }
        }
    }

    @Test("a restart knows its keys, and forgets those whose window is over", arguments: [false, true])
    func restart(isOld: Bool) async throws {
        try await withDirectory { directory in
            var etags: [String] = []
            try await RunningUpstream.run(.init(port: 0, dataDirectory: directory)) { upstream in
                etags = try await upstream.put("r1", key: "k1").headers["etag"]
            }
            if isOld {
                let file = URL(fileURLWithPath: directory + "/effects.ndjson")
                let text = try String(contentsOf: file, encoding: .utf8)
                let aged = text.replacing(/"at":"[^"]*"/, with: #""at":"2020-01-01T00:00:00.000Z""#)
                #expect(aged != text)
                try aged.write(to: file, atomically: true, encoding: .utf8)
            }
            try await RunningUpstream.run(.init(port: 0, dataDirectory: directory)) { upstream in
                let answer = try await upstream.put("r1", key: "k1")
                #expect(answer.headers["idempotent-replayed"] == (isOld ? [] : ["true"]))
                #expect(etags == [#""v1""#] && answer.headers["etag"] == [isOld ? #""v2""# : #""v1""#])
                #expect(upstream.upstream.effects.count == (isOld ? 2 : 1))
            }
        }
    }

    @Test("a line that a crash cut short is cut off, and any other damage is named")
    func damage() async throws {
        try await withDirectory { directory in
            let file = URL(fileURLWithPath: directory + "/effects.ndjson")
            try await RunningUpstream.run(.init(port: 0, dataDirectory: directory)) { _ = try await $0.put("r1", key: "k1") }
            let whole = try String(contentsOf: file, encoding: .utf8)
            try (whole + #"{"n":2,"idem"#).write(to: file, atomically: true, encoding: .utf8)
            try await RunningUpstream.run(.init(port: 0, dataDirectory: directory)) { _ = try await $0.put("r1", key: "k2") }
            try await RunningUpstream.run(.init(port: 0, dataDirectory: directory)) { upstream in
                #expect(upstream.upstream.effects.map(\.idempotencyKey) == ["k1", "k2"])
            }
            try (whole + "{}\n" + whole).write(to: file, atomically: true, encoding: .utf8)
            let error = #expect(throws: (any Error).self) { try ReferenceUpstream(.init(port: 0, dataDirectory: directory)) }
            #expect("\(error.map { "\($0)" } ?? "")".contains("line 2"))
        }
    }

    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "/guardian-backend-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        try await body(directory)
    }
}
