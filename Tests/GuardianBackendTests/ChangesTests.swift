import AsyncHTTPClient
import Foundation
import GuardianBackend
import NIOCore
import NIOHTTP1
import Testing

/// A stream of changes as a client reads it, piece by piece.
final class OpenStream {
    let status: Int
    let headers: HTTPHeaders
    private var parts: HTTPClientResponse.Body.AsyncIterator
    private(set) var text = ""

    init(_ upstream: RunningUpstream, since cursor: String? = nil) async throws {
        var request = HTTPClientRequest(url: upstream.url + "/api/v1/changes/stream")
        if let cursor { request.headers.add(name: "Last-Event-ID", value: cursor) }
        let response = try await upstream.client.execute(request, timeout: .seconds(30))
        (status, headers) = (Int(response.status.code), response.headers)
        parts = response.body.makeAsyncIterator()
    }

    /// Reads until `enough`, or to the end; says whether it was enough.
    func read(until enough: (String) -> Bool) async throws -> Bool {
        while !enough(text) {
            guard var part = try await parts.next() else { return false }
            text += part.readString(length: part.readableBytes) ?? ""
        }
        return true
    }

    /// Reads until `count` blocks that hold `line` have come.
    func read(_ count: Int, _ line: String) async throws -> [String] {
        _ = try await read { $0.components(separatedBy: "\n\n").dropLast().count { $0.contains(line) } >= count }
        return text.components(separatedBy: "\n\n").filter { $0.contains(line) }
    }
}

@Suite("Changes", .timeLimit(.minutes(1)))
struct ChangesTests {
    @Test("every effect is a change, in order, with what it left of the entity")
    func page() async throws {
        try await RunningUpstream.run { upstream in
            _ = try await upstream.put("r1", key: "k1", payload: #"{"n":1}"#)
            _ = try await upstream.put("r1", key: "k2", payload: #"{"n":2}"#)
            _ = try await upstream.put("r1", key: "k2", payload: #"{"n":2}"#)
            _ = try await upstream.send(.DELETE, "/api/v1/rooms/r1", fields: [("Idempotency-Key", "k3")])
            let data = try await upstream.send(.GET, "/api/v1/changes").json["data"]
            let changes = try #require(data?["changes"]).elements
            #expect(changes.map { $0["operation"]?.text } == ["put", "put", "delete"])
            #expect(changes.map { $0["version"]?.whole } == [1, 2, 2])
            #expect(changes.map { $0["etag"]?.text } == ["\"v1\"", "\"v2\"", nil])
            #expect(changes.map { $0["body"]?["n"]?.whole } == [1, 2, nil])
            #expect(changes.map { $0["idempotency_key"]?.text } == ["k1", "k2", "k3"])
            #expect(changes.allSatisfy { $0["entity"]?.text == "/api/v1/rooms/r1" })
            #expect(changes.last?["cursor"]?.text == data?["next"]?.text)
        }
    }

    @Test("pages follow each other without a gap, and the last one says so")
    func pages() async throws {
        try await RunningUpstream.run { upstream in
            for n in 0..<25 { _ = try await upstream.put("r\(n)", key: "k\(n)") }
            var cursor = "0"
            var keys: [String?] = []
            var sizes: [Int] = []
            var hasMore = true
            while hasMore {
                let data = try #require(try await upstream.send(.GET, "/api/v1/changes?since=\(cursor)&limit=10").json["data"])
                keys += data["changes"]?.elements.map { $0["idempotency_key"]?.text } ?? []
                sizes.append(data["changes"]?.elements.count ?? 0)
                cursor = try #require(data["next"]?.text)
                hasMore = sizes.count < 9 && (data["more"].map { "\($0)" }?.contains("1") ?? false)
            }
            #expect(keys == (0..<25).map { "k\($0)" })
            #expect(sizes == [10, 10, 5])
            let now = try await upstream.send(.GET, "/api/v1/changes?since=now").json["data"]
            #expect(now?["changes"]?.elements.isEmpty == true && now?["next"]?.text == cursor)
        }
    }

    @Test("a page of large entities ends early")
    func largePages() async throws {
        try await RunningUpstream.run { upstream in
            let payload = #"{"x":"\#(String(repeating: "x", count: 400_000))"}"#
            for n in 0..<5 { _ = try await upstream.put("r\(n)", key: "k\(n)", payload: payload) }
            let data = try await upstream.send(.GET, "/api/v1/changes").json["data"]
            #expect(data?["changes"]?.elements.count == 3)
        }
    }

    @Test(
        "a cursor that is too old, or another log's, or none, is told a reset and where to go on",
        arguments: ["old", "7-feed", "x", "-1", "99"])
    func reset(cursor: String) async throws {
        try await RunningUpstream.run { upstream in
            _ = try await upstream.put("r0", key: "k0")
            let old = try #require(try await upstream.send(.GET, "/api/v1/changes").json["data"]?["next"]?.text)
            for n in 1..<10 { _ = try await upstream.put("r\(n)", key: "k\(n)") }
            var settings = ChangeSettings()
            settings.history = 5
            upstream.upstream.setChanges(settings)
            let asked = cursor == "old" ? old : cursor
            let data = try #require(try await upstream.send(.GET, "/api/v1/changes?since=\(asked)").json["data"])
            #expect(data["reset"]?.whole == 1 && data["changes"]?.elements.isEmpty == true)
            let stream = try await OpenStream(upstream, since: asked)
            let next = try #require(data["next"]?.text)
            #expect(try await stream.read(1, "event: reset") == ["id: \(next)\nevent: reset\ndata: {\"next\":\"\(next)\"}"])
            _ = try await upstream.put("r10", key: "k10")
            #expect(try await stream.read(1, "event: change").first?.contains("k10") == true)
            let after = try await upstream.send(.GET, "/api/v1/changes?since=\(next)").json["data"]
            #expect(after?["reset"]?.whole == 0 && after?["changes"]?.elements.count == 1)
        }
    }

    @Test("cursors outlive a restart with a data directory, and are a stranger's without", arguments: [true, false])
    func restart(keeps: Bool) async throws {
        let directory = NSTemporaryDirectory() + "/guardian-changes-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let configuration = ReferenceUpstreamConfiguration(port: 0, dataDirectory: keeps ? directory : nil)
        var cursor = ""
        try await RunningUpstream.run(configuration) { upstream in
            for n in 0..<3 { _ = try await upstream.put("r\(n)", key: "k\(n)") }
            let data = try await upstream.send(.GET, "/api/v1/changes?limit=2").json["data"]
            cursor = try #require(data?["next"]?.text)
        }
        try await RunningUpstream.run(configuration) { upstream in
            for n in 3..<6 { _ = try await upstream.put("r\(n)", key: "k\(n)") }
            let data = try await upstream.send(.GET, "/api/v1/changes?since=\(cursor)").json["data"]
            #expect(data?["reset"]?.whole == (keeps ? 0 : 1))
            #expect(data?["changes"]?.elements.map { $0["idempotency_key"]?.text } == (keeps ? ["k2", "k3", "k4", "k5"] : []))
        }
    }

    @Test("a stream says where it stands, then what is there, then what comes")
    func stream() async throws {
        try await RunningUpstream.run { upstream in
            for n in 0..<3 { _ = try await upstream.put("r\(n)", key: "k\(n)") }
            let stream = try await OpenStream(upstream)
            #expect(stream.headers.first(name: "content-type") == "text/event-stream")
            #expect(try await stream.read(3, "event: change").count == 3)
            #expect(stream.text.hasPrefix("id: 0\n\n"))
            _ = try await upstream.put("r3", key: "k3")
            let last = try #require(try await stream.read(4, "event: change").last)
            let cursor = try #require(last.firstMatch(of: /id: (\S+)/)?.1)
            let data = try #require(last.components(separatedBy: "\ndata: ").last)
            #expect(JSON(data)["cursor"]?.text == String(cursor) && JSON(data)["idempotency_key"]?.text == "k3")
            _ = try await upstream.put("r4", key: "k4")
            #expect(try await OpenStream(upstream, since: String(cursor)).read(1, "event: change").first?.contains("k4") == true)
            #expect(upstream.upstream.requests().last?.headers["last-event-id"] == String(cursor))
        }
    }

    @Test("comments come when nothing else does, and retry is told")
    func heartbeat() async throws {
        try await RunningUpstream.run { upstream in
            _ = try await upstream.send(.PUT, "/_changes", body: #"{"heartbeat_ms":20,"retry_ms":1234}"#)
            let stream = try await OpenStream(upstream)
            #expect(try await stream.read { $0.components(separatedBy: ": still here\n\n").count > 3 })
            #expect(stream.text.hasPrefix("retry: 1234\nid: 0\n\n"))
        }
    }

    @Test("a stream does as the settings say: refused, closed after so many, cut in a frame, garbage, a page")
    func settings() async throws {
        try await RunningUpstream.run { upstream in
            for n in 0..<5 { _ = try await upstream.put("r\(n)", key: "k\(n)") }
            for status in [204, 404, 501] {
                #expect(try await upstream.send(.PUT, "/_changes", body: #"{"stream":"refused","status":\#(status)}"#).status == 200)
                #expect(try await OpenStream(upstream).status == status)
            }
            _ = try await upstream.send(.PUT, "/_changes", body: #"{"stream":"closes","after":2}"#)
            let closed = try await OpenStream(upstream)
            #expect(try await closed.read(9, "event: change").count == 2)
            _ = try await upstream.send(.PUT, "/_changes", body: #"{"stream":"cut","after":2}"#)
            let cut = try await OpenStream(upstream)
            await #expect(throws: (any Error).self) { try await cut.read { _ in false } }
            #expect(cut.text.components(separatedBy: "\n\n").dropLast().count { $0.contains("event: change") } == 2)
            _ = try await upstream.send(.PUT, "/_changes", body: #"{"stream":"garbage"}"#)
            #expect(try await !OpenStream(upstream).read { $0.contains("event: reset") })
            _ = try await upstream.send(.PUT, "/_changes", body: #"{"stream":"page","poll_status":503}"#)
            #expect(try await OpenStream(upstream).headers.first(name: "content-type")?.hasPrefix("text/html") == true)
            #expect(try await upstream.send(.GET, "/api/v1/changes").status == 503)
            _ = try await upstream.send(.PUT, "/_changes", body: #"{"token":"t"}"#)
            #expect(try await upstream.send(.GET, "/api/v1/changes").status == 401)
            #expect(try await upstream.send(.GET, "/api/v1/changes", fields: [("Authorization", "Bearer t")]).status == 200)
        }
    }

    @Test(
        "settings and questions that make no sense are refused by the field that is wrong",
        arguments: [
            (#"{"stream":"down"}"#, "stream"), (#"{"heartbeat_ms":0}"#, "heartbeat_ms"), (#"{"history":0}"#, "history"),
            (#"{"strem":"up"}"#, "strem"),
        ])
    func badSettings(body: String, field: String) async throws {
        try await RunningUpstream.run { upstream in
            let answer = try await upstream.send(.PUT, "/_changes", body: body)
            #expect(answer.status == 400 && answer.json["error"]?["message"]?.text?.hasPrefix(field) == true, "\(answer.body)")
            for limit in ["0", "1001", "x"] { #expect(try await upstream.send(.GET, "/api/v1/changes?limit=\(limit)").status == 400) }
        }
    }

    @Test("modes strike changes too")
    func modes() async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(#"{"mode":"portal","kind":"511"}"#)
            #expect(try await upstream.send(.GET, "/api/v1/changes").status == 511)
            #expect(try await OpenStream(upstream).status == 511)
            try await upstream.setMode(#"{"mode":"drop_before"}"#)
            await upstream.expectNoAnswer { try await upstream.send(.GET, "/api/v1/changes") }
        }
    }

    @Test("a reader that does not read is dropped, and one that reads beside it gets everything")
    func slowReader() async throws {
        try await RunningUpstream.run { upstream in
            var settings = ChangeSettings()
            settings.patienceMs = 200
            upstream.upstream.setChanges(settings)
            let slow = try await OpenStream(upstream)
            #expect(slow.status == 200)
            let payload = #"{"x":"\#(String(repeating: "x", count: 1_000_000))"}"#
            for n in 0..<24 { _ = try await upstream.put("r\(n)", key: "k\(n)", payload: payload) }
            while upstream.upstream.changeReaders > 0 { _ = try await upstream.send(.GET, "/healthz") }
            upstream.upstream.setChanges(ChangeSettings())
            let quick = try await OpenStream(upstream)
            _ = try await quick.read { $0.hasSuffix("\"k23\"}\n\n") }
            let keys = quick.text.components(separatedBy: "\"idempotency_key\":\"").dropFirst().map { $0.prefix { $0 != "\"" } }
            #expect(keys.map { String($0) } == (0..<24).map { "k\($0)" })
            await #expect(throws: (any Error).self) { try await slow.read { _ in false } }
        }
    }

    @Test("streams that are open end when the server does")
    func shutdown() async throws {
        let start = ContinuousClock.now
        try await RunningUpstream.run { upstream in
            let stream = try await OpenStream(upstream)
            #expect(try await stream.read { $0.contains("id: 0") })
        }
        #expect(ContinuousClock.now - start < .seconds(10))
    }
}
