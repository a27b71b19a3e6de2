import GuardianCore
import GuardianTesting
import Testing

/// The real engine over a memory store, a scripted network and a clock that only the test advances.
@Suite(.timeLimit(.minutes(5))) struct SyncEngineTests {
    @Test("what was enqueued while nobody ran is delivered, in order within each line")
    func deliversInOrder() async throws {
        let rig = EngineRig()
        for round in 0..<10 { try await rig.enqueue(["a\(round)"], entity: "a") }
        for round in 0..<10 { try await rig.enqueue(["b\(round)"], entity: "b") }
        #expect(rig.sent.isEmpty)
        try await rig.run { await rig.processed(20) }

        #expect(rig.sent.filter { $0.hasPrefix("a") } == (0..<10).map { "a\($0)" })
        #expect(rig.sent.filter { $0.hasPrefix("b") } == (0..<10).map { "b\($0)" })
        #expect(rig.sent.count == 20)
        #expect(rig.transport.mostInFlight(of: "room/a") == 1)
        #expect(try await rig.store.books().processed == 20)
        #expect(try await rig.store.check().gap == 0)
    }

    @Test("what is enqueued while the engine runs is sent at once, with no tick of the clock")
    func wakes() async throws {
        let rig = EngineRig()
        try await rig.run {
            await rig.sink.first { $0.isNamed("lock_acquired") }
            try await rig.enqueue(["a"])
            await rig.transport.waitForAttempts(1)
            try await rig.enqueue(["b"])
            await rig.processed(2)
        }
        #expect(rig.clock.now.steady == 0)
    }

    @Test("lines are delivered in parallel, and never more than the workers", arguments: [1, 2, 4, 16])
    func parallel(workers: Int) async throws {
        let rig = EngineRig(workers: workers)
        rig.transport.hold()
        try await rig.enqueue((0..<40).map { "n\($0)" }, priority: 1)
        try await rig.run {
            await rig.transport.waitForAttempts(workers)
            await rig.poll()
            #expect(rig.transport.held.count == workers)
            rig.transport.release()
            await rig.processed(40)
        }
        #expect(rig.transport.mostInFlight == workers)
        #expect((0..<40).allSatisfy { rig.transport.mostInFlight(of: "room/n\($0)") == 1 })
    }

    @Test("one worker is kept for what is urgent: a fall goes out at once while slow uploads fill the others")
    func keepsOneForUrgent() async throws {
        let rig = EngineRig(workers: 4)
        rig.transport.hold()
        try await rig.enqueue((0..<20).map { "upload\($0)" })
        try await rig.run {
            await rig.transport.waitForAttempts(3)
            await rig.poll()
            #expect(rig.transport.held.count == 3)
            try await rig.enqueue(["fall"], priority: 1)
            await rig.transport.waitForAttempts(4)
            #expect(rig.sent.last == "fall")
            rig.transport.release(.text("fall"))
            await rig.processed(1)
            await rig.poll()
            #expect(rig.transport.held.count == 3)
        }
    }

    @Test("ordering: strict has one in flight and one order for all, whatever the entities")
    func strict() async throws {
        let rig = EngineRig(ordering: .strict)
        let ids = (0..<12).map { "n\($0)" }
        try await rig.enqueue(ids)
        rig.transport.hold()
        try await rig.run {
            await rig.transport.waitForAttempts(1)
            await rig.poll()
            #expect(rig.sent == ["n0"])
            rig.transport.release()
            await rig.processed(12)
        }
        #expect(rig.sent == ids)
        #expect(rig.transport.mostInFlight == 1)
    }

    @Test("one bad operation among many is named with its place, and nothing of the call is stored")
    func namesTheBadOne() async throws {
        let rig = EngineRig()
        var operations = (0..<5).map { EngineRig.operation("n\($0)") }
        operations[3].payload = "[]"
        await #expect(throws: SyncError.validation(field: "operations[3].payload", constraint: "must be a JSON object (at byte 0)")) {
            try await rig.engine.enqueue(operations)
        }
        #expect(try await rig.store.books().accepted == 0)
        #expect(rig.store.count(.enqueue) == 0)
        #expect(try await rig.engine.enqueue([]).isEmpty)
    }

    @Test("more operations than a call may hold are refused with the limit; as many as it may hold are taken")
    func limitsTheBatch() async throws {
        let rig = EngineRig(limits: .init(batch: 3))
        await #expect(throws: SyncError.validation(field: "operations", constraint: "at most 3 in one call")) {
            try await rig.enqueue(["a", "b", "c", "d"])
        }
        #expect(try await rig.enqueue(["a", "b", "c"]).map(\.seq) == [1, 2, 3])
    }

    @Test("an id that is given again, before or after its delivery, gets its first receipt and is sent once")
    func takesIdsOnce() async throws {
        let rig = EngineRig()
        let first = try await rig.enqueue(["a", "a"])
        #expect(first.map(\.outcome) == [.accepted, .duplicate])
        #expect(first.map(\.seq) == [1, 1])
        try await rig.run {
            await rig.processed(1)
            try await rig.enqueue(["b"])
            await rig.processed(2)
            let again = try await rig.enqueue(["a", "b"])
            #expect(again.map(\.outcome) == [.duplicate, .duplicate])
            await rig.poll()
        }
        #expect(rig.sent == ["a", "b"])
    }

    @Test("an enqueue that the store could not write says so, and leaves nothing behind")
    func tellsOfTheStore() async throws {
        let rig = EngineRig()
        rig.store.refuse { call, _ in call == .enqueue }
        await #expect(throws: SyncError.store(.unavailable("by the test"))) { try await rig.enqueue(["a"]) }
        rig.store.refuse { _, _ in false }
        #expect(try await rig.enqueue(["a"])[0].outcome == .accepted)
        #expect(rig.sink.events == [.enqueued(id: .text("a"), seq: 1)])
    }

    @Test("an operation whose time has passed when its turn comes leaves, told and counted, and is never sent")
    func expires() async throws {
        let rig = EngineRig()
        let end = rig.clock.now.wall.adding(milliseconds: 1000)
        try await rig.engine.enqueue([EngineRig.operation("late", entity: "a", expiresAt: end), EngineRig.operation("next", entity: "a")])
        rig.clock.advance(byMilliseconds: 1000)
        try await rig.run { await rig.processed(1) }

        #expect(rig.sent == ["next"])
        #expect(rig.sink.events.contains(.expired(id: .text("late"))))
        let books = try await rig.store.books()
        #expect(books.expired == 1 && books.processed == 1 && books.pending == 0)
        #expect(try await rig.store.check().gap == 0)
    }
}
