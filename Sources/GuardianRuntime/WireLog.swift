import GuardianCore
import GuardianHTTP
import GuardianTelemetry

/// Requests and answers as log lines of level debug (spec section 9), in words that hold no credential and no personal data.
struct WireLog: WireObserver {
    private let writer: LogWriter

    init(_ writer: LogWriter) { self.writer = writer }

    var isListening: Bool { writer.level == .debug }

    func sent(_ message: WireMessage, of operation: Operation) {
        write("request sent", operation, [.init("line", .string("HTTP \(message.method)"))])
    }

    func answered(_ message: WireMessage, status: Int, afterMs: Int64, to operation: Operation) {
        write(
            "answer received", operation,
            [
                .init("line", .string("HTTP \(status)")), .init("http_status", JSONValue(status)),
                .init("after_ms", JSONValue(afterMs)),
            ])
    }

    private func write(_ message: String, _ operation: Operation, _ fields: [JSONValue.Member]) {
        writer.write(
            LogLine(
                timestamp: SystemClock().now.wall, level: .debug, message: message, traceID: operation.traceID.description,
                operationType: operation.type, fields: [.init("id", .string(operation.id.description))] + fields))
    }
}
