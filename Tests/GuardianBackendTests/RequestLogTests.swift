import GuardianBackend
import NIOHTTP1
import Testing

@Suite("Requests and effects are shown as they came")
struct RequestLogTests {
    @Test("API requests are logged in order, with headers and body, refused ones too")
    func log() async throws {
        try await RunningUpstream.run { upstream in
            _ = try await upstream.send(
                .PUT, "/api/v1/rooms/r%201?x=1", body: #"{ "a" : "é" }"#,
                fields: [("Authorization", "Bearer s3cret"), ("X-Two", "a"), ("X-Two", "b")])
            try await upstream.setMode(#"{"mode":"portal","kind":"511"}"#)
            _ = try await upstream.put("r2", key: "k2")
            try await upstream.setMode(#"{"mode":"drop_before"}"#)
            await upstream.expectNoAnswer { try await upstream.put("r3", key: "k3") }
            try await upstream.setMode(#"{"mode":"up"}"#)
            _ = try await upstream.send(.GET, "/api/v1/rooms/r9")

            let requests = try #require(try await upstream.send(.GET, "/_requests").json["requests"]).elements
            #expect(requests.map { $0["n"]?.whole } == [1, 2, 3, 4])
            #expect(requests.map { $0["method"]?.text } == ["PUT", "PUT", "PUT", "GET"])
            #expect(
                requests.map { $0["path"]?.text } == [
                    "/api/v1/rooms/r%201?x=1", "/api/v1/rooms/r2", "/api/v1/rooms/r3", "/api/v1/rooms/r9",
                ])
            #expect(requests.map { $0["status"]?.whole } == [200, 511, 0, 404])
            #expect(requests.first?.names == ["n", "method", "path", "headers", "body", "status", "at"])
            #expect(requests.first?["body"]?.text == #"{ "a" : "é" }"#)
            let headers = try #require(requests.first?["headers"])
            #expect(headers["authorization"]?.text == "Bearer s3cret")
            #expect(headers["x-two"]?.text == "a, b")
            #expect(headers["host"]?.text?.hasPrefix("127.0.0.1:") == true)
            for request in requests { #expect(request["at"]?.text?.wholeMatch(of: Self.timestamp) != nil) }

            let page = try await upstream.send(.GET, "/_requests?after=1&limit=2").json["requests"]?.elements
            #expect(page?.map { $0["n"]?.whole } == [2, 3])
            #expect(upstream.upstream.requests(after: 3).map(\.path) == ["/api/v1/rooms/r9"])
            #expect(try await upstream.send(.GET, "/_requests?after=9").json["requests"]?.elements.isEmpty == true)
        }
    }

    @Test("the log keeps the last 10 000")
    func bound() async throws {
        try await RunningUpstream.run { upstream in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask { for _ in 0..<1376 { _ = try await upstream.send(.GET, "/api/v1/rooms/r1") } }
                }
                try await group.waitForAll()
            }
            let requests = upstream.upstream.requests()
            #expect(requests.map(\.n) == Array(1009...11_008))
            #expect(requests.allSatisfy { $0.status == 404 && $0.path == "/api/v1/rooms/r1" })
        }
    }

    @Test("a body that is too large is logged without it")
    func tooLarge() async throws {
        try await RunningUpstream.run(.init(port: 0, bodyLimit: 100)) { upstream in
            let answer = try await upstream.put("r1", key: "k1", payload: #"{"a":"\#(String(repeating: "x", count: 200))"}"#)
            #expect(answer.status == 413 && answer.json["meta"]?["trace_id"]?.text == "t-1")
            #expect(upstream.upstream.requests().map(\.body) == [""])
            #expect(upstream.upstream.requests().map(\.status) == [413])
        }
    }

    @Test("numbers in a query are checked", arguments: ["/_requests?after=x", "/_requests?limit=-1", "/_effects?after=1.5"])
    func query(path: String) async throws {
        try await RunningUpstream.run { upstream in
            let answer = try await upstream.send(.GET, path)
            #expect(answer.status == 400)
            let field = path.contains("after") ? "after" : "limit"
            #expect(answer.json["error"]?["message"]?.text?.hasPrefix(field) == true, "\(answer.body)")
        }
    }

    @Test("effects have the names of the contract")
    func effects() async throws {
        try await RunningUpstream.run { upstream in
            let body = #"{"meta":{"trace_id":"t-1","operation_id":"o-1"},"payload":{"id":"r 1","seq":7}}"#
            let created = try await upstream.send(.POST, "/api/v1/rooms", body: body, fields: [("Idempotency-Key", "k1")])
            #expect(created.status == 201)
            _ = try await upstream.put("r%201", key: "k2")
            let effects = try #require(try await upstream.send(.GET, "/_effects").json["effects"]).elements
            let names: Set = ["n", "idempotency_key", "method", "path", "entity", "at", "trace_id"]
            #expect(effects.map(\.names) == [names.union(["operation_id", "payload_seq"]), names])
            #expect(effects.map { $0["n"]?.whole } == [1, 2])
            #expect(effects.map { $0["idempotency_key"]?.text } == ["k1", "k2"])
            #expect(effects.map { $0["method"]?.text } == ["POST", "PUT"])
            #expect(effects.map { $0["path"]?.text } == ["/api/v1/rooms", "/api/v1/rooms/r%201"])
            #expect(effects.map { $0["entity"]?.text } == ["/api/v1/rooms/r%201", "/api/v1/rooms/r%201"])
            #expect(effects.first?["operation_id"]?.text == "o-1")
            for effect in effects { #expect(effect["at"]?.text?.wholeMatch(of: Self.timestamp) != nil) }
            let second = try await upstream.send(.GET, "/_effects?after=1&limit=5").json["effects"]?.elements
            #expect(second?.map { $0["n"]?.whole } == [2])
        }
    }

    private static var timestamp: Regex<Substring> { /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/ }
}
