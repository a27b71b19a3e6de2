import GuardianCore
import GuardianTesting
import Testing

/// What has stood still for long goes on as if nothing had been.
extension SyncEngineTests {
    @Test(
        "a pause of days puts nothing in doubt: what was refused when it began is sent again without a look, and does not fail",
        arguments: [
            (Outcome.status(401), Pause.auth), (Outcome.status(426), Pause.upgrade),
            (Outcome.unanswered(.tls, detail: "expired"), Pause.tls),
        ])
    func longPause(refusal: Outcome, pause: Pause) async throws {
        let rig = EngineRig()
        rig.transport.answerOtherwise(refusal)
        try await rig.enqueue(["a"])
        try await rig.run {
            #expect(await rig.advance { rig.sink.events.contains(.paused(pause)) })
            rig.clock.advance(byMilliseconds: 60 * 3_600_000)
            await rig.poll()
            rig.transport.answerOtherwise(.status(200))
            try await rig.store.setPause(pause, to: false)
            #expect(await rig.advance(mostMs: 60_000) { rig.sink.count { $0.isNamed("processed") } == 1 })
        }
        #expect(rig.transport.looks.isEmpty)
        #expect(rig.sink.count { $0.isNamed("failed") } == 0)
    }

    @Test("a small queue that a plague holds hears within a minute that the upstream is back, however often it was asked in vain")
    func smallQueueInAPlague() async throws {
        let rig = EngineRig()
        rig.transport.answerOtherwise(.status(403))
        try await rig.enqueue(["a", "b", "c"])
        try await rig.run {
            #expect(await rig.advance { rig.sink.events.contains(.plagueHeld(status: 403)) })
            let before = rig.sent.count
            #expect(await rig.advance { rig.sent.count >= before + 3 })
            rig.transport.answerOtherwise(.status(200))
            #expect(await rig.advance(mostMs: 60_000) { rig.sink.count { $0.isNamed("processed") } == 3 })
        }
        #expect(rig.sink.count { $0.isNamed("failed") } == 0)
    }
}
