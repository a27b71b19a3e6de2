package import GuardianCore
import GuardianHTTP
package import GuardianTelemetry
import Logging
import Tracing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// What one process tells of itself: its log, Sentry, traces, and whether the one before it ended as it should.
package final class Telemetry: Sendable {
    package let log: LogWriter
    let sentry: SentrySink?
    let tracing: OperationTracing?
    private let exporter: SpanExporter?
    private let settings: Settings

    /// Throws a ``SettingsError`` for what can be found wrong: a DSN that is none, a file that can't be read.
    package init(_ settings: Settings) throws {
        self.settings = settings
        let assembly = Assembly(settings)
        log = assembly.logWriter()
        sentry = try assembly.sentryConfiguration().map { [log] in SentrySink($0, log: log) }
        guard let endpoint = try assembly.traceEndpoint() else {
            (exporter, tracing) = (nil, nil)
            return
        }
        let instance = "\(ProcessInfo.processInfo.hostName):\(ProcessInfo.processInfo.processIdentifier)"
        let exporter = SpanExporter(
            .init(endpoint: endpoint, serviceVersion: BuildInfo.version, instance: instance), log: log)
        self.exporter = exporter
        tracing = OperationTracing(GuardianTracer(exporter: exporter, ratio: Double(settings.text("trace.ratio")) ?? 1))
    }

    /// What hears the engine's events.
    package var sinks: [any EventSink] {
        var sinks: [any EventSink] = [LogSink(log)]
        if let sentry { sinks.append(sentry) }
        if let tracing { sinks.append(tracing) }
        return sinks
    }

    /// Makes this log the one that other packages' loggers write to. Once in a process.
    package func takeOverLoggers() { LoggingSystem.bootstrap { [log] in GuardianLogHandler(label: $0, writer: log) } }

    /// Sees requests and answers, and puts the trace on the wire.
    func attach(to configuration: inout HTTPTransportConfiguration) {
        configuration.observer = WireLog(log)
        if let tracing { configuration.traceHeaders = { tracing.headers() } }
    }

    /// `transport`, with spans when traces are on.
    func traced(_ transport: HTTPTransport) -> any Transport { tracing?.transport(transport) ?? transport }

    /// Runs `body`, and beside it what sends reports and spans. A process that does not come back from it has crashed, and the next one
    /// says so.
    package func during(_ body: () async throws -> Void) async throws {
        let marker = begin()
        defer {
            say(.info, "process ended")
            log.flush()
            marker?.end()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in await run() }
            defer { group.cancelAll() }
            do { try await body() } catch let error where !(error is CancellationError) {
                say(.error, "process can't go on", .init("reason", .string(ErrorWords.of(error))))
                throw error
            }
        }
    }

    private func run() async {
        await withTaskGroup(of: Void.self) { group in
            if let sentry { group.addTask { await sentry.run() } }
            if let exporter { group.addTask { await exporter.run() } }
        }
    }

    private func begin() -> RunMarker? {
        say(
            .info, "process started", .init("version", .string(BuildInfo.version)),
            .init("pid", JSONValue(Int64(ProcessInfo.processInfo.processIdentifier))))
        let directory = settings.text("data_dir")
        do {
            // Swift's backtracer writes there when it is told to, and makes no directory itself.
            if ProcessInfo.processInfo.environment["SWIFT_BACKTRACE"] != nil {
                try FileManager.default.createDirectory(
                    atPath: directory + "/crashes", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
            let now = SystemClock().now.wall
            let (marker, unclean) = try RunMarker.begin(in: directory + "/run", version: BuildInfo.version, now: now)
            for process in unclean {
                say(
                    .error, "process before this one did not end as it should",
                    .init("started_at", .string(process.startedAt.rfc3339)), .init("version", .string(process.version)),
                    .init("pid", JSONValue(Int64(process.pid))))
                sentry?.capture(process, crashDirectory: directory + "/crashes")
            }
            return marker
        } catch {
            say(.warning, "run marker not written", .init("reason", .string(ErrorWords.of(error))))
            return nil
        }
    }

    /// Says that the rollout guard's mark is not on disk: the next start takes its own time for that of the change.
    func rolloutUnnoted(_ reason: String) { say(.warning, "rollout mark not written", .init("reason", .string(reason))) }

    private func say(_ level: LogLevel, _ message: String, _ fields: JSONValue.Member...) {
        log.write(LogLine(timestamp: SystemClock().now.wall, level: level, message: message, fields: fields))
    }
}
