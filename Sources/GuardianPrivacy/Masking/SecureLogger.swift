#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation
public import GuardianCore

/// A logger whose lines are redacted before they are written, one line each whatever their text holds.
///
/// For apps that want to log near the engine without a logging system of their own; the engine itself tells by events.
public struct SecureLogger: Sendable {
    /// How much a line matters, least first.
    public enum Level: String, Sendable, CaseIterable, Comparable {
        /// From what only a developer wants to see to what nothing goes on after.
        case debug, info, warning, error, fatal

        public static func < (left: Level, right: Level) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }

    /// Where lines go, whole and without a line break at their end.
    public typealias Writer = @Sendable (Level, String) -> Void

    /// Nothing is written while this is false.
    public var enabled: Bool
    /// Lines go out as they are when this is false: for a debugger's console only.
    public var redactPII: Bool
    /// Lower ones are left out.
    public var level: Level
    private let redactor: Redactor
    private let write: Writer

    /// `write` gets finished lines; by default they go to stderr.
    public init(
        enabled: Bool = true, redactPII: Bool = true, level: Level = .debug, redactor: Redactor = .standard,
        write: @escaping Writer = SecureLogger.standardError
    ) {
        self.enabled = enabled
        self.redactPII = redactPII
        self.level = level
        self.redactor = redactor
        self.write = write
    }

    /// Writes `message`, and `fields` as JSON behind it.
    public func log(_ level: Level, _ message: @autoclosure () -> String, fields: @autoclosure () -> JSONValue? = nil) {
        guard enabled, level >= self.level else { return }
        var line = redactPII ? redactor.redact(message()) : message()
        if let fields = fields() { line += " " + (redactPII ? redactor.redact(fields) : fields).text }
        write(level, SecurityUtils.oneLine(line))
    }

    /// At ``Level/debug``. The arguments are evaluated only if the line is written.
    public func debug(_ message: @autoclosure () -> String, fields: @autoclosure () -> JSONValue? = nil) {
        log(.debug, message(), fields: fields())
    }

    /// At ``Level/info``. The arguments are evaluated only if the line is written.
    public func info(_ message: @autoclosure () -> String, fields: @autoclosure () -> JSONValue? = nil) {
        log(.info, message(), fields: fields())
    }

    /// At ``Level/warning``. The arguments are evaluated only if the line is written.
    public func warning(_ message: @autoclosure () -> String, fields: @autoclosure () -> JSONValue? = nil) {
        log(.warning, message(), fields: fields())
    }

    /// At ``Level/error``. The arguments are evaluated only if the line is written.
    public func error(_ message: @autoclosure () -> String, fields: @autoclosure () -> JSONValue? = nil) {
        log(.error, message(), fields: fields())
    }

    /// At ``Level/fatal``. Ends nothing: what the process does next is the app's affair.
    public func fatal(_ message: @autoclosure () -> String, fields: @autoclosure () -> JSONValue? = nil) {
        log(.fatal, message(), fields: fields())
    }

    /// A request, in the form of ``SecurityUtils/createSafeRequestLog(method:path:headers:body:)-(_,_,_,JSONValue?)``: safe whatever
    /// ``redactPII`` says.
    public func request(method: String, path: String, headers: [String: String]? = nil, body: JSONValue? = nil) {
        guard enabled, .debug >= level else { return }
        write(.debug, SecurityUtils.createSafeRequestLog(method: method, path: path, headers: headers, body: body))
    }

    /// A response, in the form of ``SecurityUtils/createSafeResponseLog(statusCode:headers:body:)-(_,_,JSONValue?)``.
    public func response(statusCode: Int, headers: [String: String]? = nil, body: JSONValue? = nil) {
        guard enabled, .debug >= level else { return }
        write(.debug, SecurityUtils.createSafeResponseLog(statusCode: statusCode, headers: headers, body: body))
    }

    /// `[warning] …` on stderr. A stderr that is gone is no error: there is nowhere else to say so.
    public static let standardError: Writer = { level, line in
        do { try FileHandle.standardError.write(contentsOf: Data("[\(level.rawValue)] \(line)\n".utf8)) } catch {}
    }
}
