import GuardianCore
import HTTPTypes
import Hummingbird
import NIOCore

/// One request to the console by somebody who is logged in.
struct Visit {
    let request: Request
    let session: AdminSessions.Session
    let cookie: String
    let address: String
    /// Fields of a posted form; empty for a look.
    var form = FormFields("")

    /// The URL's query, as a browser writes the fields of a form into it.
    var fields: FormFields { FormFields(request.uri.query ?? "") }

    /// A parameter of the URL that is there and not empty.
    func query(_ name: String) -> String? {
        fields[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    func may(_ role: AdminRole) -> Bool { session.role >= role }
}

/// Somebody who is not logged in: a page sends them to the login, anything else gets a problem.
struct NotLoggedIn: Error, HTTPResponseError {
    var status: HTTPResponse.Status { .unauthorized }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        guard request.method == .get, request.headers[.accept]?.contains("text/html") == true else {
            return try Problem(.unauthorized, "not logged in", "log in at /admin/login").response(from: request, context: context)
        }
        var target = "/admin/login"
        if request.uri.path != "/admin" { target += "?next=" + URLText.encoded(request.uri.string) }
        return .redirect(to: target, type: .normal)
    }
}

extension ConsolePages {
    /// What the cookie of a session is called at the port that was asked. Cookies know no ports: under one name, consoles that are reached
    /// at several ports of one host, such as the ends of tunnels, would end each other's sessions.
    static func cookieName(_ request: Request) -> String {
        "guardian_admin" + (request.head.authority.flatMap { Authority.port(of: $0) }.map { "_" + $0 } ?? "")
    }

    /// Lets in whoever has a session with this role or a higher one.
    func look(_ request: Request, _ context: ServerContext, role: AdminRole = .viewer, keepsAlive: Bool = true) throws -> Visit {
        let name = Self.cookieName(request)
        guard let cookie = request.cookies[name]?.value, let session = console.session(cookie, keepsAlive: keepsAlive) else {
            throw NotLoggedIn()
        }
        guard session.role >= role else {
            throw Problem(.forbidden, "not allowed", "this needs the role \(role.rawValue); you are logged in as \(session.role.rawValue)")
        }
        return Visit(request: request, session: session, cookie: cookie, address: context.address)
    }

    /// Lets in a posted form of whoever has a session with this role, if it carries the session's CSRF token and comes from our own pages.
    func act(_ request: Request, _ context: ServerContext, role: AdminRole) async throws -> Visit {
        var visit = try look(request, context, role: role)
        try Self.checkOrigin(request)
        visit.form = try await FormFields.read(request)
        let given = visit.form["csrf"] ?? ""
        guard AdminTokens.digest(given) == AdminTokens.digest(visit.session.csrf) else {
            throw Problem(.forbidden, "not from this console", "the form carries no valid token; load the page again and repeat")
        }
        return visit
    }

    /// A browser says where a form was filled in; one that says nothing is held by the token alone, and the gate has looked at `Origin`.
    static func checkOrigin(_ request: Request) throws {
        guard let name = HTTPField.Name("Sec-Fetch-Site"), let site = request.headers[name] else { return }
        guard site == "same-origin" || site == "none" else {
            throw Problem(.forbidden, "forbidden", "requests from other sites are refused")
        }
    }
}

/// Text in URLs.
enum URLText {
    /// Percent-encodes everything but unreserved characters (RFC 3986).
    static func encoded(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default: out += "%" + String(byte >> 4, radix: 16, uppercase: true) + String(byte & 15, radix: 16, uppercase: true)
            }
        }
        return out
    }

    /// `?name=value&…` of what has a value.
    static func query(_ pairs: [(String, String?)]) -> String {
        let set = pairs.compactMap { name, value in value.map { encoded(name) + "=" + encoded($0) } }
        return set.isEmpty ? "" : "?" + set.joined(separator: "&")
    }
}
