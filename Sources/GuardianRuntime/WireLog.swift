import GuardianCore
import GuardianHTTP
import GuardianPrivacy
import GuardianTelemetry

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Requests and answers as log lines of level debug (spec section 9), in words that hold no credential and no personal data.
struct WireLog: WireObserver {
    private static let mostOfBody = 1000

    private let writer: LogWriter

    init(_ writer: LogWriter) { self.writer = writer }

    var isListening: Bool { writer.level == .debug }

    func sent(_ message: WireMessage, of operation: GuardianCore.Operation) {
        let line = "HTTP \(message.method) \(SecurityUtils.sanitizePath(message.path)) | \(Self.content(of: message))"
        write("request sent", operation, [.init("line", .string(line))])
    }

    func answered(_ message: WireMessage, status: Int, afterMs: Int64, to operation: GuardianCore.Operation) {
        let line = "HTTP \(status) | \(Self.content(of: message))"
        write(
            "answer received", operation,
            [.init("line", .string(line)), .init("http_status", JSONValue(status)), .init("after_ms", JSONValue(afterMs))])
    }

    private func write(_ message: String, _ operation: GuardianCore.Operation, _ fields: [JSONValue.Member]) {
        writer.write(
            LogLine(
                timestamp: SystemClock().now.wall, level: .debug, message: message, traceID: operation.traceID.description,
                operationType: operation.type, fields: [.init("id", .string(operation.id.description))] + fields))
    }

    /// `Headers: {…} | Body: {…}`, without credentials and personal data, the body cut at 1000 characters.
    private static func content(of message: WireMessage) -> String {
        let headers = message.headers.map { JSONValue.Member($0.name, .string(SecurityUtils.safeHeader($0.name, $0.value))) }
        let body = SecurityUtils.redactPayload(message.body)
        return "Headers: \(JSONValue.object(headers).text) | Body: \(body.count > mostOfBody ? body.prefix(mostOfBody) + "…" : body)"
    }
}
