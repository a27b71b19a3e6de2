import GuardianCore
import GuardianPrivacy

/// The one place where what telemetry says is made fit to leave: log lines, Sentry events, span attributes.
enum Redaction {
    /// Characters that are kept of one text, after redaction.
    static let longest = 4096
    /// Members or elements that are kept of one structure.
    static let widest = 100

    /// Free of personal data, and cut.
    static func text(_ text: String) -> String { cut(Redactor.standard.redact(text)) }

    /// The same at any depth; values under sensitive names go as a whole.
    static func json(_ value: JSONValue) -> JSONValue { cut(Redactor.standard.redact(value)) }

    private static func cut(_ text: String) -> String {
        text.utf8.count > longest && text.count > longest ? text.prefix(longest) + "…" : text
    }

    private static func cut(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(cut(text))
        case .array(let elements): .array(elements.prefix(widest).map { cut($0) })
        case .object(let members): .object(members.prefix(widest).map { .init($0.name, cut($0.value)) })
        default: value
        }
    }
}
