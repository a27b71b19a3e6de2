import GuardianCore
import GuardianTelemetry
import GuardianTesting
import Synchronization
import Testing

/// What lasts is measured by the steady clock within a run: people, NTP and the time a machine had at its start set the other one.
@Suite struct ClockStepTests {
    private static let minute: Int64 = 60_000
    private static let day: Int64 = 86_400_000
    static let steps = [-400 * day, -day, -minute, minute, day, 400 * day]

    /// A monitor of a queue that is too long for an hour, on a clock that the test advances and sets.
    private struct Rig {
        let clock = TestClock()
        let store = MemoryStore()
        let metrics: ProductionMetrics
        let engine: SyncEngine
        let file = SavedText()

        init() {
            metrics = ProductionMetrics(.init(), clock: clock)
            engine = SyncEngine(store: store, transport: ScriptedTransport(), clock: clock)
        }

        func monitor() -> Monitor {
            var configuration = Monitor.Configuration()
            configuration.policy.pending = 10
            configuration.load = { [file] in file.text }
            configuration.save = { [file] in file.text = $0 }
            return Monitor(metrics, engine: engine, store: store, configuration: configuration, clock: clock)
        }

        func fill() async throws {
            try await engine.enqueue(
                (0..<11).map { NewOperation("update", entityType: "room", entityID: "r\($0)", payload: "{}") })
        }

        func empty() async throws {
            for operation in try await store.list(.init()) { _ = try await store.cancel(operation.id, now: clock.now.wall) }
        }

        func setWall(by milliseconds: Int64) { clock.setWall(clock.now.wall.adding(milliseconds: milliseconds)) }

        /// Lets so much time pass, looks, and says how the alert stands.
        func state(after milliseconds: Int64, _ monitor: inout Monitor) async -> Alert.State? {
            clock.advance(byMilliseconds: milliseconds)
            await monitor.turn(at: clock.now)
            return alert?.state
        }

        var alert: Alert? { metrics.alerts.first { $0.name == "queue_depth" } }
    }

    @Test("however the wall clock is set, an alert fires and clears after its time, neither earlier nor later", arguments: steps)
    func lasts(step: Int64) async throws {
        let rig = Rig()
        var monitor = rig.monitor()
        try await rig.fill()
        var state = await rig.state(after: 0, &monitor)
        #expect(state == .pending)
        rig.setWall(by: step)
        state = await rig.state(after: Self.minute, &monitor)
        #expect(state == .pending, "set by \(step) ms it fires at once")
        state = await rig.state(after: 59 * Self.minute - 1, &monitor)
        #expect(state == .pending)
        state = await rig.state(after: 1, &monitor)
        #expect(state == .firing, "set by \(step) ms it is late")
        #expect(rig.alert?.since == rig.clock.now.wall.adding(milliseconds: -60 * Self.minute))

        try await rig.empty()
        state = await rig.state(after: 0, &monitor)
        rig.setWall(by: -step)
        state = await rig.state(after: Self.minute - 1, &monitor)
        #expect(state == .firing)
        state = await rig.state(after: 1, &monitor)
        #expect(state == .quiet)
    }

    @Test("after the wall clock was set, a restart goes on with a duration where it was", arguments: steps)
    func restarts(step: Int64) async throws {
        let rig = Rig()
        var before = rig.monitor()
        try await rig.fill()
        _ = await rig.state(after: 0, &before)
        rig.setWall(by: step)
        _ = await rig.state(after: 20 * Self.minute, &before)
        var after = rig.monitor()
        var state = await rig.state(after: 40 * Self.minute - 1, &after)
        #expect(state == .pending)
        state = await rig.state(after: 1, &after)
        #expect(state == .firing)
    }

    @Test("the openings of the breaker within a day are those of this day, though the clock was set by a month", arguments: [-30, 30])
    func trips(days: Int64) {
        var (history, start) = (TripHistory(), Timestamp(milliseconds: 1_800_000_000_000))
        func rise(to total: Int64, afterHours hours: Int64) -> Int64 {
            history.rise(to: total, now: start.adding(milliseconds: hours * 3_600_000), windowMs: Self.day)
        }
        #expect(rise(to: 0, afterHours: 0) == 0)
        #expect(rise(to: 60, afterHours: 1) == 60)
        history.wallClockStepped(byMilliseconds: days * Self.day)
        start = start.adding(milliseconds: days * Self.day)
        #expect(rise(to: 60, afterHours: 2) == 60)
        #expect(rise(to: 60, afterHours: 26) == 0)
    }

    @Test("a step is told once, and by how much; two clocks that are read one after the other make none")
    func finds() {
        var steps = WallSteps()
        var now = Moment(steady: 5000, wall: Timestamp(milliseconds: 1_800_000_000_000))
        func pass(_ milliseconds: Int64, set step: Int64 = 0) -> Int64 {
            now.steady += milliseconds
            now.wall = now.wall.adding(milliseconds: milliseconds + step)
            return steps.step(at: now)
        }
        #expect(pass(0) == 0)
        #expect(pass(1000) == 0)
        #expect(pass(1000, set: 3) == 0)
        #expect(pass(1000, set: -6) == 0)
        #expect(pass(1000, set: 10_003) == 10_000)
        #expect(pass(1000) == 0)
        #expect(pass(86_400_000, set: -20_000) == -20_000)
        #expect(pass(1000) == 0)
    }
}

/// A text that stands for a file.
private final class SavedText: Sendable {
    private let content = Mutex<String?>(nil)
    var text: String? {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}
