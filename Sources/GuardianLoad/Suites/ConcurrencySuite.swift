import GuardianCore
import GuardianHTTP

/// Three processors over one store, of which each is drained and comes back, and all are fenced off by force, while work is under way.
/// Where processors share a store all three deliver at once; on a file one does, the others stand by, and the lock changes hands.
struct ConcurrencySuite {
    static let processors = 3
    static let operations = 5000
    static let workers = 32
    /// Changes of hands that the suite brings about: graceful ones, and locks taken away by force.
    static let handovers = 4
    static let thefts = 2

    let test: LoadTest

    func run(_ result: inout SuiteResult) async throws {
        let count = test.options.operations ?? Self.operations
        let watch = Stopwatch()
        let recorder = DeliveryRecorder(watch: watch, expectedMicroseconds: test.options.expectedMicroseconds)
        let shares = (0..<Self.processors).map { _ in DeliveryRecorder(watch: watch) }
        try await test.withStores(Self.processors, of: "concurrency") { opens in
            try await test.withUpstream(test.options.behaviour) { upstream, control in
                var (engines, transports): ([SyncEngine], [HTTPTransport]) = ([], [])
                for (open, share) in zip(opens, shares) {
                    let (engine, transport) = try test.world.engine(
                        open.store, url: upstream.url, workers: test.options.workers ?? Self.workers, sinks: [recorder, share]
                    ) {
                        $0.processor.pollMs = 50
                    }
                    engines.append(engine)
                    transports.append(transport)
                }
                let gaps = try await LoadTest.using(transports) {
                    try await LoadTest.fill(engines[0], Workload(seed: test.options.seed, operations: count, entities: 500))
                    let begun = watch.seconds
                    let gaps = try await deliver(engines, opens[0].store, count, recorder, watch)
                    result.figure("throughput", Double(count) / (watch.seconds - begun), "operations/s", .higher)
                    return gaps
                }
                judge(recorder, gaps.max() ?? 0, shares, &result)
                result.audit(try await EffectAudit.of(control), accepted: count, try await opens[0].store.check())
            }
        }
        result.percentiles("attempt", recorder.attempts)
        result.throughput(recorder)
        result.breaker = recorder.changes
    }

    /// `gap` is the longest time in seconds that nobody held the lock.
    private func judge(_ recorder: DeliveryRecorder, _ gap: Double, _ shares: [DeliveryRecorder], _ result: inout SuiteResult) {
        result.figure("changes of hands", Double(recorder.acquired.count - 1), "", .neither)
        result.figure("longest time without a holder", gap * 1000, "ms", .lower)
        result.check(
            "the lock changed hands", recorder.acquired.count > Self.handovers,
            "\(recorder.acquired.count) times taken by \(Self.processors) processors")
        result.check("it was never free for long", gap < 5, "at most \(JSONValue.decimal(gap * 1000).text) ms")
        guard test.world.sharesStores else { return }
        let delivered = shares.map(\.processed)
        result.check("all processors have delivered", delivered.allSatisfy { $0 > 0 }, delivered.map { "\($0)" }.joined(separator: " + "))
    }

    /// Delivers all; returns how long nobody held the lock at each change, in seconds.
    private func deliver(
        _ engines: [SyncEngine], _ store: any Store, _ count: Int, _ recorder: DeliveryRecorder, _ watch: Stopwatch
    ) async throws -> [Double] {
        let isOver = StopSign()
        var releases: [Double] = []
        try await withThrowingTaskGroup(of: Void.self) { group in
            for engine in engines {
                // One that was drained comes back, as a process that was restarted does.
                group.addTask { while !isOver.isUp { try await engine.run() } }
            }
            do {
                let steps = Self.handovers + Self.thefts
                for step in 1...steps {
                    try await test.wait(until: count * step / (steps + 1), "processed") { recorder.processed + recorder.failed }
                    releases.append(watch.seconds)
                    if step % 3 == 0 {
                        _ = try await store.forceReleaseLock()
                    } else {
                        engines.first { $0.isActive }?.drain()
                    }
                }
                try await test.wait(until: count, "processed") { recorder.processed + recorder.failed }
            } catch {
                isOver.give()
                group.cancelAll()
                throw error
            }
            isOver.give()
            group.cancelAll()
        }
        return releases.map { release in (recorder.acquired.first { $0 > release } ?? release) - release }
    }
}
