import GuardianCore
import GuardianTesting
import Testing

/// One engine on a memory store, a scripted network, and a clock that stands still until the test advances it.
struct EngineRig {
    let clock: WatchedClock
    /// How many share the clock.
    let engines: Int
    let store: WatchedStore
    let transport = ScriptedTransport()
    let sink = RecordingSink()
    let engine: SyncEngine
    /// The transport as the engine reaches it.
    private let wire: WatchedTransport

    init(
        workers: Int = 4, ordering: Ordering = .entity, limits: Limits = .init(), tokens: any TokenProvider = NoToken(),
        sinks: [any EventSink] = [], seed: UInt64 = 1, clock: WatchedClock = WatchedClock(), memory: MemoryStore? = nil, engines: Int = 1
    ) {
        self.clock = clock
        self.engines = engines
        store = WatchedStore(memory ?? MemoryStore(ordering: ordering))
        wire = WatchedTransport(transport)
        let own: [any EventSink] = [sink, wire]
        engine = SyncEngine(
            store: store, transport: wire, tokens: tokens, clock: clock, sinks: own + sinks,
            configuration: .init(processor: .init(workers: workers), limits: limits), random: Xoshiro256(seed: seed))
    }

    /// An update of `room/entity`.
    static func operation(_ id: String, entity: String? = nil, priority: Int = 0, expiresAt: Timestamp? = nil) -> NewOperation {
        NewOperation(
            "update", entityType: "room", entityID: entity ?? id, payload: "{}", id: id, priority: priority, expiresAt: expiresAt)
    }

    @discardableResult
    func enqueue(_ ids: [String], entity: String? = nil, priority: Int = 0) async throws -> [Receipt] {
        try await engine.enqueue(ids.map { Self.operation($0, entity: entity, priority: priority) })
    }

    /// Runs the engine while `body` goes on, then answers what is held, drains, and sees that `run()` returns.
    func run(_ body: () async throws -> Void) async throws {
        async let run: Void = engine.run()
        try await body()
        transport.release()
        engine.drain()
        try await run
    }

    /// The ids of what was sent so far, in order.
    var sent: [String] { transport.attempts.map(\.operation.id.description) }

    /// When each attempt of an operation began, in milliseconds since the clock's beginning.
    func times(of id: String) -> [Int64] {
        sink.entries.filter { if case .claimed(.text(id), _) = $0.event { true } else { false } }
            .map { $0.at.milliseconds - WatchedClock().now.wall.milliseconds }
    }

    /// Waits for the `n`th attempt of an operation.
    func attempt(_ n: Int = 1, of id: String) async {
        await sink.wait(for: n) { if case .claimed(.text(id), _) = $0 { true } else { false } }
    }

    /// Waits until `count` operations are processed.
    func processed(_ count: Int) async { await sink.wait(for: count) { if case .processed = $0 { true } else { false } } }

    /// How the operations stand; nil when the store does not say.
    func books() async -> Books? {
        do { return try await store.books() } catch { return nil }
    }

    // MARK: Time

    /// Advances the clock step by step until `isDone`; after each step the engines do what there is to do then. Returns whether it came
    /// to that within `mostMs`.
    @discardableResult
    func advance(stepMs: Int64 = 100, mostMs: Int64 = 600_000, until isDone: () async -> Bool) async -> Bool {
        for passed in stride(from: 0, through: mostMs, by: Int(stepMs)) {
            await rest()
            if await isDone() { return true }
            if passed < mostMs { clock.advance(byMilliseconds: stepMs) }
        }
        return false
    }

    /// Lets everyone else run until `isDone`, without moving the clock. Returns whether it came to that within `real` time.
    func eventually(within real: Duration = .seconds(20), _ isDone: () async -> Bool) async -> Bool {
        let end = ContinuousClock.now + real
        while ContinuousClock.now < end {
            if await isDone() { return true }
            await Task.yield()
        }
        return false
    }

    /// Lets the engines do, without moving the clock, what there is to do now. Gives up on what hangs, and sooner on an engine that does
    /// not run.
    ///
    /// Waits, calls of the store and requests show. What is between them, such as an input that the loop has not taken, does not: a test
    /// that needs its effect waits for that (``eventually(within:_:)``).
    func rest() async {
        let begun = ContinuousClock.now
        while true {
            for _ in 0..<50 { await Task.yield() }
            let activity = clock.activity(of: engines)
            let isBusy = activity == .busy || !store.isQuiet || !wire.isQuiet
            if !isBusy, activity == .quiet { return }
            guard ContinuousClock.now - begun < .milliseconds(isBusy ? 200 : 20) else { return wire.forgetLost() }
        }
    }

    /// Lets the processor look at its store `times` more times, about half a second apart.
    func poll(times: Int = 3) async {
        for _ in 0..<times {
            let before = store.count(.exchange) + store.count(.acquireLock)
            #expect(await advance(stepMs: 500) { store.count(.exchange) + store.count(.acquireLock) > before })
        }
    }
}

extension Event {
    /// Whether it is of this kind, whatever it says.
    func isNamed(_ name: String) -> Bool { self.name == name }
}
