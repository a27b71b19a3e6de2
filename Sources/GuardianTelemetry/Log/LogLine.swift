package import GuardianCore

/// One line of the log: a fixed message, and its facts as fields.
package struct LogLine: Sendable, Equatable {
    /// Bytes that one line of a file may have; longer ones are not read.
    package static let longest = 1 << 18

    package var timestamp: Timestamp
    package var level: LogLevel
    /// Fixed for each kind of event, so that it can be counted and searched for.
    package var message: String
    /// The operation's trace, as it is in `Trace-Id`; nil when the line is about no single operation.
    package var traceID: String?
    package var operationType: String?
    /// A word of ``ErrorClass``, or `store_` and the name of a ``StoreError``.
    package var errorClass: String?
    package var fields: [JSONValue.Member]

    package init(
        timestamp: Timestamp, level: LogLevel, message: String, traceID: String? = nil, operationType: String? = nil,
        errorClass: String? = nil, fields: [JSONValue.Member] = []
    ) {
        self.timestamp = timestamp
        self.level = level
        self.message = message
        self.traceID = traceID
        self.operationType = operationType
        self.errorClass = errorClass
        self.fields = fields
    }

    /// The form of spec section 8: every member is always there, `null` where it says nothing.
    package var json: JSONValue {
        [
            "timestamp": .string(timestamp.rfc3339), "level": .string(level.rawValue), "message": .string(message),
            "trace_id": JSONValue(traceID), "operation_type": JSONValue(operationType), "error_class": JSONValue(errorClass),
            "fields": .object(fields),
        ]
    }

    /// Reads what ``json`` writes; nil for anything else.
    package init?(_ json: JSONValue) {
        guard let time = json["timestamp"]?.string.flatMap(Timestamp.init(rfc3339:)),
            let level = json["level"]?.string.flatMap(LogLevel.init(rawValue:)), let message = json["message"]?.string
        else { return nil }
        self.init(
            timestamp: time, level: level, message: message, traceID: json["trace_id"]?.string,
            operationType: json["operation_type"]?.string, errorClass: json["error_class"]?.string,
            fields: json["fields"]?.members ?? [])
    }

    /// Reads one line of a log file; nil when it is none of ours.
    package init?(line: some Collection<UInt8>) {
        guard line.first == UInt8(ascii: "{"), line.count <= Self.longest else { return nil }
        do { self.init(try JSONValue(parsing: String(decoding: line, as: UTF8.self))) } catch { return nil }
    }

    /// Without personal data and secrets, in every part that could hold any.
    package var redacted: LogLine {
        var line = self
        line.message = Redaction.text(message)
        line.operationType = operationType.map { Redaction.text($0) }
        line.errorClass = errorClass.map { Redaction.text($0) }
        line.traceID = traceID.map { UniqueID($0) == nil ? Redaction.text($0) : $0 }
        line.fields = Redaction.json(.object(fields)).members ?? []
        return line
    }
}
