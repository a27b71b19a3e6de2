import GuardianCore
import GuardianTesting
import Testing

extension SyncEngineTests {
    @Test(
        "a store that fails now and then delays delivery and nothing else: all is delivered, once, in order, with no one's help",
        arguments: [2, 3, 7])
    func survivesAFlakyStore(every: Int) async throws {
        let rig = EngineRig()
        for line in 0..<6 { try await rig.enqueue((0..<10).map { "\(line)-\($0)" }, entity: "\(line)") }
        rig.store.refuse { call, number in call != .loadControl && number % every == 0 }
        try await rig.run {
            #expect(await rig.advance { rig.sink.count { $0.isNamed("processed") } == 60 })
            await rig.poll(times: 10)
            rig.store.refuse { _, _ in false }
        }
        for line in 0..<6 { #expect(rig.sent.filter { $0.hasPrefix("\(line)-") } == (0..<10).map { "\(line)-\($0)" }) }
        #expect(rig.sink.events.contains(.storeError(.unavailable("by the test"))))
        let report = try await rig.store.check()
        #expect(report.gap == 0 && report.problems.isEmpty && report.books.processed == 60)
    }

    @Test("after a minute without its store the engine goes on within seconds, and what was answered meanwhile is not sent again")
    func survivesAStoreOutage() async throws {
        let rig = EngineRig()
        rig.transport.hold()
        try await rig.enqueue((0..<10).map { "n\($0)" })
        try await rig.run {
            await rig.transport.waitForAttempts(3)
            await rig.rest()
            rig.store.refuse { _, _ in true }
            rig.transport.release()
            await rig.advance(stepMs: 500, mostMs: 60_000) { false }
            rig.store.refuse { _, _ in false }
            #expect(await rig.advance(mostMs: 30_000) { await rig.books()?.processed == 10 })
        }
        #expect(rig.sent.count == 10)
        #expect(Set(rig.sent).count == 10)
        #expect(rig.sink.count { $0.isNamed("lock_acquired") } == 1)
    }

    @Test("an engine that starts without its store tries until it has the lock")
    func waitsForItsStore() async throws {
        let rig = EngineRig()
        try await rig.enqueue(["a"])
        rig.store.refuse { call, number in call == .acquireLock && number <= 20 }
        try await rig.run { #expect(await rig.advance { rig.sent == ["a"] }) }
        #expect(rig.sink.count { $0.isNamed("store_error") } == 20)
    }

    @Test("a store that is gone when the engine is drained does not keep run() from returning")
    func drainsWithoutItsStore() async throws {
        let rig = EngineRig()
        rig.transport.hold()
        try await rig.enqueue(["a"])
        async let run: Void = rig.engine.run()
        await rig.transport.waitForAttempts(1)
        rig.store.refuse { _, _ in true }
        rig.transport.release()
        rig.engine.drain()
        #expect(await rig.advance(mostMs: 60_000) { rig.sink.events.contains(.drained) })
        try await run
    }
}
