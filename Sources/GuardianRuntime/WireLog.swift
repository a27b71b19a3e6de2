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
    private let writer: LogWriter

    init(_ writer: LogWriter) { self.writer = writer }

    var isListening: Bool { writer.level == .debug }

    func sent(_ message: WireMessage, of operation: GuardianCore.Operation) {
        // Decoded, so that personal data is seen for what it is.
        let path = message.path.removingPercentEncoding ?? message.path
        let line = SecurityUtils.createSafeRequestLog(
            method: message.method, path: path, headers: Self.headers(of: message), body: message.body)
        write("request sent", operation, [.init("line", .string(line))])
    }

    func answered(_ message: WireMessage, status: Int, afterMs: Int64, to operation: GuardianCore.Operation) {
        let line = SecurityUtils.createSafeResponseLog(statusCode: status, headers: Self.headers(of: message), body: message.body)
        write(
            "answer received", operation,
            [.init("line", .string(line)), .init("http_status", JSONValue(status)), .init("after_ms", JSONValue(afterMs))])
    }

    func compressionRefused(by upstream: String, status: Int) {
        writer.write(
            LogLine(
                timestamp: SystemClock().now.wall, level: .warning, message: "upstream takes no compressed requests",
                fields: [.init("upstream", .string(upstream)), .init("http_status", JSONValue(status))]))
    }

    private func write(_ message: String, _ operation: GuardianCore.Operation, _ fields: [JSONValue.Member]) {
        writer.write(
            LogLine(
                timestamp: SystemClock().now.wall, level: .debug, message: message, traceID: operation.traceID.description,
                operationType: operation.type, fields: [.init("id", .string(operation.id.description))] + fields))
    }

    private static func headers(of message: WireMessage) -> [String: String] {
        Dictionary(message.headers.map { ($0.name, $0.value) }) { "\($0), \($1)" }
    }
}
