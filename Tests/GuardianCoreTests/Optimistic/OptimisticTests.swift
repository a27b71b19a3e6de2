import GuardianCore
import GuardianTesting
import Synchronization
import Testing

/// Changes that are shown before the upstream has taken them, through a running engine.
@Suite struct OptimisticTests {
    static let room = EntityKey(type: "room", id: "1")

    /// Names of what the handlers were asked for, in order; a test awaits them.
    final class Heard: Sendable {
        private let (stream, continuation) = AsyncStream.makeStream(of: String.self)

        func note(_ ending: OptimisticEnding) { note("\(ending.change.txnToken) \(ending.reason?.code ?? "committed")") }

        func note(_ word: String) { continuation.yield(word) }

        /// The next `count`; one reader.
        func next(_ count: Int) async -> [String] {
            var heard: [String] = []
            for await word in stream {
                heard.append(word)
                if heard.count == count { break }
            }
            return heard
        }
    }

    /// The tokens of endings that were told, in order; a test looks at them.
    private final class Told: Sendable {
        private let state = Mutex<[String]>([])

        var tokens: [String] { state.withLock { $0 } }

        func note(_ token: String) { state.withLock { $0.append(token) } }
    }

    private func change(_ token: String, dependsOn: String? = nil) -> OptimisticChange {
        OptimisticChange(txnToken: token, entity: Self.room, original: #"{"name":"before"}"#, dependsOn: dependsOn)
    }

    private func update(_ id: String, token: String, entity: String = "1", payload: String = #"{"name":"after"}"#) -> NewOperation {
        NewOperation("update", entityType: "room", entityID: entity, payload: payload, id: id, txnToken: token)
    }

    private static let refusal = Outcome.refused(.permanent, Answer(status: 422, code: "INVALID"))

    private func running(_ engine: SyncEngine, _ body: () async throws -> Void) async throws {
        async let run: Void = engine.run()
        try await body()
        engine.drain()
        try await run
    }

    @Test("a change is committed when its last operation is processed, and rolled back with the reason when one fails")
    func endings() async throws {
        let transport = ScriptedTransport()
        let sink = RecordingSink()
        let engine = SyncEngine(store: MemoryStore(), transport: transport, sinks: [sink])
        let heard = Heard()
        transport.answer(operation: .text("c"), Self.refusal)
        for token in ["good", "bad"] {
            try await engine.optimistic.register(
                change(token), commit: { heard.note($0) },
                rollback: { ending in
                    #expect(ending.change.original == #"{"name":"before"}"#)
                    heard.note(ending)
                })
        }
        try await engine.enqueue([update("a", token: "good"), update("b", token: "good")])
        try await running(engine) {
            #expect(await heard.next(1) == ["good committed"])
            try await engine.enqueue(update("c", token: "bad"))
            #expect(await heard.next(1) == ["bad INVALID"])
            await sink.wait(for: 1) { if case .rolledBack("bad", let reason) = $0 { reason.code == "INVALID" } else { false } }
        }
        #expect(sink.count { $0.isNamed("rolled_back") } == 1)
    }

    @Test("what depends on a change is undone before it, newest first, and waits in failed for a person")
    func dependents() async throws {
        let store = MemoryStore()
        let transport = ScriptedTransport()
        let engine = SyncEngine(store: store, transport: transport)
        let heard = Heard()
        engine.optimistic.attach { _, ending in heard.note(ending) }
        transport.answer(operation: .text("a"), Self.refusal)
        try await engine.optimistic.register(change("first"))
        try await engine.optimistic.register(change("second", dependsOn: "first"))
        try await engine.optimistic.register(change("third", dependsOn: "second"))
        try await engine.enqueue([update("a", token: "first"), update("b", token: "second"), update("c", token: "third")])
        try await running(engine) {
            #expect(await heard.next(3) == ["third DEPENDS_ON", "second DEPENDS_ON", "first INVALID"])
        }
        let failed = try await store.list(OperationFilter(status: .failed))
        #expect(failed.map { $0.lastError?.class } == [.permanent, .dependency, .dependency])
        #expect(transport.attempts.count == 1)
    }

    @Test("endings of before a restart come to who attaches, oldest first, before those that come later")
    func missed() async throws {
        let store = MemoryStore()
        let first = SyncEngine(store: store, transport: ScriptedTransport())
        for token in ["t", "u"] { try await first.optimistic.register(change(token)) }
        try await first.enqueue([update("a", token: "t"), update("b", token: "u")])
        try await running(first) { _ = try await first.outcome(of: .text("b")) }

        let second = SyncEngine(store: store, transport: ScriptedTransport())
        let heard = Heard()
        try await second.optimistic.register(change("v"))
        try await second.enqueue(update("c", token: "v"))
        try await running(second) {
            _ = try await second.outcome(of: .text("c"))
            second.optimistic.attach { change, ending in
                #expect(change == ending.change)
                heard.note(ending)
            }
            #expect(await heard.next(3) == ["t committed", "u committed", "v committed"])
        }
    }

    @Test("a handler that throws is asked again, and holds up what is behind it; what was taken is forgotten")
    func asksAgain() async throws {
        struct Busy: Error {}
        let rig = EngineRig()
        let asked = Mutex<[String]>([])
        rig.engine.optimistic.attach { change, _ in
            let count = asked.withLock { asked in
                asked.append(change.txnToken)
                return asked.count
            }
            if count < 3 { throw Busy() }
        }
        for token in ["t", "u"] {
            try await rig.engine.optimistic.register(change(token))
            try await rig.engine.enqueue(update(token, token: token, entity: token))
        }
        let isEmpty: @Sendable () async -> Bool = { [store = rig.store] in
            do { return try await store.endings(after: 0, limit: 9).isEmpty } catch { return false }
        }
        try await rig.run {
            await rig.processed(2)
            #expect(await rig.advance(stepMs: 250, mostMs: 30_000) { await isEmpty() })
        }
        #expect(asked.withLock { $0 } == ["t", "t", "t", "u"])
        #expect(rig.sink.count { $0 == .endingNotTaken(token: "t", error: "Busy") } == 2)
    }

    @Test("an ending that comes to light after a later one is told all the same", arguments: [true, false])
    func comesLate(isAttached: Bool) async throws {
        let rig = EngineRig()
        let told = Told()
        if isAttached { rig.engine.optimistic.attach { change, _ in told.note(change.txnToken) } }
        rig.store.hideEndings { $0.change.txnToken == "first" }
        try await rig.run {
            for (index, token) in ["first", "second"].enumerated() {
                if isAttached {
                    try await rig.engine.optimistic.register(change(token))
                } else {
                    try await rig.engine.optimistic.register(
                        change(token), commit: { ending in told.note(ending.change.txnToken) })
                }
                try await rig.engine.enqueue(update(token, token: token, entity: token))
                await rig.processed(index + 1)
            }
            #expect(await rig.advance { told.tokens == ["second"] })
            let seen = rig.clock.now.steady
            #expect(await rig.advance(stepMs: 500) { rig.clock.now.steady >= seen + 5000 })
            rig.store.hideEndings { _ in false }
            #expect(await rig.advance { told.tokens == ["second", "first"] })
        }
    }

    @Test("a new change's handlers have no old endings looked at again; those of one that has ended are told its ending")
    func looksBack() async throws {
        let rig = EngineRig()
        let told = Told()
        func register(_ token: String) async throws {
            try await rig.engine.optimistic.register(change(token), commit: { ending in told.note(ending.change.txnToken) })
        }
        try await rig.run {
            try await rig.engine.optimistic.register(change("unwanted"))
            try await register("waits")
            try await rig.engine.enqueue(update("unwanted", token: "unwanted", entity: "unwanted"))
            await rig.processed(1)
            // What may come late is over.
            #expect(await rig.advance(stepMs: 1000, mostMs: 300_000) { (rig.store.endingLooks.last ?? 0) > 0 })
            for token in ["one", "two"] {
                let before = rig.store.endingLooks.count
                try await register(token)
                #expect(await rig.advance(stepMs: 1000, mostMs: 300_000) { rig.store.endingLooks.count >= before + 3 })
                #expect(rig.store.endingLooks.dropFirst(before).allSatisfy { $0 > 0 })
            }
            try await rig.engine.enqueue(update("one", token: "one", entity: "one"))
            await rig.processed(2)
            #expect(await rig.advance { told.tokens == ["one"] })
            try await register("unwanted")
            #expect(await rig.advance { told.tokens == ["one", "unwanted"] })
        }
    }

    @Test("handlers of a token that is registered again take the place of both before, and the change stays as it was")
    func registeredAgain() async throws {
        let store = TroubledStore()
        let transport = ScriptedTransport()
        let engine = SyncEngine(store: store, transport: transport)
        let heard = Heard()
        func register(_ token: String, _ name: String, original: String) async throws {
            try await engine.optimistic.register(
                OptimisticChange(txnToken: token, entity: Self.room, original: original),
                commit: { ending in heard.note("\(name) commits \(ending.change.txnToken)") },
                rollback: { ending in
                    let state = ending.change.original ?? "nothing"
                    heard.note("\(name) rolls \(ending.change.txnToken) back to \(state)")
                })
        }
        for token in ["good", "bad", "kept"] { try await register(token, "old", original: "{}") }
        try await register("good", "new", original: "{}")
        try await register("bad", "new", original: #"{"name":"edited"}"#)
        // Neither of these brings a handler that is in force.
        try await engine.optimistic.register(change("kept"))
        store.trouble = .unavailable("by the test")
        await #expect(throws: SyncError.store(.unavailable("by the test"))) { try await register("kept", "lost", original: "{}") }
        store.trouble = nil
        transport.answer(operation: .text("b"), Self.refusal)
        try await engine.enqueue([
            update("a", token: "good", entity: "1"), update("b", token: "bad", entity: "2"), update("c", token: "kept", entity: "3"),
        ])
        try await running(engine) {
            let words = await heard.next(3)
            #expect(words.sorted() == ["new commits good", "new rolls bad back to {}", "old commits kept"])
        }
    }

    @Test("a change that never got an operation can be withdrawn; one that has some can't")
    func withdraw() async throws {
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport())
        let heard = Heard()
        for token in ["t", "u"] {
            try await engine.optimistic.register(change(token), rollback: { heard.note($0) })
        }
        try await engine.enqueue(update("a", token: "u"))
        #expect(try await engine.optimistic.withdraw(txnToken: "u") == false)
        #expect(try await engine.optimistic.withdraw(txnToken: "t"))
        try await running(engine) { #expect(await heard.next(1) == ["t WITHDRAWN"]) }
    }

    @Test("a change that breaks a rule is not registered")
    func validation() async throws {
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport())
        for wrong in [change(""), change("t", dependsOn: "t"), change("a\u{7}"), change(String(repeating: "t", count: 129))] {
            await #expect(throws: SyncError.self) { try await engine.optimistic.register(wrong) }
        }
        var wrong = change("t")
        wrong.original = "[]"
        await #expect(throws: SyncError.self) { try await engine.optimistic.register(wrong) }
        await #expect(throws: SyncError.self) { try await engine.optimistic.remote(Self.room, state: "7") }
    }

    @Test("a remote change under an edit that waits keeps the edit and takes the other fields")
    func rebase() async throws {
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport())
        try await engine.optimistic.remote(Self.room, state: #"{"version":1,"name":"old","floor":1}"#, etag: "one")
        try await engine.enqueue(update("a", token: "t", payload: #"{"name":"mine"}"#))
        var overlays = engine.optimistic.overlays(of: Self.room).makeAsyncIterator()
        #expect(try await overlays.next() == Overlay(state: ["version": 1, "name": "mine", "floor": 1], isPending: true))
        #expect(try await engine.optimistic.remote(Self.room, state: #"{"version":2,"name":"theirs","floor":2}"#))
        #expect(try await overlays.next() == Overlay(state: ["version": 2, "name": "mine", "floor": 2], isPending: true))
        #expect(try await engine.optimistic.remote(Self.room, state: #"{"version":1,"name":"late","floor":9}"#) == false)
        try await running(engine) {
            let last = try await overlays.next()
            #expect(last == Overlay(state: ["version": 2, "name": "mine", "floor": 2]))
        }
        #expect(try await engine.optimistic.remote(Self.room, state: nil))
        #expect(try await engine.optimistic.overlay(of: Self.room) == Overlay(state: nil))
    }

    @Test("the ETag that a waiting edit did not know is not sent in its name", arguments: [true, false])
    func ifMatch(isWaiting: Bool) async throws {
        let transport = ScriptedTransport()
        let engine = SyncEngine(store: MemoryStore(), transport: transport)
        try await engine.optimistic.remote(Self.room, state: #"{"name":"old"}"#, etag: "one")
        if isWaiting { try await engine.enqueue(update("a", token: "t")) }
        try await engine.optimistic.remote(Self.room, state: #"{"name":"new"}"#, etag: "two")
        if !isWaiting { try await engine.enqueue(update("a", token: "t")) }
        try await running(engine) { _ = await transport.waitForAttempts(1) }
        #expect(transport.attempts.first?.operation.ifMatch == (isWaiting ? "one" : "two"))
    }
}
