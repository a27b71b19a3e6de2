import GuardianCore
import GuardianTesting
import Testing

/// Who delivers while an app comes and goes.
@Suite(.timeLimit(.minutes(2))) struct DeliveryTests {
    @Test("the engine runs until the last use has been stopped, however often one of them was begun")
    func countsUses() async throws {
        let rig = EngineRig()
        let delivery = Delivery(rig.engine)
        for use in ["screen", "screen", "refresh"] { delivery.start(use) }
        await rig.sink.first { $0.isNamed("lock_acquired") }
        await delivery.stop("refresh")
        try await rig.enqueue(["a"])
        await rig.processed(1)
        #expect(!rig.sink.events.contains(.drained))
        await delivery.stop("screen")
        #expect(rig.sink.events.last == .drained && !rig.engine.isActive)
        await delivery.stop("screen")
    }

    @Test("the last stop lets what is on the wire end, and returns although somebody starts meanwhile; that is delivered for after it")
    func startsWhileItStops() async throws {
        let rig = EngineRig(workers: 1)
        let delivery = Delivery(rig.engine)
        rig.transport.hold()
        try await rig.enqueue(["a", "b"])
        delivery.start("screen")
        await rig.transport.waitForAttempts(1)
        let isAhead = await rig.eventually { await rig.books()?.processing == 2 }
        #expect(isAhead)
        let stopping = Task { await delivery.stop("screen") }
        // What was claimed ahead goes back: it drains.
        let isDraining = await rig.eventually { await rig.books()?.processing == 1 }
        #expect(isDraining)
        delivery.start("refresh")
        rig.transport.release()
        await stopping.value
        await rig.processed(2)
        #expect(rig.transport.attempts.map(\.operation.id) == [.text("a"), .text("b")])
        #expect(rig.transport.attempts.map(\.claim.fence.epoch) == [1, 2])
        await delivery.stop("refresh")
        #expect(!rig.engine.isActive)
    }

    @Test("a stop that comes before the run has begun is not lost")
    func stopsEarly() async {
        let rig = EngineRig()
        let delivery = Delivery(rig.engine)
        for _ in 0..<200 {
            delivery.start()
            await delivery.stop()
            #expect(!rig.engine.drain(), "nobody runs it")
        }
    }

    @Test("while somebody else runs the engine that is told, less and less often; when they have ended it delivers")
    func isRefused() async throws {
        let rig = EngineRig()
        let delivery = Delivery(rig.engine)
        let other = Task { try await rig.engine.run() }
        await rig.sink.first { $0.isNamed("lock_acquired") }
        // The engine's watchdog waits for a second too: what begins a quarter later ends when nobody else's wait does.
        await rig.clock.waitForSleeper(until: 1000)
        rig.clock.advance(byMilliseconds: 250)
        let start = rig.clock.now.wall.milliseconds
        delivery.start()
        for (number, delayMs) in [Int64(1000), 2000, 4000].enumerated() {
            await rig.sink.wait(for: number + 1) { $0.isNamed("not_delivering") }
            await rig.clock.waitForSleeper(until: rig.clock.now.steady + delayMs)
            rig.clock.advance(byMilliseconds: delayMs)
        }
        let told = await rig.sink.wait(for: 4) { $0.isNamed("not_delivering") }
        #expect(told.map { $0.at.milliseconds - start } == [0, 1000, 3000, 7000])
        #expect(told.first?.event == .notDelivering(reason: "this engine runs already"))
        rig.engine.drain()
        try await other.value
        try await rig.enqueue(["a"])
        await rig.clock.waitForSleeper(until: rig.clock.now.steady + 8000)
        rig.clock.advance(byMilliseconds: 8000)
        await rig.processed(1)
        await delivery.stop()
    }

    @Test("when a Delivery goes, it drains")
    func goes() async {
        let rig = EngineRig()
        var delivery: Delivery? = Delivery(rig.engine)
        delivery?.start()
        await rig.sink.first { $0.isNamed("lock_acquired") }
        delivery = nil
        await rig.sink.first { $0 == .drained }
    }
}
