import GuardianCore
import GuardianTesting
import Testing

extension SyncEngineTests {
    /// What the watchdog has done so far, in order.
    private func repairs(_ rig: EngineRig) -> [String] {
        rig.sink.events.compactMap { event -> String? in
            guard case .stalled(_, let repair) = event else { return nil }
            return repair
        }
    }

    @Test("a store that does not answer is told as a stall and not lined up anew, whether calls wait or fail", arguments: [false, true])
    func leavesASlowStoreAlone(fails: Bool) async throws {
        let rig = EngineRig()
        try await rig.enqueue(["a"])
        if fails { rig.store.refuse { call, _ in call == .exchange } } else { rig.store.holdExchanges() }
        try await rig.run {
            // One a second, so that for half of them a queue that is out of order would have been lined up anew.
            #expect(await rig.advance(stepMs: 500) { repairs(rig).count >= 8 })
            #expect(Set(repairs(rig)) == ["wake"])
            #expect(rig.store.count(.rebuildIndex) == 0)
            rig.store.refuse { _, _ in false }
            rig.store.release()
            #expect(await rig.advance(stepMs: 500) { rig.sink.count { $0.isNamed("processed") } == 1 })
        }
        #expect(rig.sent == ["a"])
        #expect(rig.engine.stallCount >= 8)
    }

    @Test("a store that answers, and gives nothing of what is due, is lined up anew")
    func linesUpWhatIsPassedOver() async throws {
        let rig = EngineRig()
        try await rig.enqueue(["a"])
        rig.store.giveNothing(true)
        try await rig.run {
            #expect(await rig.advance(stepMs: 500) { rig.store.count(.rebuildIndex) == 1 })
            #expect(repairs(rig).first == "wake" && repairs(rig).last == "rebuild_index")
            rig.store.giveNothing(false)
            #expect(await rig.advance(stepMs: 500) { rig.sink.count { $0.isNamed("processed") } == 1 })
        }
        #expect(rig.sent == ["a"])
    }

    @Test("a long queue of which some is gone at every look is no stall: it is not told, and not lined up anew")
    func leavesAQueueThatMovesAlone() async throws {
        let rig = EngineRig()
        let ids = (0..<12).map { "n\($0)" }
        try await rig.enqueue(ids)
        rig.store.giveNothing(true)
        try await rig.run {
            for id in ids.dropLast() {
                let answer = try await rig.engine.cancel(.text(id))
                #expect(answer == .neverSent)
                await rig.advance(stepMs: 500, mostMs: 500) { false }
            }
            #expect(repairs(rig).isEmpty)
            #expect(rig.store.count(.rebuildIndex) == 0)
            rig.store.giveNothing(false)
            #expect(await rig.advance(stepMs: 500) { rig.sink.count { $0.isNamed("processed") } == 1 })
        }
        #expect(rig.sent == ["n11"])
    }

    @Test("a queue in which a quick look finds no stall is not counted")
    func countsWhatMayStall() async throws {
        let rig = EngineRig()
        try await rig.enqueue(["a"])
        rig.store.giveNothing(true)
        rig.store.seeStall(false)
        try await rig.run {
            await rig.advance(stepMs: 500, mostMs: 10_000) { false }
            #expect(rig.store.counted == 0 && repairs(rig).isEmpty)
            rig.store.seeStall(true)
            #expect(await rig.advance(stepMs: 500) { rig.store.count(.rebuildIndex) == 1 })
            #expect(rig.store.counted > 0)
            rig.store.giveNothing(false)
            #expect(await rig.advance(stepMs: 500) { rig.sink.count { $0.isNamed("processed") } == 1 })
        }
        #expect(rig.sent == ["a"])
    }
}
