import GuardianCore
import GuardianTesting
import Testing

extension SyncEngineTests {
    /// Two engines on one store and one clock, each with its own network.
    private func pair() -> (EngineRig, EngineRig) {
        let memory = MemoryStore()
        let clock = WatchedClock()
        return (
            EngineRig(seed: 1, clock: clock, memory: memory, engines: 2), EngineRig(seed: 2, clock: clock, memory: memory, engines: 2)
        )
    }

    @Test("a second engine on the same store stands by, and takes over soon after the first one's end")
    func takesOver() async throws {
        let (first, second) = pair()
        async let run: Void = first.engine.run()
        await first.sink.first { $0.isNamed("lock_acquired") }
        try await second.run {
            try await first.enqueue(["a"])
            await first.processed(1)
            await second.poll(times: 5)
            #expect(first.engine.isActive && !second.engine.isActive)
            first.engine.drain()
            await first.sink.first { $0 == .drained }
            let asked = second.store.count(.acquireLock)
            try await second.enqueue(["b"])
            #expect(await second.advance(mostMs: 60_000) { second.sent == ["b"] })
            // It asks every half second, and has the lock the first time it asks after the end.
            #expect(second.store.count(.acquireLock) - asked <= 1)
            await second.processed(1)
        }
        try await run
        #expect(first.sent == ["a"])
        #expect(second.sink.events.contains(.lockAcquired(epoch: 2)))
        #expect(!second.sink.events.contains { $0.isNamed("lock_taken_over") })
    }

    @Test("an engine cut off from its store sends nothing by the time another takes over, and changes nothing when it comes back")
    func isFencedOff() async throws {
        let (first, second) = pair()
        first.transport.hold()
        try await first.enqueue(["a", "b"], entity: "a")
        async let run: Void = first.engine.run()
        await first.transport.waitForAttempts(1)
        first.store.refuse { _, _ in true }
        try await second.run {
            #expect(await second.advance(stepMs: 500, mostMs: 300_000) { second.sent == ["a", "b"] })
            #expect(second.clock.now.steady >= 120_000)
            await second.processed(2)
            #expect(first.sent == ["a"])

            first.store.refuse { _, _ in false }
            first.transport.release()
            #expect(await first.advance { first.sink.events.contains(.lockLost(epoch: 1)) })
            await second.poll()
            #expect(!first.engine.isActive && second.engine.isActive)
            first.engine.drain()
        }
        try await run
        #expect(first.sent == ["a"])
        #expect(try await first.store.books().processed == 2)
        let owner = try #require(first.transport.attempts.first?.claim.fence.owner)
        #expect(second.sink.events.contains(.lockTakenOver(from: owner, epoch: 2)))
    }

    @Test("a rescue of what others hold that fails at every heartbeat is told, and costs nobody the lock")
    func failedRescue() async throws {
        let rig = EngineRig()
        rig.store.refuse { call, _ in call == .rescue }
        try await rig.run {
            // For longer than a lease lasts.
            #expect(await rig.advance(stepMs: 1000) { rig.store.count(.rescue) >= 14 })
            try await rig.enqueue(["a"])
            #expect(await rig.advance { rig.sent == ["a"] })
        }
        #expect(rig.sink.count { $0.isNamed("store_error") } >= 14)
        #expect(!rig.sink.events.contains { $0.isNamed("lock_lost") })
    }

    @Test("after a forced release the engine gives up what it held, takes the lock again and delivers, with no one's help")
    func recoversFromForce() async throws {
        let rig = EngineRig()
        rig.transport.hold()
        try await rig.enqueue(["a"])
        try await rig.run {
            await rig.transport.waitForAttempts(1)
            _ = try await rig.store.forceReleaseLock()
            #expect(await rig.advance { rig.sink.events.contains(.lockLost(epoch: 1)) })
            rig.transport.release()
            #expect(await rig.advance { rig.sink.count { $0.isNamed("processed") } == 1 })
        }
        let epochs = rig.transport.attempts.map(\.claim.fence.epoch)
        #expect(epochs.first == 1 && epochs.last ?? 0 > 1)
        #expect(try await rig.store.books().processed == 1)
    }

    @Test("a run whose release failed leaves the lock to the next one, at once")
    func failedRelease() async throws {
        let rig = EngineRig()
        rig.store.refuse { call, number in call == .releaseLock && number == 1 }
        try await rig.run { await rig.sink.first { $0.isNamed("lock_acquired") } }
        #expect(rig.store.count(.releaseLock) == 1)
        try await rig.enqueue(["a"])
        try await rig.run {
            let isSent = await rig.eventually { rig.sent == ["a"] }
            #expect(isSent)
        }
        #expect(rig.clock.now.steady == 0)
    }

    @Test("an engine that could not read what it needs right after it took the lock delivers within seconds")
    func survivesHalfALock() async throws {
        let rig = EngineRig()
        rig.store.refuse { call, number in call == .loadControl && number == 1 }
        try await rig.enqueue(["a"])
        try await rig.run {
            #expect(await rig.advance(mostMs: 60_000) { rig.sent == ["a"] })
        }
        // At the next time it asked, and not when its own lock had become stale.
        #expect(rig.store.count(.acquireLock) == 2)
    }
}
