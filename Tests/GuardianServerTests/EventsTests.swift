import AsyncHTTPClient
import GuardianCore
import NIOCore
import NIOHTTP1
import Testing

@Suite struct EventsTests {
    /// Reads the stream until `isEnough` of what came so far; `act` runs once the server listens.
    private func stream(
        _ sidecar: Sidecar, act: () async throws -> Void, until isEnough: (String) -> Bool
    ) async throws -> String {
        let response = try await sidecar.client.execute(sidecar.request(.GET, "/v1/events"), timeout: .seconds(30))
        #expect(response.status == .ok)
        #expect(response.headers["content-type"] == ["text/event-stream"])
        #expect(response.headers["cache-control"] == ["no-store"])
        var text = ""
        for try await part in response.body {
            if text.isEmpty { try await act() }
            text += String(buffer: part)
            if isEnough(text) { break }
        }
        return text
    }

    @Test("a reader hears of what is enqueued, as it is enqueued")
    func enqueued() async throws {
        try await Sidecar.run { sidecar in
            let text = try await stream(sidecar) {
                try await sidecar.accept("[\(operation("a", id: "x")),\(operation("b", id: "y"))]")
            } until: {
                $0.contains(#""id":"y""#) && $0.hasSuffix("\n\n")
            }
            let frames = text.split(separator: "\n\n").filter { !$0.hasPrefix(":") }
            #expect(frames.count == 2)
            for (frame, (id, seq)) in zip(frames, [("x", 1), ("y", 2)] as [(String, Int64)]) {
                let lines = frame.split(separator: "\n")
                #expect(lines.first == "event: enqueued")
                #expect(lines.dropFirst().first == "id: \(seq)")
                let json = try JSONValue(parsing: String(try #require(lines.last).dropFirst("data: ".count)))
                #expect(json["event"] == "enqueued")
                #expect(json["id"]?.string == id)
                #expect(json["seq"]?.integer == seq)
                #expect(json["at"]?.string.flatMap(Timestamp.init(rfc3339:)) != nil)
            }
        }
    }

    @Test("a reader hears of deliveries too, and every reader hears the same")
    func everyone() async throws {
        try await Sidecar.run(delivers: true) { sidecar in
            let first = sidecar.engine.events
            let text = try await stream(sidecar) {
                try await sidecar.accept(operation("a", id: "x"))
            } until: {
                $0.contains("event: claimed")
            }
            #expect(text.contains("event: enqueued"))
            var names: [String] = []
            for await event in first {
                names.append(event.name)
                if event.name == "claimed" { break }
            }
            #expect(names.contains("enqueued"))
        }
    }

    @Test("a reader that does not keep up is told where it has missed how many", .timeLimit(.minutes(1)))
    func missed() async throws {
        try await Sidecar.run { sidecar in
            // All are told at once, faster than any stream can be written.
            let count = 30_000
            let bodies = (1...count).map { #"{"operation_type":"delete","entity_type":"room","entity_id":"\#($0)"}"# }
            let text = try await stream(sidecar) {
                try await sidecar.accept("[" + bodies.joined(separator: ",") + "]")
            } until: {
                $0.hasSuffix("\"seq\":\(count)}\n\n")
            }
            var (heard, missed) = (0, 0)
            for frame in text.split(separator: "\n\n") where frame.hasPrefix("event: ") {
                let lines = frame.split(separator: "\n")
                if lines.first == "event: missed" {
                    let facts = try JSONValue(parsing: String(try #require(lines.last).dropFirst("data: ".count)))
                    #expect(facts["event"] == "missed")
                    missed += Int(try #require(facts["count"]?.integer))
                } else {
                    heard += 1
                    #expect(lines.dropFirst().first == "id: \(heard + missed)")
                }
            }
            #expect(missed > 0)
            #expect(heard + missed == count)
        }
    }

    @Test("readers that went away, and readers that never read, are in nobody's way")
    func leaves() async throws {
        try await Sidecar.run { sidecar in
            let idle = try await sidecar.client.execute(sidecar.request(.GET, "/v1/events"), timeout: .seconds(30))
            for _ in 0..<20 { try await sidecar.raw(Array("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), hangsUp: true) }
            for number in 0..<200 {
                let answer = try await sidecar.post(operation("e\(number)"))
                #expect(answer.status == 202)
            }
            #expect(idle.status == .ok)
        }
    }
}
