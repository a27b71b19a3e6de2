import ArgumentParser
import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianLoad
import GuardianRuntime
import GuardianSQLite
import GuardianServer
import Synchronization
import UnixSignals

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See it work: an upstream that is away, a thousand operations, and what arrives when it is back.",
        discussion:
            """
            Example: DEMO_SECONDS=30 guardian demo
            Stays up until Ctrl-C; DEMO_SECONDS ends it by itself, with exit code 0 when all holds.
            GUARDIAN_LOG_…, GUARDIAN_SENTRY_… and GUARDIAN_TRACE_… work as for `serve`; the log goes to a file only.
            """
    )

    @Option(help: "Operations enqueued while the upstream is away.") var operations = 1000
    @Option(help: "Rooms, users and devices that they change.") var entities = 100
    @Option var seed: UInt64 = 7
    @Option(help: "host:port of the API; port 0 takes a free one.") var listen = "127.0.0.1:0"

    func run() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-demo-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let seconds = ProcessInfo.processInfo.environment["DEMO_SECONDS"].flatMap { Double($0) }
        let end = seconds.map { ContinuousClock.now + .seconds($0) }
        // A port that was free a moment ago; the upstream comes up on it later.
        let upstream = try ReferenceUpstream(.init(port: try await FreePort.find()))
        let told = ["GUARDIAN_LOG_", "GUARDIAN_SENTRY_", "GUARDIAN_TRACE_"]
        let environment = ProcessInfo.processInfo.environment.filter { entry in told.contains { entry.key.hasPrefix($0) } }
        var flags = [
            "data_dir": directory, "listen": listen, "upstream.url": "http://127.0.0.1:\(upstream.configuration.port)", "workers": "8",
            "retry.base": "200ms", "retry.max": "2s", "breaker.cool_down": "1s",
        ]
        if environment["GUARDIAN_LOG_FILE"] == nil { flags["log.file"] = directory + "/logs/guardian.log" }
        let settings = try Settings(environment: environment, flags: flags)
        let telemetry = try Telemetry(settings)
        try await telemetry.during { try await run(settings, upstream, telemetry, until: end) }
    }

    private func run(
        _ settings: Settings, _ upstream: ReferenceUpstream, _ telemetry: Telemetry, until end: ContinuousClock.Instant?
    ) async throws {
        let assembly = Assembly(settings)
        let store = try assembly.openStore()
        let latencies = LatencySink()
        let (engine, transport) = try await assembly.engine(store: store, sinks: telemetry.sinks + [latencies], telemetry: telemetry)
        let server = APIServer(engine: engine, store: store, configuration: try assembly.api())

        var holds = false
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run { Terminal.say("API        http://127.0.0.1:\($0)/v1/status") } }
            group.addTask { try await engine.run() }
            Terminal.say(
                "offline    enqueuing \(operations) operations over \(entities) entities; nobody answers at \(settings.text("upstream.url"))"
            )
            let start = ContinuousClock.now
            let workload = Workload(seed: seed, operations: operations, entities: entities, readings: false)
            for operation in workload { try await engine.enqueue(operation) }
            Terminal.say("on disk    \(try await store.books().pending) pending after \(Self.text(ContinuousClock.now - start))")
            group.addTask { try await upstream.run() }
            Terminal.say("online     the upstream is back")
            Terminal.say("log        guardian logs --follow --data-dir \(settings.text("data_dir"))")
            while try await store.books().processed < operations, end.map({ ContinuousClock.now < $0 }) ?? true {
                try await Task.sleep(for: .milliseconds(50))
            }
            holds = try await summarize(store, upstream, latencies)
            if end == nil { Terminal.say("Up until Ctrl-C.") }
            await Self.waitForEnd(end)
            engine.drain()
            group.cancelAll()
            do { while try await group.next() != nil {} } catch is CancellationError {}
        }
        await transport.shutdown()
        try store.close()
        if !holds { throw Failure(.failed, "the demo did not deliver everything exactly once and in order") }
    }

    private func summarize(_ store: SQLiteStore, _ upstream: ReferenceUpstream, _ latencies: LatencySink) async throws -> Bool {
        let books = try await store.books()
        let effects = upstream.effects
        let violations = OrderCheck.violations(effects.map { ($0.entity, $0.payloadSeq ?? 0) })
        let (p50, p95, p99) = latencies.percentiles
        Terminal.say("enqueued          \(books.accepted) over \(Set(effects.map(\.entity)).count) entities")
        Terminal.say("delivered         \(books.processed)")
        Terminal.say("effects           \(effects.count)")
        Terminal.say("duplicate effects \(upstream.duplicateEffects)")
        Terminal.say("order violations  \(violations)")
        Terminal.say("failed            \(books.failed)")
        Terminal.say("latency           p50 \(p50) ms, p95 \(p95) ms, p99 \(p99) ms")
        return books.processed == operations && effects.count == operations && upstream.duplicateEffects == 0 && violations == 0
    }

    private static func waitForEnd(_ end: ContinuousClock.Instant?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return } }
            if let end { group.addTask { do { try await Task.sleep(until: end, clock: .continuous) } catch {} } }
            await group.next()
            group.cancelAll()
        }
    }

    private static func text(_ duration: Duration) -> String {
        duration.formatted(.units(allowed: [.seconds, .milliseconds], width: .narrow))
    }
}

/// Remembers how long attempts took that succeeded.
final class LatencySink: EventSink {
    private let values = Mutex<LatencyHistogram>(LatencyHistogram())

    func record(_ event: Event, at time: Timestamp) {
        if case .processed(_, let latencyMs, _) = event { values.withLock { $0.record(latencyMs) } }
    }

    var percentiles: (Int64, Int64, Int64) { values.withLock { ($0.percentile(50), $0.percentile(95), $0.percentile(99)) } }
}
