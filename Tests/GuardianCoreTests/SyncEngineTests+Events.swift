import GuardianCore
import GuardianTesting
import Synchronization
import Testing

/// Says whether each success was told after it was committed.
private final class CommitWitness: EventSink {
    let store = Mutex<WatchedStore?>(nil)
    let early = Mutex<[OperationID]>([])

    func record(_ event: Event, at time: Timestamp) {
        guard case .processed(let id, _, _) = event, let store = store.withLock({ $0 }), !store.isProcessed(id) else { return }
        early.withLock { $0.append(id) }
    }
}

extension SyncEngineTests {
    @Test("a reader gets what happens in order, the same as every sink")
    func tellsInOrder() async throws {
        let rig = EngineRig()
        let events = rig.engine.events
        rig.transport.answer(.status(422), .status(200))
        try await rig.enqueue(["a"])
        try await rig.run {
            await rig.sink.first { $0.isNamed("failed") }
            try await rig.enqueue(["b"])
            await rig.processed(1)
        }
        let told = rig.sink.events
        let names = ["enqueued", "lock_acquired", "claimed", "failed", "enqueued", "claimed", "processed", "drained"]
        #expect(told.map(\.name) == names)
        var heard: [Event] = []
        for await event in events {
            heard.append(event)
            if heard.count == told.count { break }
        }
        #expect(heard == told)
    }

    @Test("a reader that never reads slows nothing down, and finds the newest of what it missed")
    func ignoresSlowReaders() async throws {
        let rig = EngineRig()
        let events = rig.engine.events
        let backlog = 4096
        for line in 0..<8 { try await rig.enqueue((0..<200).map { "\(line)-\($0)" }, entity: "\(line)") }
        try await rig.run { await rig.processed(1600) }
        let told = rig.sink.events
        #expect(told.count > backlog)
        var heard: [Event] = []
        for await event in events {
            heard.append(event)
            if heard.count == backlog { break }
        }
        #expect(heard == told.suffix(backlog))
        #expect(rig.clock.now.steady == 0)
    }

    @Test("what a reader that never reads has lost is counted, each event once")
    func countsWhatIsMissed() async throws {
        let rig = EngineRig()
        let missed = MissedEvents()
        let events = rig.engine.events(missed: missed)
        try await rig.enqueue((0..<5000).map { "\($0)" })
        #expect(missed.take() == 5000 - 4096)
        #expect(missed.take() == 0)
        var iterator = events.makeAsyncIterator()
        #expect(await iterator.next()?.operationID == .text("\(5000 - 4096)"))
        try await rig.enqueue(["more"])
        #expect(missed.take() == 0)
    }

    @Test("a success is told only after it is committed")
    func tellsAfterTheCommit() async throws {
        let witness = CommitWitness()
        let rig = EngineRig(sinks: [witness])
        witness.store.withLock { $0 = rig.store }
        try await rig.enqueue(["a", "b", "c"])
        try await rig.run { await rig.processed(3) }
        #expect((0..<3).allSatisfy { rig.store.isProcessed(.text(["a", "b", "c"][$0])) })
        #expect(witness.early.withLock { $0 }.isEmpty)
    }

    @Test("what is told ends with the engine", .timeLimit(.minutes(1)))
    func endsWithTheEngine() async throws {
        func eventsOfOne() async throws -> AsyncStream<Event> {
            let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport())
            let events = engine.events
            try await engine.enqueue(EngineRig.operation("a"))
            return events
        }
        let events = try await eventsOfOne()
        var heard: [String] = []
        for await event in events { heard.append(event.name) }
        #expect(heard == ["enqueued"])
    }

    @Test("readers that end while events are told hold up neither the engine nor each other", .timeLimit(.minutes(1)))
    func endingReaders() async throws {
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    for _ in 0..<3000 {
                        let reader = Task { for await _ in engine.events { await Task.yield() } }
                        for _ in 0..<3 { await Task.yield() }
                        reader.cancel()
                        await reader.value
                    }
                }
            }
            group.addTask {
                for number in 0..<5000 {
                    try await engine.enqueue(NewOperation("update", entityType: "room", entityID: "r\(number % 9)", payload: "{}"))
                }
            }
            try await group.waitForAll()
        }
    }
}
