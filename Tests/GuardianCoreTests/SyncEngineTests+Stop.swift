import GuardianCore
import GuardianTesting
import Synchronization
import Testing

/// Calls the test back in the middle of the engine's work, when the first request is about to begin.
private final class AtTheFirstClaim: EventSink {
    let call = Mutex<(@Sendable () -> Void)?>(nil)

    func record(_ event: Event, at time: Timestamp) {
        guard case .claimed = event else { return }
        call.withLock { call in
            defer { call = nil }
            return call
        }?()
    }
}

extension SyncEngineTests {
    @Test("paused, the engine finishes what is on the wire and sends nothing new; resumed, it goes on")
    func pauses() async throws {
        let rig = EngineRig()
        rig.transport.hold()
        try await rig.enqueue((0..<10).map { "n\($0)" })
        try await rig.run {
            await rig.transport.waitForAttempts(3)
            try await rig.engine.pause()
            #expect(await rig.advance { rig.sink.events.contains(.paused(.operator)) })
            rig.transport.release()
            await rig.processed(3)
            try await rig.enqueue(["urgent"], priority: 9)
            await rig.poll(times: 20)
            #expect(rig.sent.count == 3)
            try await rig.engine.resume()
            #expect(await rig.advance { rig.sink.count { $0.isNamed("processed") } == 11 })
        }
        #expect(rig.sink.events.contains(.resumed(.operator)))
    }

    @Test("pause() reaches its own engine at once: claims taken ahead go back unsent, without a tick of the clock")
    func pausesAtOnce() async throws {
        let rig = EngineRig()
        rig.transport.hold()
        try await rig.enqueue((0..<10).map { "n\($0)" })
        try await rig.run {
            await rig.transport.waitForAttempts(3)
            let isAhead = await rig.eventually { await rig.books()?.processing ?? 0 > 3 }
            #expect(isAhead)
            try await rig.engine.pause()
            let isHeard = await rig.eventually { await rig.books()?.processing == 3 }
            #expect(isHeard)
            if let first = rig.transport.held.first { rig.transport.release(first.operation.id) }
            let isSettled = await rig.eventually {
                let books = await rig.books()
                return books?.processing == 2 && books?.processed == 1
            }
            #expect(isSettled)
            await rig.rest()
            #expect(rig.sent.count == 3)
        }
        #expect(rig.clock.now.steady == 0)
    }

    @Test("a drain finishes what is on the wire, gives back what was not sent as if it had not been claimed, and frees the lock")
    func drains() async throws {
        let rig = EngineRig()
        rig.transport.hold()
        try await rig.enqueue((0..<10).map { "n\($0)" })
        async let run: Void = rig.engine.run()
        await rig.transport.waitForAttempts(3)
        rig.engine.drain()
        await rig.rest()
        #expect(rig.transport.held.count == 3)
        rig.transport.release()
        try await run

        #expect(rig.sent.count == 3)
        #expect(rig.clock.now.steady == 0)
        #expect(rig.sink.events.last == .drained)
        #expect(!rig.engine.isActive)
        let books = try await rig.store.books()
        #expect(books.processed == 3 && books.pending == 7 && books.processing == 0)
        #expect(try await rig.store.lockState() == nil)
        #expect(try await rig.store.list(OperationFilter()).allSatisfy { $0.status == .pending && $0.lastAttemptAt == nil })
    }

    @Test("a drain whose time is up interrupts what is on the wire and gives it back, with no attempt used up")
    func drainsInTime() async throws {
        let rig = EngineRig()
        rig.transport.hold()
        try await rig.enqueue((0..<10).map { "n\($0)" })
        async let run: Void = rig.engine.run()
        await rig.transport.waitForAttempts(3)
        let isAhead = await rig.eventually { await rig.books()?.processing ?? 0 > 3 }
        try #require(isAhead)
        rig.engine.drain()
        // Its time runs from when the engine hears of it, which also gives back then what was claimed ahead.
        let isHeard = await rig.eventually { await rig.books()?.processing == 3 }
        try #require(isHeard)
        rig.clock.advance(byMilliseconds: 9_999)
        await rig.rest()
        #expect(rig.transport.held.count == 3)
        rig.clock.advance(byMilliseconds: 1)
        try await run

        #expect(rig.transport.held.isEmpty)
        let stored = try await rig.store.list(OperationFilter())
        #expect(stored.count == 10)
        #expect(stored.allSatisfy { $0.status == .pending && $0.attemptCount == 0 && $0.tries == 0 })
        #expect(stored.count { $0.lastAttemptAt != nil } == 3)
        #expect(try await rig.store.lockState() == nil)
    }

    @Test("cancelling the task of run() ends it at once: claims go back, the lock is free")
    func cancels() async throws {
        let rig = EngineRig()
        rig.transport.hold()
        try await rig.enqueue((0..<10).map { "n\($0)" })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await rig.engine.run() }
            await rig.transport.waitForAttempts(3)
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(rig.clock.now.steady == 0)
        let books = try await rig.store.books()
        #expect(books.pending == 10 && books.processing == 0)
        #expect(try await rig.store.lockState() == nil)
    }

    @Test("a cancelled run() ends although the store fails once meanwhile")
    func cancelsOverTrouble() async throws {
        let rig = EngineRig()
        rig.transport.hold()
        try await rig.enqueue(["a"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await rig.engine.run() }
            await rig.transport.waitForAttempts(1)
            await rig.rest()
            let last = rig.store.count(.exchange)
            rig.store.refuse { call, number in call == .exchange && number == last + 1 }
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(try await rig.store.books().processing == 0)
        #expect(try await rig.store.lockState() == nil)
    }

    @Test("a request that is about to begin when run() is cancelled is interrupted like the others")
    func cancelsWhatBegins() async throws {
        let sink = AtTheFirstClaim()
        let rig = EngineRig(sinks: [sink])
        rig.transport.hold()
        let run = Task { try await rig.engine.run() }
        sink.call.withLock { $0 = { run.cancel() } }
        try await rig.enqueue(["a", "b", "c"])
        let hasEnded = await rig.eventually(within: .seconds(20)) { rig.sink.events.contains(.drained) }
        #expect(hasEnded)
        rig.transport.release()
        try await run.value
    }

    @Test("a drain that was taken is never lost, however early it comes")
    func drainsEarly() async throws {
        for _ in 0..<200 {
            let rig = EngineRig()
            let run = Task { try await rig.engine.run() }
            #expect(await rig.eventually { rig.engine.drain() })
            let hasEnded = await rig.eventually(within: .seconds(10)) { rig.sink.events.contains(.drained) }
            #expect(hasEnded)
            if !hasEnded { rig.engine.drain() }
            try await run.value
        }
    }

    @Test("run() is refused while it runs")
    func runsOnce() async throws {
        let rig = EngineRig()
        try await rig.run {
            await rig.sink.first { $0.isNamed("lock_acquired") }
            await #expect(throws: SyncError.refused(reason: "this engine runs already")) { try await rig.engine.run() }
            #expect(rig.engine.isActive)
        }
    }

    @Test("a drained engine runs again, under a new epoch")
    func runsAgain() async throws {
        let rig = EngineRig()
        try await rig.enqueue(["a"])
        try await rig.run { await rig.processed(1) }
        try await rig.enqueue(["b"])
        try await rig.run { await rig.processed(2) }
        #expect(rig.sent == ["a", "b"])
        #expect(rig.transport.attempts.map(\.claim.fence.epoch) == [1, 2])
        #expect(Set(rig.transport.attempts.map(\.claim.fence.owner)).count == 2)
    }

    @Test("a drain of an engine that does not run says so, and does not end its next run")
    func drainsTwice() async throws {
        let rig = EngineRig()
        try await rig.enqueue(["a"])
        #expect(!rig.engine.drain())
        try await rig.run { await rig.processed(1) }
        #expect(!rig.engine.drain())
        try await rig.enqueue(["b"])
        try await rig.run { await rig.processed(2) }
        #expect(rig.sent == ["a", "b"])
    }
}
