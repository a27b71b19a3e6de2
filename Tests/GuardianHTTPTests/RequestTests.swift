import GuardianCore
import GuardianHTTP
import GuardianTesting
import Testing

@Suite struct RequestTests {
    /// The request that a claim becomes.
    private func request(
        of claim: Claim, token: String? = nil, configure: (inout HTTPTransportConfiguration) -> Void = { _ in }
    ) async throws -> WireRequest {
        var requests: [WireRequest] = []
        try await WireServer.run { server in
            let outcome = try await deliver(claim, to: server.url, token: token, configure: configure)
            #expect(outcome.word == "accepted")
            requests = server.requests
        }
        return try #require(requests.first)
    }

    @Test("a request has the headers of the wire, each once, and no others")
    func headers() async throws {
        let claim = try claimed()
        let request = try await request(of: claim, token: "secret") { $0.appVersion = "4.2.0" }
        #expect(
            request.fields.map(\.name).sorted() == [
                "accept", "authorization", "content-length", "content-type", "host", "idempotency-key", "trace-id", "traceparent",
                "user-agent", "x-app-version", "x-device-id",
            ])
        #expect(request["authorization"] == "Bearer secret")
        #expect(request["content-type"] == "application/json; charset=utf-8")
        #expect(request["idempotency-key"] == claim.operation.idempotencyKey.description)
        #expect(request["trace-id"] == claim.operation.traceID.description)
        #expect(request["x-app-version"] == "4.2.0")
        #expect(request["x-device-id"] == "6f1d1c0e-7a43-4f0e-9c1b-3f6a1f1c2d3e")
        #expect(request["user-agent"] == "GuardianSync/4.2.0")
    }

    @Test("an engine learns the app's version from its transport")
    func tellsItsVersion() async throws {
        let transport = try HTTPTransport(configuration: .init(url: "https://api.example.com", appVersion: "4.2.0", deviceID: "d"))
        let engine = SyncEngine(store: MemoryStore(), transport: transport)
        #expect(engine.configuration.processor.appVersion == "4.2.0")
        await transport.shutdown()
    }

    @Test("without a version of the app none is sent")
    func noVersion() async throws {
        let request = try await request(of: claimed())
        #expect(request["x-app-version"] == nil)
        #expect(request["user-agent"] == "GuardianSync")
    }

    @Test("traceparent is W3C Trace Context, with the operation's trace")
    func traceparent() async throws {
        let claim = try claimed()
        let parts = try #require(try await request(of: claim)["traceparent"]).split(separator: "-").map(String.init)
        #expect(parts.count == 4)
        #expect(parts[0] == "00" && parts[3] == "01")
        #expect(parts[1] == claim.operation.traceID.description.replacing("-", with: ""))
        #expect(parts[2].utf8.count == 16 && parts[2].allSatisfy { $0.isHexDigit && !$0.isUppercase })
        #expect(parts[2].contains { $0 != "0" })
    }

    @Test("If-Match names a strong ETag; a weak one would never match, and is left out")
    func ifMatch() async throws {
        var claim = try claimed()
        claim.operation.ifMatch = "\"v1\""
        #expect(try await request(of: claim)["if-match"] == "\"v1\"")
        claim.operation.ifMatch = "W/\"v1\""
        #expect(try await request(of: claim)["if-match"] == nil)
    }

    @Test("without a token there is no Authorization")
    func noToken() async throws {
        #expect(try await request(of: claimed())["authorization"] == nil)
    }

    @Test("the envelope has these members, a time with milliseconds, and the payload as it was written")
    func envelope() async throws {
        let payload = #"{ "n" : 9007199254740993, "x": 1.50e0, "s": "é\u0000\/" }"#
        let claim = try claimed(payload: payload)
        let meta = #"{"trace_id":"\#(claim.operation.traceID)","timestamp":"2026-01-01T00:00:00.007Z"}"#
        #expect(try await request(of: claim).body == #"{"meta":\#(meta),"payload":\#(payload)}"#)
    }

    @Test("the envelope names the optimistic change, whatever its token is made of")
    func token() async throws {
        let body = try JSONValue(parsing: try await request(of: claimed(txn: #"a"b\é"#)).body)
        #expect(body["meta"]?.members?.map(\.name) == ["trace_id", "timestamp", "txn_token"])
        #expect(body["meta"]?["txn_token"]?.string == #"a"b\é"#)
        #expect(body.members?.map(\.name) == ["meta", "payload"])
    }

    @Test("a delete without a payload sends an empty one")
    func emptyPayload() async throws {
        let claim = try claimed("delete", payload: nil)
        let request = try await request(of: claim)
        #expect(request.method == "DELETE")
        #expect(request.target == "/api/v1/rooms/r1")
        #expect(try JSONValue(parsing: request.body)["payload"] == [:])
    }

    @Test("without an envelope the payload goes bare")
    func bare() async throws {
        #expect(try await request(of: claimed(payload: #"{"n": 1}"#)) { $0.envelope = .none }.body == #"{"n": 1}"#)
    }

    @Test("every attempt is the same, byte for byte, after failures and after a restart too")
    func same() async throws {
        try await WireServer.run(reply: { _ in .answer(503) }) { server in
            var claim = try claimed(txn: "t")
            for attempt in 0..<3 {
                let outcome = try await deliver(claim, to: server.url, token: "secret")
                #expect(outcome.word == "transient")
                claim.operation.tries += 1
                claim.operation.attemptCount += 1
                claim.operation.lastAttemptAt = Timestamp(milliseconds: 1_767_225_700_000 + Int64(attempt))
                claim.operation.updatedAt = Timestamp(milliseconds: 1_767_225_800_000 + Int64(attempt))
                claim.operation.lastError = LastError(class: .transient, code: "HTTP_503", httpStatus: 503, message: "")
                claim.fence.epoch += 1
            }
            #expect(server.requests.count == 3)
            #expect(server.requests.allSatisfy { $0 == server.requests[0] })
        }
    }

    @Test("the trace's headers are asked for at each request, and those of a dispatch come before them")
    func traceHeaders() async throws {
        try await WireServer.run { server in
            try await withTransport(to: server.url, configure: { $0.traceHeaders = { [("traceparent", "asked")] } }) { transport in
                let claim = try claimed()
                _ = await transport.send(claim, token: nil, timeoutMs: 20_000)
                await transport.send([Dispatch(claim: claim, timeoutMs: 20_000)], token: nil) { _, _ in }
                let dispatch = Dispatch(claim: claim, timeoutMs: 20_000, headers: [("traceparent", "given")])
                await transport.send([dispatch], token: nil) { _, _ in }
            }
            #expect(server.requests.map { $0["traceparent"] } == ["asked", "asked", "given"])
        }
    }

    @Test("nothing goes out for whoever has been cancelled already")
    func cancelled() async throws {
        try await WireServer.run { server in
            try await withTransport(to: server.url) { transport in
                let dispatches = try (0..<8).map { Dispatch(claim: try claimed(id: "r\($0)"), timeoutMs: 20_000) }
                let sending = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    await transport.send(dispatches, token: nil) { _, outcome in #expect(outcome == .interrupted) }
                }
                await sending.value
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("a URL with a path puts it before every route")
    func prefix() async throws {
        try await WireServer.run { server in
            for suffix in ["/base/v9", "/base/v9/"] {
                let outcome = try await deliver(claimed(), to: server.url + suffix)
                #expect(outcome.word == "accepted")
            }
            #expect(server.requests.map(\.target) == ["/base/v9/api/v1/rooms/r1", "/base/v9/api/v1/rooms/r1"])
        }
    }

    /// Key mapping, the fields that are sent, a payload, and what goes out.
    static let mappings: [(Route.KeyMapping, [String]?, String, String)] = [
        (.none, nil, #"{ "heartRate" : 72.0 }"#, #"{ "heartRate" : 72.0 }"#),
        (.none, ["b", "c"], #"{"a":1,"b":{"a":2},"d":3}"#, #"{"b":{"a":2}}"#),
        (.snakeCase, nil, #"{"heartRate":72.0,"already_so":1,"x1":null}"#, #"{"heart_rate":72.0,"already_so":1,"x1":null}"#),
        (.snakeCase, nil, #"{"aB":{"cD":[{"eF":"gH"}]}}"#, #"{"a_b":{"c_d":[{"e_f":"gH"}]}}"#),
        (.camelCase, nil, #"{"heart_rate":72.0,"alreadySo":1}"#, #"{"heartRate":72.0,"alreadySo":1}"#),
        (.camelCase, nil, #"{"a_b":{"c_d":[{"e_f":"g_h"}]}}"#, #"{"aB":{"cD":[{"eF":"g_h"}]}}"#),
        (.snakeCase, ["heartRate"], #"{"heartRate":9007199254740993,"note":"x"}"#, #"{"heart_rate":9007199254740993}"#),
        (.camelCase, [], #"{"a_b":1}"#, "{}"),
    ]

    @Test("a route renames members at any depth, sends the fields it chooses, and leaves values alone", arguments: mappings)
    func mapping(mapping: Route.KeyMapping, fields: [String]?, payload: String, expected: String) async throws {
        let route = Route(operation: "*", entity: "*", method: "PATCH", path: "/x", keyMapping: mapping, fields: fields)
        let request = try await request(of: claimed(payload: payload)) {
            $0.envelope = .none
            $0.routes = [route]
        }
        #expect(request.method == "PATCH")
        #expect(request.body == expected)
    }

    @Test(
        "acronyms are one word, and underscores in front stay",
        arguments: [
            (Route.KeyMapping.snakeCase, "deviceID", "device_id"), (.snakeCase, "imageURLPath", "image_url_path"),
            (.snakeCase, "_id", "_id"), (.camelCase, "_id", "_id"), (.camelCase, "__typename", "__typename"),
        ])
    func spelling(mapping: Route.KeyMapping, name: String, expected: String) async throws {
        let route = Route(operation: "*", entity: "*", method: "PUT", path: "/x", keyMapping: mapping)
        let request = try await request(of: claimed(payload: #"{"\#(name)":1}"#)) {
            $0.envelope = .none
            $0.routes = [route]
        }
        #expect(request.body == #"{"\#(expected)":1}"#)
    }
}
