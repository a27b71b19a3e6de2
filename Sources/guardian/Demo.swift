import ArgumentParser
import Foundation
import GuardianBackend
import GuardianCore
import GuardianLoad
import GuardianRuntime
import Synchronization
import UnixSignals

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See it work: an upstream that is away, a thousand operations, and what arrives when it is back.",
        discussion:
            """
            Example: DEMO_SECONDS=30 guardian demo
            Stays up until Ctrl-C; DEMO_SECONDS ends it by itself, with exit code 0 when all holds.
            With --json what happens is said on standard error, and what came of it is one JSON object on standard output.
            GUARDIAN_LOG_…, GUARDIAN_SENTRY_… and GUARDIAN_TRACE_… work as for `serve`; the log goes to a file only.
            """
    )

    @Option(help: "Operations enqueued while the upstream is away.") var operations = 1000
    @Option(help: "Rooms, users and devices that they change.") var entities = 100
    @Option(help: "What the operations are drawn from: the same seed gives the same.") var seed: UInt64 = 7
    @Option(help: "host:port of the API; port 0 takes a free one.") var listen = "127.0.0.1:0"
    @Flag(help: "Print what came of it as JSON.") var json = false

    func run() async throws {
        let end = try Self.end()
        // Before there is anything to leave behind.
        let endings = await Launch.endings()
        let directory = NSTemporaryDirectory() + "/guardian-demo-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        // A port that was free a moment ago; the upstream comes up on it later.
        let upstream = try ReferenceUpstream(.init(port: try await FreePort.find()))
        let told = ["GUARDIAN_LOG_", "GUARDIAN_SENTRY_", "GUARDIAN_TRACE_"]
        let environment = ProcessInfo.processInfo.environment.filter { entry in told.contains { entry.key.hasPrefix($0) } }
        var flags = [
            "data_dir": directory, "listen": listen, "upstream.url": "http://127.0.0.1:\(upstream.configuration.port)", "workers": "8",
            "retry.base": "200ms", "retry.max": "2s", "breaker.cool_down": "1s",
            "admin.enabled": "true",
        ]
        if environment["GUARDIAN_LOG_FILE"] == nil { flags["log.file"] = directory + "/logs/guardian.log" }
        let settings = try Settings(environment: environment, flags: flags)
        let story = DemoStory(
            operations: operations, entities: entities, seed: seed, settings: settings, upstream: upstream, end: end, json: json)
        // All that `serve` has: metrics, alerts, console, log. Only who enqueues differs.
        let daemon = try Daemon(settings, sinks: [story.latencies])
        daemon.takeOverLoggers()
        try await run(daemon, story, until: endings)
    }

    /// When it ends by itself; nil for a signal.
    private static func end() throws -> ContinuousClock.Instant? {
        guard let text = ProcessInfo.processInfo.environment["DEMO_SECONDS"], !text.isEmpty else { return nil }
        guard let seconds = Double(text), (0...86_400).contains(seconds) else {
            throw Failure(.usage, "DEMO_SECONDS: must be a number of seconds from 0 to 86400 (it is \"\(text)\")")
        }
        return ContinuousClock.now + .seconds(seconds)
    }

    private enum Finished {
        case daemon
        case story(holds: Bool)
    }

    private func run(_ daemon: Daemon, _ story: DemoStory, until endings: UnixSignalsSequence) async throws {
        let (opened, opening) = AsyncStream.makeStream(of: (SyncEngine, any OpenedStore).self)
        var holds = false
        try await withThrowingTaskGroup(of: Finished.self) { group in
            group.addTask {
                defer { opening.finish() }
                try await daemon.run(tell: { Self.tell($0, daemon, story) }, opened: { opening.yield(($0, $1)) })
                return .daemon
            }
            group.addTask {
                guard let (engine, store) = await opened.first(where: { _ in true }) else { return .story(holds: false) }
                return .story(holds: try await story.play(engine, store, until: endings))
            }
            while let finished = try await group.next() {
                guard case .story(let told) = finished else { break }
                holds = told
                daemon.stop()
            }
            group.cancelAll()
        }
        if !holds { throw Failure(.failed, "the demo did not deliver everything exactly once and in order") }
    }

    private static func tell(_ state: Daemon.State, _ daemon: Daemon, _ story: DemoStory) {
        switch state {
        case .ready(let url):
            story.tell("API        \(url)/v1/status")
            if let token = daemon.consoleToken { story.tell("console    \(url)/admin  token \(token)") }
        case .notReady(_, let reason), .unreadable(let reason): Terminal.complain(reason.description)
        case .salvaged: break
        }
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
