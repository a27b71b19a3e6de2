import GuardianCore
import GuardianHTTP

/// Hours of ordinary life in as long as one likes: operations come at a steady rate, 70 % of what was found to be possible, while the
/// upstream has its moods and the processor is restarted; in the end nothing is lost and nothing has grown.
struct SoakSuite {
    static let workers = 16
    static let entities = 1000
    static let share = 0.7
    static let tickMs = 10
    /// Seconds from one mood of the upstream, and from one restart, to the next.
    static let moodEvery = 15.0
    static let restartEvery = 40.0
    /// Share of the time after which memory is looked at.
    static let warmUp = 0.25
    /// Growth over the whole soak, in bytes, that is still taken for chance.
    static let chance = 3.0 * 1_048_576

    private static let moods: [JSONValue] = [
        ["mode": "status", "status": 503, "count": 40],
        ["mode": "drop", "share": .decimal(0.5), "count": 20],
        ["mode": "drop_before", "share": .decimal(0.5), "count": 20],
        ["mode": "status", "status": 429, "retry_after": "1", "count": 3],
        ["mode": "gateway", "status": 502, "share": .decimal(0.3), "count": 30],
    ]

    let test: LoadTest

    func run(_ result: inout SuiteResult) async throws {
        let watch = Stopwatch()
        // Workers are busy for that share of the time.
        let expected = UInt64(Double(test.options.expectedMicroseconds) / Self.share)
        let recorder = DeliveryRecorder(watch: watch, expectedMicroseconds: expected)
        let resident = Sampler(watch: watch) { [test] in Double(test.world.residentBytes()) / 1_048_576 }
        let descriptors = Sampler(watch: watch) { Double(ProcessMeter.openDescriptors) }
        try await test.withStore("soak") { open in
            try await test.withUpstream(test.options.behaviour) { upstream, control in
                let (engine, transport) = try test.world.engine(
                    open.store, url: upstream.url, workers: test.options.workers ?? Self.workers, sinks: [recorder]
                ) {
                    $0.processor.breaker = .init(failures: 10, windowMs: 60_000, coolDownMs: 1000)
                    $0.processor.retry.maxAttempts = 1000
                    // Ids are forgotten at the next sweep, so that the database stays small and caches don't fill for a day.
                    $0.ledgerHours = 0
                }
                let (first, accepted) = try await LoadTest.using([transport]) { () async throws -> (Int64, Int) in
                    var producer = SoakProducer(engine: engine, seed: test.options.seed, entities: Self.entities)
                    let rate = try await calibrate(engine, &producer, recorder, watch)
                    let first = try await settledBytes(open)
                    result.figure("possible", rate, "operations/s", .higher)
                    let samplers = [resident, descriptors]
                    return (first, try await live(engine, producer, rate * Self.share, recorder, control, samplers, &result))
                }
                let last = try await settledBytes(open)
                result.figure("database after compaction, before", Double(first), "bytes", .neither)
                result.figure("database after compaction, in the end", Double(last), "bytes", .lower)
                result.check(
                    "the database has not grown", Double(last) <= Double(first) * 1.1 + 65_536, "\(first) bytes before, \(last) in the end")
                result.audit(try await EffectAudit.of(control), accepted: accepted, try await open.store.check())
            }
        }
        judge(resident, descriptors, &result)
        result.percentiles("attempt", recorder.attempts)
        result.throughput(recorder)
        result.series("resident memory", "MiB", resident)
        result.series("file descriptors", "", descriptors)
        result.breaker = recorder.changes
    }

    /// Operations per second that get through while there is always something to send.
    private func calibrate(
        _ engine: SyncEngine, _ producer: inout SoakProducer, _ recorder: DeliveryRecorder, _ watch: Stopwatch
    ) async throws -> Double {
        let seconds = min(10, max(2, test.options.soakSeconds / 10))
        let workers = test.options.workers ?? Self.workers
        let most = Int(seconds) * workers * 1000 / max(1, test.options.latencyMs) + 200
        try await producer.enqueue(min(most, 20_000))
        let begun = watch.seconds
        try await test.deliver([engine], until: producer.made, "finding out what is possible") { recorder.processed + recorder.failed }
        return Double(producer.made) / (watch.seconds - begun)
    }

    /// Bytes that are left when nothing waits, ids of what is processed are forgotten, and the file is compact.
    private func settledBytes(_ open: LoadWorld.OpenStore) async throws -> Int64 {
        let now = SystemClock().now.wall.adding(milliseconds: 1)
        while try await open.store.sweepLedger(before: now, limit: 5000) > 0 {}
        try await open.compact()
        return try await open.bytes()
    }

    /// Returns how many operations were accepted in all.
    private func live(
        _ engine: SyncEngine, _ producer: SoakProducer, _ rate: Double, _ recorder: DeliveryRecorder, _ control: UpstreamControl,
        _ samplers: [Sampler], _ result: inout SuiteResult
    ) async throws -> Int {
        let isOver = StopSign()
        var producer = producer
        var intake = LatencyRecorder()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sampler in samplers { group.addTask { await sampler.run(everyMilliseconds: 500) } }
            group.addTask { while !isOver.isUp { try await engine.run() } }
            do {
                try await produce(&producer, rate, &intake, engine, control)
                try await control.setMode(["mode": "up"])
                let total = producer.made
                try await test.wait(until: total, "the last ones") { recorder.processed + recorder.failed }
            } catch {
                isOver.give()
                group.cancelAll()
                throw error
            }
            isOver.give()
            engine.drain()
            group.cancelAll()
        }
        result.percentiles("enqueue, from the moment it was due", intake)
        result.figure("asked for", rate, "operations/s", .neither)
        return producer.made
    }

    /// Open loop: what is due is enqueued however late, and its wait counts from when it was due.
    private func produce(
        _ producer: inout SoakProducer, _ rate: Double, _ intake: inout LatencyRecorder, _ engine: SyncEngine, _ control: UpstreamControl
    ) async throws {
        let watch = Stopwatch()
        let length = test.options.soakSeconds
        var (sent, mood, restarts) = (0, 0, 0)
        while true {
            let now = watch.seconds
            if now >= length { return }
            let due = Int(now * rate) - sent
            if due > 0 {
                let begun = sent
                try await producer.enqueue(due)
                sent += due
                let end = watch.seconds
                for number in begun..<sent { intake.record(microseconds: Int64((end - Double(number + 1) / rate) * 1e6)) }
            }
            if now >= Double(mood + 1) * Self.moodEvery {
                try await control.setMode(Self.moods[mood % Self.moods.count])
                mood += 1
            }
            if now >= Double(restarts + 1) * Self.restartEvery {
                engine.drain()
                restarts += 1
            }
            test.progress(Int(now), Int(length), "seconds of soak")
            try await Task.sleep(for: .milliseconds(Self.tickMs))
        }
    }

    private func judge(_ resident: Sampler, _ descriptors: Sampler, _ result: inout SuiteResult) {
        let memory = Self.blocks(resident.samples.map { ($0.seconds, $0.value * 1_048_576) })
        let trend = Trend(memory)
        let span = (memory.last?.x ?? 0) - (memory.first?.x ?? 0)
        let perHour = 3600 / 1_048_576.0
        result.figure("growth of memory", trend.slope * perHour, "MiB/h", .neither)
        result.check(
            "memory does not grow", trend.atLeast * span < Self.chance,
            "\(JSONValue.decimal(trend.slope * perHour).text) ± \(JSONValue.decimal(trend.error * perHour).text) MiB/h over \(Int(span)) s")
        let files = Self.blocks(descriptors.samples.map { ($0.seconds, $0.value) })
        let fileTrend = Trend(files)
        result.check(
            "file descriptors do not grow", fileTrend.atLeast * span < 8,
            "\(Int(files.first?.y ?? 0)) at first, \(Int(files.last?.y ?? 0)) in the end")
    }

    /// Means of forty spans after the warm-up: single samples depend on each other, and would make the line look surer than it is.
    private static func blocks(_ samples: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        let settled = Array(samples.dropFirst(Int(Double(samples.count) * warmUp)))
        let size = max(1, settled.count / 40)
        return stride(from: 0, to: settled.count, by: size).map { begin in
            let block = settled[begin..<min(begin + size, settled.count)]
            let count = Double(block.count)
            return (block.reduce(0) { $0 + $1.x } / count, block.reduce(0) { $0 + $1.y } / count)
        }
    }
}

/// An endless workload, taken in pieces.
private struct SoakProducer {
    private let engine: SyncEngine
    private var operations: Workload.Iterator
    private(set) var made = 0

    init(engine: SyncEngine, seed: UInt64, entities: Int) {
        self.engine = engine
        operations = Workload(seed: seed, operations: .max, entities: entities, readings: false).makeIterator()
    }

    mutating func enqueue(_ count: Int) async throws {
        var left = count
        while left > 0 {
            var batch: [NewOperation] = []
            while batch.count < min(left, 1000), let next = operations.next() { batch.append(next) }
            if batch.isEmpty { return }
            try await engine.enqueue(batch)
            made += batch.count
            left -= batch.count
        }
    }
}
