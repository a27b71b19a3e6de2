public import GuardianCore

/// A line of the log, as the console shows it.
public struct ConsoleLogLine: Sendable, Equatable {
    /// By the wall clock of the process that wrote it.
    public var at: Timestamp
    /// debug, info, warning, error or fatal.
    public var level: String
    /// Redacted, as the whole line is.
    public var message: String
    /// Of the operation that it is about, as in `Trace-Id`; nil where it is about none.
    public var traceID: String?
    /// Of the same operation.
    public var operationType: String?
    /// Such as `transient`; nil where it tells of no error.
    public var errorClass: String?
    /// An object: all else that was said.
    public var fields: JSONValue

    /// A `level` that is none of ``ConsoleLogQuery/levels`` counts as `info`.
    public init(
        at: Timestamp, level: String, message: String, traceID: String? = nil, operationType: String? = nil, errorClass: String? = nil,
        fields: JSONValue = .object([])
    ) {
        self.at = at
        self.level = level
        self.message = message
        self.traceID = traceID
        self.operationType = operationType
        self.errorClass = errorClass
        self.fields = fields
    }
}

/// Which lines of the log are asked for.
public struct ConsoleLogQuery: Sendable, Equatable {
    /// The least grave first.
    public static let levels = ["debug", "info", "warning", "error", "fatal"]

    /// This level or a graver one; nil is `info`.
    public var level: String?
    /// Only lines of this trace, in any case; nil for those of all.
    public var traceID: String?
    /// Only lines about operations of this type; nil for all lines.
    public var operationType: String?
    /// Stands in the message, the error class or the fields; capitals do not matter.
    public var text: String?
    /// Only lines of this time or later; nil for as far back as there are any.
    public var since: Timestamp?
    /// Lines of a page at most.
    public var limit = 200

    /// All lines but those of level `debug`.
    public init() {}

    /// Whether `line` meets every condition.
    public func fits(_ line: ConsoleLogLine) -> Bool {
        if Self.rank(line.level) < Self.rank(level ?? "info") { return false }
        if let traceID, line.traceID?.lowercased() != traceID.lowercased() { return false }
        if let operationType, line.operationType != operationType { return false }
        if let since, line.at < since { return false }
        guard let text = text?.lowercased(), !text.isEmpty else { return true }
        return line.message.lowercased().contains(text) || line.fields.text.lowercased().contains(text)
            || line.errorClass?.lowercased().contains(text) == true
    }

    private static func rank(_ level: String) -> Int { levels.firstIndex(of: level) ?? 1 }
}

/// Some lines of the log, and where older ones are.
public struct ConsoleLogPage: Sendable, Equatable {
    /// The youngest first.
    public var lines: [ConsoleLogLine]
    /// Where to go on; nil when there are none older.
    public var next: String?

    /// `next` is handed back as it is, to whoever made it.
    public init(lines: [ConsoleLogLine], next: String?) {
        self.lines = lines
        self.next = next
    }
}

/// A cursor that is none of this log's.
public struct UnknownLogCursor: Error, Sendable {
    /// For an app's own ``ConsoleLogs`` to throw.
    public init() {}
}

/// Where the console reads the log from.
public protocol ConsoleLogs: Sendable {
    /// Lines that fit, from the youngest on, or from where another page ended. Redacted already. Throws ``UnknownLogCursor``.
    func page(_ query: ConsoleLogQuery, after cursor: String?) async throws -> ConsoleLogPage
    /// Lines from now on that fit, for one reader; a slow one loses the oldest.
    func tail(_ query: ConsoleLogQuery) -> AsyncStream<ConsoleLogLine>
}
