import GuardianCore
import GuardianTesting
import Testing

/// What an app can ask the engine (spec section 6).
@Suite struct AskingTests {
    private func rig() -> (SyncEngine, MemoryStore, ScriptedTransport) {
        let store = MemoryStore()
        let transport = ScriptedTransport()
        let configuration = SyncEngine.Configuration(principalHash: { "hash-" + $0 })
        return (SyncEngine(store: store, transport: transport, configuration: configuration), store, transport)
    }

    private func operation(_ id: String, entity: String = "1", principal: String? = nil) -> NewOperation {
        NewOperation("update", entityType: "room", entityID: entity, payload: "{}", id: id, principal: principal)
    }

    @Test("outcome waits for the end, and tells one that has passed")
    func outcome() async throws {
        let (engine, store, transport) = rig()
        transport.hold()
        try await engine.enqueue(operation("a"))
        async let outcome = engine.outcome(of: .text("a"))
        async let running: Void = engine.run()
        await transport.waitForAttempts(1)
        transport.release()
        #expect(try await outcome == .processed(answer: nil))
        engine.drain()
        try await running
        // Another engine over the same store, as after a restart.
        let later = SyncEngine(store: store, transport: transport)
        #expect(try await later.outcome(of: .text("a")) == .processed(answer: nil))
        await #expect(throws: SyncError.notFound(id: "never")) { try await later.outcome(of: .text("never")) }
    }

    @Test("outcome brings the answer's body, of an update where the app wants it kept", arguments: KeptAnswers.allCases)
    func answers(kept: KeptAnswers) async throws {
        let transport = ScriptedTransport()
        transport.answerOtherwise(.accepted(Answer(status: 200, data: ["name": "Ward 7"])))
        var configuration = SyncEngine.Configuration()
        configuration.processor.keptAnswers = kept
        let engine = SyncEngine(store: MemoryStore(), transport: transport, configuration: configuration)
        let create = NewOperation("create", entityType: "room", entityID: "1", payload: "{}", id: "c")
        try await engine.enqueue([create, operation("u", entity: "2")])
        async let running: Void = engine.run()
        let body = #"{"name":"Ward 7"}"#
        #expect(try await engine.outcome(of: .text("c")) == .processed(answer: body))
        #expect(try await engine.outcome(of: .text("u")) == .processed(answer: kept == .all ? body : nil))
        engine.drain()
        try await running
    }

    @Test("outcome of a cancelled operation says so, and of a failed one why")
    func otherEnds() async throws {
        let (engine, store, transport) = rig()
        try await engine.enqueue([operation("a", entity: "1"), operation("b", entity: "2")])
        _ = try await store.cancel(.text("a"), now: Timestamp(milliseconds: 0))
        transport.answerOtherwise(.refused(.permanent, Answer(status: 422, code: "INVALID")))
        async let running: Void = engine.run()
        #expect(try await engine.outcome(of: .text("a")) == .cancelled)
        guard case .failed(let error) = try await engine.outcome(of: .text("b")) else { throw SyncError.refused(reason: "not failed") }
        #expect(error.code == "INVALID")
        #expect(try await engine.state(of: EntityKey(type: "room", id: "2")) == .failed(error))
        engine.drain()
        try await running
    }

    @Test("the state of an entity counts what waits, and its stream tells each change", .timeLimit(.minutes(1)))
    func states() async throws {
        let (engine, _, transport) = rig()
        let entity = EntityKey(type: "room", id: "1")
        #expect(try await engine.state(of: entity) == .synced)
        try await engine.enqueue([operation("a"), operation("b"), operation("c", entity: "2")])
        #expect(try await engine.state(of: entity) == .pending(2))
        var states = engine.states(of: entity).makeAsyncIterator()
        #expect(try await states.next() == .pending(2))
        async let running: Void = engine.run()
        var last: EntityState?
        while last != .synced { last = try await states.next() }
        // The other entity's may come later.
        #expect(await transport.waitForAttempts(3).count == 3)
        engine.drain()
        try await running
    }

    @Test("one that never failed is pending, although a 401 was met and its route is to wait; one that failed is retrying, also when due")
    func putOff() async throws {
        let (engine, store, _) = rig()
        let entity = EntityKey(type: "room", id: "1")
        try await engine.enqueue(operation("a"))
        // Long before the engine's clock: all of it has passed.
        let start = Timestamp(milliseconds: 1_000_000_000_000)
        let lock = try await store.acquireLock(owner: "p", now: start, staleAfterMs: 1000)
        guard case .acquired(let fence, _, _) = lock else { throw SyncError.refused(reason: "no lock") }
        func settle(_ result: Settlement.Result, standstill: LastError? = nil, at now: Timestamp) async throws {
            let claim = try #require(try await store.exchange(Exchange(fence: fence, now: now, normal: 1)).claims.first)
            var settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: result)
            settlement.standstill = standstill
            _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: [settlement]))
        }
        let login = LastError(class: .auth, code: "HTTP_401", httpStatus: 401, message: "log in")
        try await settle(.returned, standstill: login, at: start)
        let held = start.adding(milliseconds: 5000)
        try await settle(.putOff(until: held, waitMs: 5000), at: start)
        let stored = try #require(try await store.operation(.text("a")))
        #expect(stored.lastError == login && stored.nextRetryAt == held)
        #expect(try await engine.state(of: entity) == .pending(1))

        let busy = LastError(class: .transient, code: "BUSY", httpStatus: 503, message: "later")
        let due = held.adding(milliseconds: 5000)
        try await settle(.retry(due: due, backoffMs: 5000, error: busy, charged: true, failureMark: 1), at: held)
        #expect(try await engine.state(of: entity) == .retrying(until: due, busy))
    }

    @Test("what another process does to an entity is told within a second", .timeLimit(.minutes(1)))
    func statesOfOthers() async throws {
        let store = MemoryStore()
        let clock = TestClock()
        let engine = SyncEngine(store: store, transport: ScriptedTransport(), clock: clock)
        let entity = EntityKey(type: "room", id: "1")
        var new = operation("a")
        new.payload = #"{"n":1}"#
        try await engine.enqueue(new)
        var states = engine.states(of: entity).makeAsyncIterator()
        var overlays = engine.optimistic.overlays(of: entity).makeAsyncIterator()
        #expect(try await states.next() == .pending(1))
        #expect(try await overlays.next() == Overlay(state: ["n": 1], isPending: true))
        async let outcome = engine.outcome(of: .text("a"))
        await clock.waitForSleepers(3)
        _ = try await store.cancel(.text("a"), now: clock.now.wall)
        clock.advance(byMilliseconds: 1000)
        #expect(try await states.next() == .synced)
        #expect(try await overlays.next() == Overlay(state: nil))
        #expect(try await outcome == .cancelled)
    }

    @Test("however much happens while an entity is looked at, it is looked at once more", .timeLimit(.minutes(1)))
    func looksOnceForMany() async throws {
        let rig = EngineRig()
        var states = rig.engine.states(of: EntityKey(type: "room", id: "a")).makeAsyncIterator()
        #expect(try await states.next() == .synced)
        rig.store.hold()
        rig.engine.tell(.drained)
        let isLooking = await rig.eventually { rig.store.held == 1 }
        #expect(isLooking)
        let before = rig.store.count(.operations)
        for _ in 0..<1000 { rig.engine.tell(.drained) }
        rig.store.release()
        try await rig.enqueue(["a"])
        #expect(try await states.next() == .pending(1))
        #expect(rig.store.count(.operations) - before < 10)
    }

    @Test("unsent is what a logout would leave behind: of that principal only, in order")
    func unsent() async throws {
        let (engine, _, _) = rig()
        try await engine.enqueue([operation("a", principal: "anna"), operation("b", principal: "bob"), operation("c", principal: "anna")])
        #expect(try await engine.unsent(for: "anna").map(\.id) == [.text("a"), .text("c")])
        #expect(try await engine.unsent(for: "nobody").isEmpty)
        let plain = SyncEngine(store: MemoryStore(), transport: ScriptedTransport())
        await #expect(throws: SyncError.self) { try await plain.enqueue(operation("x", principal: "anna")) }
    }

    @Test("what may have been applied is taken back by its undo, as far as what was before is known")
    func undo() throws {
        var random = Xoshiro256(seed: 1)
        func stored(_ type: String, base: String?) throws -> Operation {
            let new = NewOperation(type, entityType: "room", entityID: "1", payload: #"{"n":1}"#, base: base)
            return try Admission().admit(new, at: Timestamp(milliseconds: 0), random: &random)
        }
        #expect(try stored("create", base: nil).undo()?.operationType == "delete")
        #expect(try stored("update", base: #"{"n":0}"#).undo()?.payload == #"{"n":0}"#)
        #expect(try stored("update", base: nil).undo() == nil)
        #expect(try stored("delete", base: #"{"n":0}"#).undo()?.operationType == "create")
    }

    @Test("an undo has the payload's version, and goes out for the principal of what it takes back or for nobody")
    func undoOfPrincipal() async throws {
        let (engine, store, _) = rig()
        var new = operation("a", principal: "anna")
        new.base = #"{"n":0}"#
        new.schemaVersion = 3
        try await engine.enqueue(new)
        let anna = try #require(try await store.operation(.text("a")))
        #expect(anna.undo() == nil)
        let undo = try #require(anna.undo(as: "anna"))
        #expect(undo.principal == "anna" && undo.schemaVersion == 3)
        try await engine.enqueue(undo)
        #expect(try await engine.unsent(for: "anna").map(\.payload) == ["{}", #"{"n":0}"#])
        new.principal = nil
        new.id = "b"
        try await engine.enqueue(new)
        let nobody = try #require(try await store.operation(.text("b")))
        #expect(nobody.undo(as: "anna") == nobody.undo())
        #expect(nobody.undo()?.schemaVersion == 3)
    }
}
