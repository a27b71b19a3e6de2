import GuardianCore
import GuardianTesting
import Testing

@Suite(.timeLimit(.minutes(5))) struct ScriptedTransportTests {
    private func claim(_ id: String, entity: String = "1") -> Claim {
        var random = Xoshiro256(seed: 1)
        let operation = Operation(
            id: .text(id), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
            entity: EntityKey(type: "room", id: entity), payload: "{}", enqueuedAt: Timestamp(milliseconds: 0))
        return Claim(operation: operation, fence: Fence(owner: "a", epoch: 1))
    }

    private func send(_ claim: Claim, by transport: ScriptedTransport) async -> Outcome {
        await transport.send(claim, token: nil, timeoutMs: 30_000)
    }

    @Test("without a script everything is accepted with 200")
    func accepts() async { #expect(await send(claim("a"), by: ScriptedTransport()) == .status(200)) }

    @Test("the operation's answers come before the entity's, those before anyone's, those before the standing one")
    func precedence() async {
        let transport = ScriptedTransport(otherwise: .status(204))
        transport.answer(.status(500))
        transport.answer(entity: EntityKey(type: "room", id: "1"), .status(503), .status(502))
        transport.answer(operation: .text("a"), .status(422))
        var found: [Outcome] = []
        for id in ["a", "a", "b", "a", "a"] { found.append(await send(claim(id), by: transport)) }
        #expect(found == [.status(422), .status(503), .status(502), .status(500), .status(204)])
    }

    @Test("the standing answer may depend on the request")
    func standingAnswer() async {
        let transport = ScriptedTransport()
        transport.answerOtherwise { $0.token == "good" ? .status(200) : .status(401) }
        #expect(await send(claim("a"), by: transport) == .status(401))
        #expect(await transport.send(claim("a"), token: "good", timeoutMs: 1) == .status(200))
    }

    @Test("fetches and looks have scripts of their own, with the same precedence, and are remembered apart from what is sent")
    func fetchesAndLooks() async {
        let transport = ScriptedTransport()
        let (first, other) = (claim("a"), claim("b", entity: "2"))
        #expect(await transport.fetch(first, token: nil, timeoutMs: 1) == .unable)
        #expect(await transport.look(first, token: nil, timeoutMs: 1) == .unable)
        transport.hold()
        transport.answerFetchOtherwise(.gone)
        transport.answerFetch(.present(["n": 1], etag: nil))
        transport.answerFetch(entity: EntityKey(type: "room", id: "1"), .present(["n": 2], etag: "v2"))
        transport.answerFetch(operation: .text("a"), .failed(.status(503)))
        var fetches: [Fetch] = []
        for claim in [first, first, first, first, other] { fetches.append(await transport.fetch(claim, token: "secret", timeoutMs: 7)) }
        #expect(fetches == [.failed(.status(503)), .present(["n": 2], etag: "v2"), .present(["n": 1], etag: nil), .gone, .gone])
        transport.answerLookOtherwise { $0.operation.id == .text("a") ? .applied() : .notApplied }
        transport.answerLook(.unclear("both"))
        transport.answerLook(entity: EntityKey(type: "room", id: "1"), .notApplied)
        transport.answerLook(operation: .text("a"), .failed(.status(500)))
        var looks: [Look] = []
        for claim in [first, first, first, first, other] { looks.append(await transport.look(claim, token: nil, timeoutMs: 1)) }
        #expect(looks == [.failed(.status(500)), .notApplied, .unclear("both"), .applied(), .notApplied])
        #expect(transport.fetches.map(\.number) == [1, 2, 3, 4, 5, 6] && transport.fetches.last?.token == "secret")
        #expect(transport.looks.map(\.operation.id) == Array(repeating: OperationID.text("a"), count: 5) + [.text("b")])
        #expect(transport.attempts.isEmpty)
    }

    @Test("an app's merge policy is tried with what a fetch is to find")
    func merges() async throws {
        let transport = ScriptedTransport()
        transport.answerFetch(entity: EntityKey(type: "room", id: "1"), .present(["name": "Kitchen", "temperature": 23], etag: "v2"))
        var configuration = SyncEngine.Configuration()
        configuration.processor.conflicts = ConflictRules(standard: .merge(ThreeWayMerge()))
        let engine = SyncEngine(store: MemoryStore(), transport: transport, configuration: configuration)
        try await engine.enqueue(
            NewOperation(
                "update", entityType: "room", entityID: "1", payload: #"{"name":"Galley","temperature":20}"#, id: "a",
                base: #"{"name":"Kitchen","temperature":20}"#))
        async let running: Void = engine.run()
        #expect(try await engine.outcome(of: .text("a")) == .processed(answer: nil))
        engine.drain()
        try await running
        #expect(transport.fetches.map(\.operation.id) == [.text("a")])
        #expect(transport.attempts.map(\.operation.payload) == [#"{"name":"Galley","temperature":23}"#])
        #expect(transport.attempts.map(\.operation.ifMatch) == ["v2"])
    }

    @Test("a status is classed as the real transport would: 429 waits, 404 on a delete is success")
    func statuses() {
        #expect(Outcome.status(429, retryAfterMs: 5) == .refused(.transient, Answer(status: 429, retryAfterMs: 5)))
        #expect(Outcome.status(404, operationType: "delete") == .accepted(Answer(status: 404)))
        #expect(Outcome.status(404, code: "GONE") == .refused(.permanent, Answer(status: 404, code: "GONE")))
    }

    @Test("a held request waits; released, it is answered by what the script says then")
    func holds() async {
        let transport = ScriptedTransport()
        transport.hold { $0.operation.id != .text("free") }
        async let first = send(claim("a"), by: transport)
        async let second = send(claim("b", entity: "2"), by: transport)
        await transport.waitForAttempts(2)
        #expect(await send(claim("free", entity: "3"), by: transport) == .status(200))
        #expect(Set(transport.held.map(\.operation.id)) == [.text("a"), .text("b")])

        #expect(transport.release(.text("a"), with: .status(422)))
        #expect(!transport.release(.text("nobody")))
        #expect(await first == .status(422))
        transport.answer(.status(503))
        transport.release()
        #expect(await second == .status(503))
        #expect(transport.held.isEmpty)
    }

    @Test("attempts are remembered in order, with how many were in flight at once, in all and per key")
    func remembers() async {
        let transport = ScriptedTransport()
        _ = await transport.send(claim("a"), token: "secret", timeoutMs: 7)
        transport.hold()
        async let first = send(claim("b"), by: transport)
        async let second = send(claim("c", entity: "2"), by: transport)
        let attempts = await transport.waitForAttempts(3)
        transport.release()
        _ = await (first, second)
        #expect(attempts.map(\.number) == [1, 2, 3])
        #expect(attempts[0].token == "secret" && attempts[0].timeoutMs == 7 && attempts[0].claim.fence.epoch == 1)
        #expect(transport.mostInFlight == 2)
        #expect(transport.mostInFlight(of: "room/1") == 1)
        #expect(transport.mostInFlight(of: "room/9") == 0)
    }

    @Test("cancelled before or while it is held, a request is interrupted")
    func interrupts() async {
        let transport = ScriptedTransport()
        transport.hold()
        let outcomes = await withTaskGroup(of: Outcome.self) { group in
            group.addTask { await send(claim("a"), by: transport) }
            await transport.waitForAttempts(1)
            group.cancelAll()
            group.addTask { await send(claim("b", entity: "2"), by: transport) }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes == [.interrupted, .interrupted])
        #expect(transport.held.isEmpty)
        #expect(transport.attempts.count == 2)
    }

    @Test("a test that is cancelled waits no longer")
    func waitsEnd() async {
        let transport = ScriptedTransport()
        let sink = RecordingSink()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { #expect(await transport.waitForAttempts(1).isEmpty) }
            group.addTask { #expect(await sink.first { _ in true } == nil) }
            group.cancelAll()
        }
    }
}
