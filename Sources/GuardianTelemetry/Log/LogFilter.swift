package import GuardianCore

/// Which lines of the log are wanted. What is nil asks for nothing.
package struct LogFilter: Sendable, Equatable {
    /// The trace of one operation, as in `Trace-Id`.
    package var traceID: String?
    /// An operation type.
    package var operationType: String?
    package var errorClass: String?
    /// This level and those above it.
    package var level: LogLevel
    package var since: Timestamp?
    package var until: Timestamp?
    /// A text anywhere in the message, the error class or the fields, in any case.
    package var text: String?

    package init(
        traceID: String? = nil, operationType: String? = nil, errorClass: String? = nil, level: LogLevel = .debug, since: Timestamp? = nil,
        until: Timestamp? = nil, text: String? = nil
    ) {
        self.traceID = traceID
        self.operationType = operationType
        self.errorClass = errorClass
        self.level = level
        self.since = since
        self.until = until
        self.text = text
    }

    package func matches(_ line: LogLine) -> Bool {
        if line.level < level { return false }
        if let since, line.timestamp < since { return false }
        if let until, line.timestamp > until { return false }
        if let operationType, line.operationType != operationType { return false }
        if let errorClass, line.errorClass != errorClass { return false }
        if let traceID, line.traceID?.lowercased() != traceID.lowercased() { return false }
        guard let text = text?.lowercased(), !text.isEmpty else { return true }
        return line.message.lowercased().contains(text) || line.errorClass?.lowercased().contains(text) == true
            || JSONValue.object(line.fields).text.lowercased().contains(text)
    }

    /// What a line must hold as bytes to have a chance, so that most lines are not parsed: the trace it is asked for.
    package var needle: [UInt8]? { traceID.flatMap { UniqueID($0) }.map { Array($0.description.utf8) } }
}
