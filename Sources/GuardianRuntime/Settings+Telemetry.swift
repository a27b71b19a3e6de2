import GuardianTelemetry

extension Settings {
    /// The keys of log, Sentry and traces.
    static let telemetryKeys: [Key] = [
        Key(name: "log.level", fallback: "info", check: Check.oneOf(LogLevel.allCases.map(\.rawValue))),
        // The form on stderr: `auto` is text on a terminal and JSON elsewhere. Files are always JSON lines.
        Key(name: "log.format", fallback: "auto", check: Check.oneOf(["auto", "json", "text"])),
        // `auto` is DATA_DIR/logs/guardian.log beside stderr, a path is that file instead of stderr, `off` is stderr only.
        Key(name: "log.file", fallback: "auto", check: { $0.isEmpty ? "must be auto, off or a path" : nil }),
        Key(name: "log.max_size", fallback: "10MiB", check: Check.fixedSize),
        Key(name: "log.max_files", fallback: "5", check: Check.integer(1...100)),
        // Room on the volume that logs and the spool of Sentry never use.
        Key(name: "log.min_free", fallback: "64MiB", check: Check.fixedSize),
        Key(name: "sentry.dsn_file", fallback: "", check: Check.any),
        Key(
            name: "sentry.environment", fallback: "production",
            check: { Self.isWord($0) ? nil : "must be 1 to 64 letters, digits, dots, dashes or underscores" }),
        Key(name: "sentry.events_per_minute", fallback: "60", check: Check.integer(1...100_000)),
        Key(name: "sentry.breaker_open_after", fallback: "5m", check: Check.duration),
        Key(
            name: "trace.endpoint", fallback: "",
            check: { $0.isEmpty || $0.hasPrefix("http://") || $0.hasPrefix("https://") ? nil : "must begin with http:// or https://" }),
        Key(name: "trace.allow_insecure", fallback: "false", check: Check.oneOf(["true", "false"])),
        Key(
            name: "trace.ratio", fallback: "1",
            check: { Double($0).map { (0...1).contains($0) } == true ? nil : "must be a number from 0 to 1" }),
    ]

    private static func isWord(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }

    /// Where log lines are kept; nil for nowhere.
    var logFile: String? {
        switch text("log.file") {
        case "off": nil
        case "auto": text("data_dir") + "/logs/guardian.log"
        case let path: path
        }
    }
}

extension Check {
    @Sendable static func fixedSize(_ text: String) -> String? {
        bytes(text) != nil ? nil : "must be a size such as 512KiB, 64MiB or 2GiB"
    }
}
