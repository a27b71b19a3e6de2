import GuardianCore
import GuardianPrivacy
import HTTPTypes
import Hummingbird
import NIOCore

/// An error as RFC 9457 problem details.
struct Problem: Error, HTTPResponseError {
    var status: HTTPResponse.Status
    var title: String
    var detail: String
    /// `(field, line, message)`.
    var errors: [(field: String, line: Int?, message: String)] = []
    /// Facts of its own, such as how many lines were kept.
    var extra: [JSONValue.Member] = []
    /// Header fields beside those that the status asks for.
    var fields = HTTPFields()

    init(_ status: HTTPResponse.Status, _ title: String, _ detail: String) {
        self.status = status
        self.title = title
        self.detail = detail
    }

    /// What an error of the engine's means over HTTP.
    init(_ error: SyncError, line: Int? = nil) {
        switch error {
        case .validation(let field, let constraint):
            self.init(.badRequest, "validation failed", line.map { "line \($0): \(error)" } ?? error.description)
            errors = [(field, line, constraint)]
        case .notFound: self.init(.notFound, "not found", error.description)
        case .refused: self.init(.conflict, "refused", error.description)
        case .store(.full): self.init(.init(code: 507, reasonPhrase: "Insufficient Storage"), "store full", error.description)
        case .store: self.init(.serviceUnavailable, "store unavailable", error.description)
        }
    }

    static func tooLarge(_ limit: Int) -> Problem {
        Problem(.contentTooLarge, "body too large", "the body is larger than \(limit) bytes; send it in parts")
    }

    static func wrongMethod(_ request: Request, allowed: [String]) -> Problem {
        let methods = allowed.joined(separator: ", ")
        var problem = Problem(.methodNotAllowed, "method not allowed", "\(request.method) is not for \(request.uri.path); use \(methods)")
        problem.fields[.allow] = methods
        return problem
    }

    static func tooMany(_ why: String) -> Problem { Problem(.tooManyRequests, "too many requests", why + "; wait a second") }

    /// The same with every text redacted: how it goes out, as JSON and as a page.
    var redacted: Problem {
        var shown = self
        (shown.title, shown.detail) = (Self.redact(title), Self.redact(detail))
        shown.errors = errors.map { (field: Self.redact($0.field), line: $0.line, message: Self.redact($0.message)) }
        shown.extra = extra.map { .init($0.name, Self.redact($0.value)) }
        return shown
    }

    /// The beginning of what somebody sent, for a detail. Redacted before it is cut: a secret cut in two looks like none.
    static func beginning(of text: String, _ characters: Int) -> String { String(redact(text).prefix(characters)) }

    private static func redact(_ text: String) -> String { Redactor.standard.redact(text) }

    /// The names are our own, so they say nothing of what is secret.
    private static func redact(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(redact(text))
        case .array(let elements): .array(elements.map { redact($0) })
        case .object(let members): .object(members.map { .init($0.name, redact($0.value)) })
        default: value
        }
    }

    var json: JSONValue {
        let shown = redacted
        var members: [JSONValue.Member] = [
            .init("type", "about:blank"), .init("title", .string(shown.title)), .init("status", JSONValue(status.code)),
            .init("detail", .string(shown.detail)),
        ]
        if !errors.isEmpty { members.append(.init("errors", .array(shown.errors.map { Self.json($0) }))) }
        return .object(members + shown.extra)
    }

    private static func json(_ error: (field: String, line: Int?, message: String)) -> JSONValue {
        var parts: [JSONValue.Member] = [.init("field", .string(error.field))]
        if let line = error.line { parts.append(.init("line", JSONValue(line))) }
        return .object(parts + [.init("message", .string(error.message))])
    }

    /// Header fields of the answer, as JSON and as a page.
    var headers: HTTPFields {
        var headers = fields
        if status == .tooManyRequests { headers[.retryAfter] = "1" }
        if status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        return headers
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var response = Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: json.text)))
        response.headers[.contentType] = "application/problem+json"
        return response
    }
}
