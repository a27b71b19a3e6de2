import Foundation
import GuardianCore
import GuardianHTTP
import GuardianServer
package import GuardianTelemetry

extension Assembly {
    /// Reads the log that these settings write; nil where none is kept.
    package func logSearch() -> LogSearch? {
        settings.logFile.map { LogSearch(path: $0, maxFiles: settings.integer("log.max_files")) }
    }

    /// What is wrong with the place that log lines are to go to: no file could be written or rotated there. Who may write to it is for its
    /// writer to find out, who may be another user than the one that asks.
    var logFileDefect: SettingsError? {
        guard let path = settings.logFile else { return nil }
        var found = stat()
        guard stat(path, &found) == 0 else {
            guard errno == ENOTDIR else { return nil }
            return SettingsError("log.file", "\(path) can't be made, for a part of its path is a file; name another or set it to off")
        }
        switch found.st_mode & S_IFMT {
        case S_IFREG: return nil
        case S_IFDIR: return SettingsError("log.file", "\(path) is a directory; name a file in it, or set log.file to off")
        default: return SettingsError("log.file", "\(path) is no regular file, and can't be rotated; for stderr alone set log.file to off")
        }
    }

    /// The log of these settings, for one process.
    func logWriter() -> LogWriter {
        let level = LogLevel(rawValue: settings.text("log.level")) ?? .info
        let file = settings.logFile.map { path in
            LogFile(
                .init(
                    path: path, maxBytes: Int(settings.bytes("log.max_size") ?? 10 << 20), maxFiles: settings.integer("log.max_files"),
                    leastFreeBytes: settings.bytes("log.min_free") ?? 64 << 20))
        }
        let isTerminal = isatty(2) == 1
        let format: LogFormat =
            switch settings.text("log.format") {
            case "json": .json
            case "text": .text(colored: isTerminal && Self.takesColor)
            default: isTerminal ? .text(colored: Self.takesColor) : .json
            }
        // A file of the operator's own choice takes the place of stderr.
        let isChosen = !["auto", "off"].contains(settings.text("log.file"))
        return LogWriter(level: level, console: isChosen ? nil : format, file: file)
    }

    /// Whether a terminal is to be written to in colour: https://no-color.org, and whether it can.
    package static var takesColor: Bool { takesColor(in: ProcessInfo.processInfo.environment) }

    package static func takesColor(in environment: [String: String]) -> Bool {
        (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    /// Where spans go; nil for nowhere. Throws a ``SettingsError`` for plain http off this machine, unless that is allowed.
    func traceEndpoint() throws -> String? {
        let endpoint = settings.text("trace.endpoint")
        guard !endpoint.isEmpty else { return nil }
        let host = (URLComponents(string: endpoint)?.host ?? "").filter { $0 != "[" && $0 != "]" }
        let isSafe = endpoint.hasPrefix("https://") || APIServer.Configuration(host: host).isLoopback
        guard isSafe || settings.text("trace.allow_insecure") == "true" else {
            throw SettingsError(
                "trace.endpoint", "is plain http off this machine; use https, or set trace.allow_insecure if you accept that it is read")
        }
        return endpoint
    }

    /// How events get to Sentry; nil when no DSN is configured. Throws a ``SettingsError`` that never shows the DSN.
    func sentryConfiguration() throws -> SentryConfiguration? {
        guard let text = try settings.secret("sentry.dsn_file") else { return nil }
        let dsn: SentryDSN
        do throws(SentryDSN.Defect) { dsn = try SentryDSN(text) } catch { throw SettingsError("sentry.dsn_file", error.description) }
        var configuration = SentryConfiguration(
            dsn: dsn, environment: settings.text("sentry.environment"), release: "guardian@\(BuildInfo.version)",
            serverName: ProcessInfo.processInfo.hostName, spoolDirectory: settings.text("data_dir") + "/sentry")
        configuration.eventsPerMinute = settings.integer("sentry.events_per_minute")
        configuration.breakerOpenTooLongMs = settings.milliseconds("sentry.breaker_open_after")
        configuration.leastFreeBytes = settings.bytes("log.min_free") ?? 64 << 20
        return configuration
    }
}
