import GuardianCore
import GuardianHTTP
import Synchronization
import Testing

@Suite("What is told of the wire") struct WireObserverTests {
    /// Remembers what it is told, in its order.
    private final class Listener: WireObserver {
        struct Heard: Sendable {
            var entity: String
            /// Method and path, or the status.
            var what: String
            var body: String
        }

        private let heard = Mutex<[Heard]>([])

        var isListening: Bool { true }
        var all: [Heard] { heard.withLock { $0 } }
        var words: [String] { all.map { "\($0.entity) \($0.what)" } }

        func sent(_ message: WireMessage, of operation: GuardianCore.Operation) {
            note(operation, "\(message.method) \(message.path)", message.body)
        }

        func answered(_ message: WireMessage, status: Int, afterMs: Int64, to operation: GuardianCore.Operation) {
            note(operation, "\(status)", message.body)
        }

        private func note(_ operation: GuardianCore.Operation, _ what: String, _ body: String) {
            heard.withLock { $0.append(Heard(entity: operation.entity.id, what: what, body: body)) }
        }
    }

    private static func batching(_ listener: Listener, size: Int) -> (inout HTTPTransportConfiguration) -> Void {
        return { configuration in
            let endpoint = BatchEndpoint(path: "/api/v1/batch", size: size)
            configuration.routes = [
                Route(operation: "update", entity: "room", method: "PUT", path: "/api/v1/rooms/{id}", batch: endpoint)
            ]
            configuration.envelope = .none
            configuration.observer = listener
        }
    }

    @Test("of a batch each operation is told by itself: its own body, then its own result and status, or the whole where it has none")
    func batch() async throws {
        let listener = Listener()
        let claims = try ["r1", "r2", "r3"].map { try claimed(id: $0, payload: #"{"of":"\#($0)"}"#) }
        let results = zip(claims, [200, 422]).map { claim, status in
            #"{"idempotency_key":"\#(claim.operation.idempotencyKey)","status":\#(status),"body":{}}"#
        }
        let whole = #"{"results":[\#(results.joined(separator: ","))]}"#
        let reply = WireServer.Reply.answer(200, whole, fields: "Content-Type: application/json")
        try await WireServer.run(reply: { _ in reply }) { server in
            try await withTransport(to: server.url, configure: Self.batching(listener, size: 3)) { transport in
                await transport.send(claims.map { Dispatch(claim: $0, timeoutMs: 20_000) }, token: nil) { _, _ in }
            }
            #expect(server.requests.map(\.target) == ["/api/v1/batch"])
        }
        let sent = ["r1", "r2", "r3"].map { "\($0) POST /api/v1/batch" }
        #expect(listener.words == sent + ["r1 200", "r2 422", "r3 200"])
        let bodies = try listener.all.map { try JSONValue(parsing: $0.body) }
        let payloads = try claims.map { try JSONValue(parsing: $0.operation.payload ?? "") }
        #expect(Array(bodies.prefix(3)) == payloads)
        let answers = try (results + [whole]).map { try JSONValue(parsing: $0) }
        #expect(Array(bodies.suffix(3)) == answers)
    }

    @Test("a batch that is not taken is told as that, and then what goes alone instead")
    func refusedBatch() async throws {
        let listener = Listener()
        let claims = try ["r1", "r2"].map { try claimed(id: $0) }
        let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
            request.target == "/api/v1/batch" ? .answer(404, "none") : .answer(200, "{}")
        }
        try await WireServer.run(reply: reply) { server in
            try await withTransport(to: server.url, configure: Self.batching(listener, size: 2)) { transport in
                await transport.send(claims.map { Dispatch(claim: $0, timeoutMs: 20_000) }, token: nil) { _, _ in }
            }
        }
        for room in ["r1", "r2"] {
            let own = listener.words.filter { $0.hasPrefix(room) }
            #expect(own == ["POST /api/v1/batch", "404", "PUT /api/v1/rooms/\(room)", "200"].map { "\(room) \($0)" })
        }
    }

    @Test("a look is told, its request and its answer")
    func look() async throws {
        let listener = Listener()
        let claim = try claimed()
        try await WireServer.run(reply: { _ in .answer(404, "gone") }) { server in
            let look = try await withTransport(to: server.url, configure: { $0.observer = listener }) { transport in
                await transport.look(claim, token: nil, timeoutMs: 20_000)
            }
            #expect(look == .notApplied)
        }
        #expect(listener.words == ["r1 GET /api/v1/rooms/r1", "r1 404"])
        #expect(listener.all.map(\.body) == ["", "gone"])
    }

    @Test("a redirect is told as an answer of its own, before the request that follows it")
    func redirect() async throws {
        let listener = Listener()
        let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
            request.target == "/v2" ? .accepted : .answer(307, "", fields: "Location: /v2")
        }
        try await WireServer.run(reply: reply) { server in
            let outcome = try await deliver(claimed(), to: server.url) { $0.observer = listener }
            #expect(outcome.word == "accepted")
        }
        #expect(listener.words == ["r1 PUT /api/v1/rooms/r1", "r1 307", "r1 PUT /v2", "r1 200"])
    }
}
