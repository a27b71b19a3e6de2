import GuardianCore
import GuardianHTTP
import Testing

/// What is fetched of an entity to settle a conflict: where it is asked for, and how it comes back.
@Suite struct FetchTests {
    private func fetch(
        _ claim: Claim, at reply: @escaping @Sendable (WireRequest) -> WireServer.Reply,
        configure: (inout HTTPTransportConfiguration) -> Void = { _ in }
    ) async throws -> (fetch: Fetch, targets: [String]) {
        var fetch = Fetch.unable
        var targets: [String] = []
        try await WireServer.run(reply: reply) { server in
            fetch = try await withTransport(to: server.url, configure: configure) { transport in
                await transport.fetch(claim, token: "secret", timeoutMs: 20_000)
            }
            #expect(server.requests.allSatisfy { $0["authorization"] == "Bearer secret" })
            targets = server.requests.map(\.target)
        }
        return (fetch, targets)
    }

    private func fetched(
        _ claim: Claim, _ data: String, configure: (inout HTTPTransportConfiguration) -> Void = { _ in }
    ) async throws -> JSONValue {
        let reply = WireServer.Reply.answer(200, #"{"meta":{},"data":\#(data)}"#, fields: "ETag: \"v7\"")
        guard case .present(let state, let etag) = try await fetch(claim, at: { _ in reply }, configure: configure).fetch else {
            Issue.record("nothing was fetched")
            return [:]
        }
        #expect(etag == "\"v7\"")
        return state
    }

    private func decide(_ claim: Claim, at state: JSONValue) throws -> Resolution {
        let local = try JSONValue(parsing: try #require(claim.operation.payload))
        let conflict = Conflict(
            operationType: claim.operation.type, entity: claim.operation.entity, local: local, server: .present(state, etag: nil))
        return Reconciler().decide(conflict, policy: .manual)
    }

    @Test(
        "an answer without an object is no empty entity: what is there is not known",
        arguments: ["", #"{"meta":{}}"#, #"{"meta":{},"data":null}"#, #"{"meta":{},"data":[1]}"#, #"{"meta":{},"data":{}}"#])
    func noState(body: String) async throws {
        let fetch = try await fetch(claimed(), at: { _ in .answer(200, body) }).fetch
        #expect(fetch.code == "NO_STATE")
    }

    @Test("the same for 204, and for what is no JSON to an upstream without an envelope")
    func noJSON() async throws {
        let empty = try await fetch(claimed(), at: { _ in .says("HTTP/1.1 204 No Content\r\n\r\n") }).fetch
        #expect(empty.code == "NO_STATE")
        let text = try await fetch(claimed(), at: { _ in .answer(200, #"{"n":1}"#, fields: "Content-Type: text/plain") }) {
            $0.envelope = .none
        }
        #expect(text.fetch.code == "NO_STATE")
    }

    @Test("an entity larger than what is read of an answer is a person's to see, and no failure of the network")
    func tooLarge() async throws {
        let body = #"{"meta":{},"data":{"n":"\#(String(repeating: "x", count: 2000))"}}"#
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let chunks = String(body.utf8.count, radix: 16) + "\r\n" + body + "\r\n0\r\n\r\n"
        for reply in [WireServer.Reply.answer(200, body), .says(head + chunks)] {
            let large = try await fetch(claimed(), at: { _ in reply }) { $0.responseBodyLimit = body.utf8.count - 1 }.fetch
            guard case .failed(.unsendable(let error)) = large else {
                Issue.record("\(large)")
                return
            }
            #expect(error.class == .conflict && error.code == "ANSWER_TOO_LARGE" && error.message.contains("\(body.utf8.count - 1) bytes"))
            let fits = try await fetch(claimed(), at: { _ in reply }) { $0.responseBodyLimit = body.utf8.count }.fetch
            guard case .present = fits else {
                Issue.record("\(fits)")
                return
            }
        }
    }

    @Test("what is no success means what its status says, however much it says")
    func longError() async throws {
        let long = String(repeating: "x", count: 4000)
        for status in [404, 410] {
            let gone = try await fetch(claimed(), at: { _ in .answer(status, long) }) { $0.responseBodyLimit = 1000 }
            #expect(gone.fetch == .gone)
        }
        let busy = try await fetch(claimed(), at: { _ in .answer(503, long) }) { $0.responseBodyLimit = 1000 }.fetch
        guard case .failed(.refused(.transient, let answer)) = busy else {
            Issue.record("\(busy)")
            return
        }
        #expect(answer.status == 503)
    }

    @Test("names come back as the operation has them, at any depth, and others by the route's spelling")
    func names() async throws {
        let payload = #"{"deviceID":"d","place":{"roomURL":"u"},"already_so":1,"list":[{"itemID":1}]}"#
        var claim = try claimed(payload: payload)
        claim.operation.base = #"{"imageURL":"i","id":"r1"}"#
        let there =
            #"{"id":"r1","device_id":"e","place":{"room_url":"v","floor_no":2},"already_so":2,"#
            + #""list":[{"item_id":3},{"item_id":4}],"image_url":"j","owner_name":"o","room_url":"w"}"#
        let route = Route(operation: "*", entity: "*", method: "PUT", path: "/rooms/{id}", keyMapping: .snakeCase)
        let state = try await fetched(claim, there) { $0.routes = [route] }
        let expected =
            #"{"id":"r1","deviceID":"e","place":{"roomURL":"v","floorNo":2},"already_so":2,"#
            + #""list":[{"itemID":3},{"itemID":4}],"imageURL":"j","ownerName":"o","roomUrl":"w"}"#
        #expect(state.text == expected)
    }

    @Test("a success brings the app's names too")
    func namesOfAnswer() async throws {
        let route = Route(operation: "*", entity: "*", method: "PUT", path: "/rooms/{id}", keyMapping: .snakeCase)
        let reply = WireServer.Reply.answer(200, #"{"meta":{},"data":{"id":"r1","device_id":"d"}}"#)
        let outcome = try await outcome(of: reply, claimed(payload: #"{"deviceID":"d"}"#)) { $0.routes = [route] }
        #expect(outcome.answer?.data == ["id": "r1", "deviceID": "d"])
    }

    @Test("a create that finds its own content is done, whatever the route's spelling, and whatever it does not send")
    func sameContent() async throws {
        let spelled = Route(operation: "create", entity: "room", method: "POST", path: "/rooms", keyMapping: .snakeCase)
        let claim = try claimed("create", payload: #"{"id":"r1","deviceID":"d"}"#)
        let state = try await fetched(claim, #"{"id":"r1","device_id":"d"}"#) { $0.routes = [spelled] }
        #expect(try decide(claim, at: state) == .alreadyDone)

        let chosen = Route(operation: "create", entity: "room", method: "POST", path: "/rooms", fields: ["id", "name"])
        let draft = try claimed("create", payload: #"{"id":"r1","name":"k","draft":true}"#)
        let there = try await fetched(draft, #"{"id":"r1","name":"k"}"#) { $0.routes = [chosen] }
        #expect(try decide(draft, at: there) == .alreadyDone)
        let other = try await fetched(draft, #"{"id":"r1","name":"other"}"#) { $0.routes = [chosen] }
        #expect(try decide(draft, at: other) != .alreadyDone)
    }

    @Test("redirects within the origin are followed, as for a write, and no others")
    func redirects() async throws {
        let moved = try await fetch(claimed()) { request in
            request.target == "/v2/r1" ? .answer(200, #"{"meta":{},"data":{"n":1}}"#) : .answer(307, "", fields: "Location: /v2/r1")
        }
        #expect(moved.fetch == .present(["n": 1], etag: nil))
        #expect(moved.targets == ["/api/v1/rooms/r1", "/v2/r1"])
        let round = try await fetch(claimed()) { _ in .answer(308, "", fields: "Location: /round") }
        #expect(round.fetch.code == "TOO_MANY_REDIRECTS")
        #expect(round.targets.count == 6)
        let abroad = try await fetch(claimed()) { _ in .answer(307, "", fields: "Location: http://127.0.0.2:1/x") }
        #expect(abroad.targets.count == 1)
    }

    @Test("an entity is read at the route for its type, else at the one for any, which no wildcard of operations is")
    func places() throws {
        let any = Route(operation: "read", entity: "*", method: "GET", path: "/any/{id}")
        let own = Route(operation: "read", entity: "room", method: "GET", path: "/own/{id}")
        let writes = Route(operation: "*", entity: "room", method: "PUT", path: "/writes/{id}")
        let operation = try claimed().operation
        #expect(try RouteTable([any, own, writes]).lookPath(for: operation) == "/own/r1")
        #expect(try RouteTable([any, writes]).lookPath(for: operation) == "/any/r1")
        #expect(try RouteTable([writes]).lookPath(for: operation) == "/writes/r1")
        #expect(RouteTable([any, writes]).entity(at: "/any/r1", types: ["room"]) == operation.entity)
    }

    @Test("the id is put behind the path of a create, unless that holds it already", arguments: ["{id}", "{entity_id}", "{room_id}"])
    func collection(parameter: String) throws {
        let operation = try claimed("create").operation
        #expect(try RouteTable().lookPath(for: operation) == "/api/v1/rooms/r1")
        let table = RouteTable([Route(operation: "create", entity: "room", method: "POST", path: "/rooms/\(parameter)")])
        #expect(try table.lookPath(for: operation) == "/rooms/r1")
    }
}

extension Fetch {
    /// Of what was not fetched.
    fileprivate var code: String? {
        switch self {
        case .failed(.unsendable(let error)): error.code
        case .failed(let outcome): outcome.answer?.code
        case .present, .gone: nil
        }
    }
}
