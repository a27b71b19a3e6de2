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
        let line = "HTTP \(message.method) \(Self.path(message.path)) | \(Self.content(of: message))"
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
        let headers = message.headers.map { JSONValue.Member($0.name, .string(header($0.name.lowercased(), $0.value))) }
        let body: String
        do throws(JSONScanner.Defect) {
            body = Redactor.standard.redact(try JSONValue(parsing: message.body)).text
        } catch {
            body = Redactor.standard.redact(message.body)
        }
        return "Headers: \(JSONValue.object(headers).text) | Body: \(body.count > mostOfBody ? body.prefix(mostOfBody) + "…" : body)"
    }

    private static func header(_ name: String, _ value: String) -> String {
        switch name {
        case "authorization": masked(value)
        case "cookie", "set-cookie", "x-api-key", "proxy-authorization": "[REDACTED]"
        default: Redactor.standard.redact(value)
        }
    }

    /// The first characters and the last ones of a long token, nothing of a short one.
    private static func masked(_ value: String) -> String {
        let token = value.hasPrefix("Bearer ") ? value.dropFirst(7) : value[...]
        return token.count < 24 ? "***" : "\(token.prefix(4))...\(token.suffix(3))"
    }

    /// The path with its ids taken out: numbers as `{id}`, UUIDs as `{uuid}`, and personal data, also where it is percent-encoded.
    private static func path(_ path: String) -> String {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).map { segment -> String in
            if !segment.isEmpty, segment.allSatisfy({ $0.isASCII && $0.isNumber }) { return "{id}" }
            if UniqueID(String(segment)) != nil { return "{uuid}" }
            let plain = segment.removingPercentEncoding ?? String(segment)
            let safe = Redactor.standard.redact(plain)
            return safe == plain ? String(segment) : safe
        }
        return segments.joined(separator: "/")
    }
}
