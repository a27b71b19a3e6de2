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
    /// What the `Allow` field of a 405 lists.
    var allow: [String] = []

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

    static func tooMany(_ why: String) -> Problem { Problem(.tooManyRequests, "too many requests", why + "; wait a second") }

    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("type", "about:blank"), .init("title", .string(title)), .init("status", JSONValue(status.code)),
            .init("detail", .string(Redactor.standard.redact(detail))),
        ]
        if !errors.isEmpty {
            members.append(
                .init(
                    "errors",
                    .array(
                        errors.map { error in
                            var parts: [JSONValue.Member] = [.init("field", .string(error.field))]
                            if let line = error.line { parts.append(.init("line", JSONValue(line))) }
                            return .object(parts + [.init("message", .string(Redactor.standard.redact(error.message)))])
                        })))
        }
        return .object(members + extra)
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var response = Response(status: status, body: .init(byteBuffer: ByteBuffer(string: json.text)))
        response.headers[.contentType] = "application/problem+json"
        if !allow.isEmpty { response.headers[.allow] = allow.joined(separator: ", ") }
        if status == .tooManyRequests { response.headers[.retryAfter] = "1" }
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        return response
    }
}
