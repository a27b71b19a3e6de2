public import GuardianCore
public import Logging

/// swift-log's way into the same log: other packages' lines get the same form, the same redaction and the same file.
///
/// ```swift
/// LoggingSystem.bootstrap { GuardianLogHandler(label: $0, writer: writer) }
/// ```
/// Metadata become fields; `trace_id`, `operation_type` and `error_class` among them become the line's own.
public struct GuardianLogHandler: LogHandler {
    /// Fields of every line of this logger, unless ``metadataProvider`` or the line itself says otherwise.
    public var metadata: Logger.Metadata = [:]
    /// Asked for each line that is written; nil, the default, adds nothing.
    public var metadataProvider: Logger.MetadataProvider?
    /// The writer's by default. The writer's own level counts too: a lower one here lets nothing more through.
    public var logLevel: Logger.Level
    private let label: String
    private let writer: LogWriter
    private let clock: any TimeSource

    /// `label` becomes the field `logger` of each line.
    public init(label: String, writer: LogWriter, clock: any TimeSource = SystemClock()) {
        self.label = label
        self.writer = writer
        self.clock = clock
        logLevel = writer.level.logger
    }

    /// One of ``metadata``; nil takes it away.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Hands the line to the writer, and never waits for the disk.
    public func log(event: LogEvent) {
        let level = LogLevel(event.level)
        guard level >= writer.level else { return }
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        func taken(_ key: String) -> String? { all.removeValue(forKey: key).map { "\($0)" } }
        var line = LogLine(timestamp: clock.now.wall, level: level, message: event.message.description)
        line.traceID = taken("trace_id")
        line.operationType = taken("operation_type")
        line.errorClass = taken("error_class") ?? event.error.map { String(describing: type(of: $0)) }
        line.fields = [.init("logger", .string(label))]
        if let error = event.error { line.fields.append(.init("error", .string(String(describing: error)))) }
        line.fields += all.sorted { $0.key < $1.key }.map { .init($0.key, Self.json($0.value)) }
        writer.write(line)
    }

    private static func json(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let value): .string(value.description)
        case .array(let values): .array(values.map(json))
        case .dictionary(let values): .object(values.sorted { $0.key < $1.key }.map { .init($0.key, json($0.value)) })
        @unknown default: .string("\(value)")
        }
    }
}
