import GuardianCore
import GuardianHTTP
import Testing

/// What a look makes of the upstream's answer, before an operation whose outcome is unknown goes out again.
@Suite struct LookTests {
    private static let archive = Route(operation: "archive", entity: "room", method: "POST", path: "/api/v1/rooms/{id}/archive")
    private static let read = Route(operation: "read", entity: "room", method: "GET", path: "/rooms/{id}")

    private static func route(_ operation: String, _ method: String, _ path: String) -> Route {
        Route(operation: operation, entity: "room", method: method, path: path)
    }

    private func look(_ claim: Claim, at reply: WireServer.Reply, routes: [Route] = []) async throws -> Look {
        var look = Look.unable
        try await WireServer.run(reply: { _ in reply }) { server in
            look = try await withTransport(to: server.url, configure: { $0.routes = routes }) { transport in
                await transport.look(claim, token: nil, timeoutMs: 20_000)
            }
            #expect(server.requests.allSatisfy { $0.method == "GET" && $0["idempotency-key"] == nil && $0["if-match"] == nil })
        }
        return look
    }

    /// An operation that is looked for where nothing is.
    struct Absent: Sendable {
        var type = "create"
        var payload = #"{"n":1}"#
        var assignsID = false
        var routes: [Route] = []
        var expected = "unclear"
    }

    static let absent = [
        Absent(type: "update", expected: "not applied"), Absent(), Absent(payload: #"{"id":"r1","n":1}"#, expected: "not applied"),
        Absent(payload: #"{"id":"r2","n":1}"#), Absent(payload: #"{"id":"r1","n":1}"#, assignsID: true),
        Absent(type: "update", assignsID: true, expected: "not applied"), Absent(routes: [read]),
        Absent(payload: #"{"id":"r1"}"#, routes: [read], expected: "not applied"),
        Absent(
            payload: #"{"id":"r1","n":1}"#,
            routes: [Route(operation: "create", entity: "room", method: "POST", path: "/rooms", fields: ["n"])]),
        Absent(routes: [route("create", "PUT", "/rooms/{entity_id}")], expected: "not applied"),
        Absent(routes: [route("create", "POST", "/rooms/{room_id}")], expected: "not applied"),
        Absent(type: "update", routes: [route("update", "POST", "/rooms/{room_id}/rename")]),
        Absent(type: "archive", payload: #"{"id":"r1"}"#, routes: [archive]),
        Absent(type: "archive", payload: #"{"id":"r1"}"#, routes: [archive, read]),
        Absent(type: "update", routes: [route("update", "POST", "/rooms/{id}/rename")]),
        Absent(type: "update", routes: [route("update", "POST", "/rooms/{id}/rename"), read], expected: "not applied"),
        Absent(type: "update", routes: [route("update", "POST", "/rooms/{id}?now=1")], expected: "not applied"),
        Absent(type: "delete", expected: "not applied"),
    ]

    @Test("what is not there was not applied only where the upstream would have it under its id", arguments: absent.indices)
    func gone(index: Int) async throws {
        let given = Self.absent[index]
        for status in [404, 410] {
            var claim = try claimed(given.type, payload: given.payload)
            if given.assignsID { claim.operation.references = [Reference(to: claim.operation.entity)] }
            let look = try await look(claim, at: .answer(status), routes: given.routes)
            #expect(look.word == given.expected, "\(given)")
        }
    }

    /// An operation, and what is there.
    struct Present: Sendable {
        var type = "update"
        var payload = #"{"n":1}"#
        var base: String?
        var ifMatch: String?
        var there: String
        var etag: String?
        var expected: String
    }

    static let present = [
        Present(payload: #"{"a":{"y":2,"x":1},"t":21.0}"#, there: #"{"id":"r1","t":21,"a":{"x":1,"y":2,"z":3}}"#, expected: "applied"),
        Present(payload: #"{"n":1,"version":3,"updated_at":"then"}"#, there: #"{"n":1,"version":4}"#, expected: "applied"),
        Present(type: "create", payload: #"{"id":"r1","n":1}"#, there: #"{"id":"r1","n":1e0}"#, expected: "applied"),
        Present(type: "create", payload: #"{"id":"r1","n":1}"#, there: #"{"id":"r1","n":2}"#, expected: "unclear"),
        Present(there: #"{"n":2}"#, expected: "unclear"),
        Present(ifMatch: "\"v1\"", there: #"{"n":2}"#, etag: "\"v1\"", expected: "not applied"),
        Present(ifMatch: "\"v1\"", there: #"{"n":2}"#, etag: "\"v2\"", expected: "unclear"),
        Present(ifMatch: "W/\"v1\"", there: #"{"n":2}"#, etag: "W/\"v1\"", expected: "unclear"),
        Present(base: #"{"n":0.0,"m":1}"#, there: #"{"n":0,"m":2}"#, expected: "not applied"),
        Present(base: #"{"n":0}"#, there: #"{"n":5}"#, expected: "unclear"),
        Present(payload: "{}", base: "{}", there: #"{"n":5}"#, expected: "unclear"),
        Present(type: "archive", payload: "{}", there: #"{"n":5}"#, expected: "unclear"),
        Present(
            type: "archive", payload: #"{"by":5}"#, base: #"{"n":5}"#, ifMatch: "\"v\"", there: #"{"n":5}"#, etag: "\"v\"",
            expected: "unclear"),
        Present(type: "delete", there: #"{"n":1}"#, expected: "not applied"),
    ]

    @Test("what is there is compared by its meaning with what was sent and with the base, and by its ETag", arguments: present.indices)
    func there(index: Int) async throws {
        let given = Self.present[index]
        var claim = try claimed(given.type, payload: given.payload)
        claim.operation.base = given.base
        claim.operation.ifMatch = given.ifMatch
        let reply = WireServer.Reply.answer(
            200, #"{"meta":{},"data":\#(given.there)}"#, fields: given.etag.map { "ETag: \($0)" } ?? "Vary: Accept")
        let look = try await look(claim, at: reply, routes: [Self.archive])
        #expect(look.word == given.expected, "\(given)")
    }

    @Test("only what the route sends is looked for")
    func sentFields() async throws {
        let claim = try claimed(payload: #"{"deviceID":"d","draft":"x"}"#)
        let route = Route(
            operation: "update", entity: "room", method: "PUT", path: "/rooms/{id}", keyMapping: .snakeCase, fields: ["deviceID"])
        let look = try await look(claim, at: .answer(200, #"{"meta":{},"data":{"device_id":"d"}}"#), routes: [route])
        #expect(look == .applied(["deviceID": "d", "draft": "x"]))
    }

    @Test("what is found says what stands there, under which ETag, and under which id the upstream has given it")
    func found() async throws {
        let reply = WireServer.Reply.answer(200, #"{"meta":{},"data":{"id":"s1","n":1}}"#, fields: "ETag: \"v1\"")
        let byClientID = Route(operation: "read", entity: "room", method: "GET", path: "/rooms/of-client/{id}")
        let look = try await look(claimed("create"), at: reply, routes: [byClientID])
        #expect(look == .applied(["id": "s1", "n": 1], etag: "\"v1\""))
    }

    @Test("an answer that says nothing of the entity tells nothing, and one that does not come is asked for again")
    func unknown() async throws {
        let silent = try await look(claimed(), at: .answer(200, ""))
        #expect(silent.word == "unclear")
        let busy = try await look(claimed(), at: .answer(503))
        #expect(busy.word == "failed")
        // As large as it is, it will not be smaller when it is asked for again: a person looks at it.
        let large = try await look(claimed(), at: .answer(200, #"{"meta":{},"data":{"n":"\#(String(repeating: "x", count: 2 << 20))"}}"#))
        #expect(large.word == "unclear")
    }
}

extension Look {
    fileprivate var word: String {
        switch self {
        case .applied: "applied"
        case .notApplied: "not applied"
        case .unclear: "unclear"
        case .failed: "failed"
        }
    }
}
