import GuardianCore
import HTTPTypes
import Hummingbird

/// Logging in and out.
struct LoginRoutes: Sendable {
    /// Bytes of the form at most: anybody may post it.
    static let formLimit = 8 << 10

    let console: Console

    func form(_ request: Request, message: String? = nil, status: HTTPResponse.Status = .ok) -> Response {
        var data: [String: Any] = [
            "assets": ConsoleViews.assetVersion,
            "next": ConsolePages.back(FormFields(request.uri.query ?? "")["next"], or: "/admin"),
        ]
        if let message { data["message"] = message }
        return ConsolePages.html(console.views.render("login", data), status: status)
    }

    func logIn(_ request: Request, _ context: ServerContext) async throws -> Response {
        let wait = console.loginWait(context.address)
        guard wait <= 0 else { return tooMany(request, wait) }
        let fields = try await FormFields.read(request, limit: Self.formLimit)
        func note(_ who: String, _ role: String, _ outcome: String, _ detail: String, count: Int64? = nil) {
            let entry = AuditLog.Entry(
                at: console.clock.now.wall, who: who, role: role, address: context.address, action: "login", count: count, detail: detail,
                outcome: outcome)
            // A full disk must not keep out whoever comes to mend it; actions are refused until the log can be written.
            do { try console.audit.record(entry) } catch {}
        }
        switch console.logIn(token: fields["token"] ?? "", address: context.address) {
        case .tooMany(let waitMs): return tooMany(request, waitMs)
        case .refused(let told):
            if let told { note("unknown", "", "refused", Self.words(of: told), count: told.count) }
            return form(request, message: "This token is not known.", status: .unauthorized)
        case .welcome(let cookie, let holder, let wrongBefore):
            let words = wrongBefore > 0 ? "after \(wrongBefore) wrong token(s) from this address" : ""
            note(holder.name, holder.role.rawValue, "done", words)
            var response = Response.redirect(to: ConsolePages.back(fields["next"], or: "/admin"), type: .normal)
            response.headers[.setCookie] = setCookie(request, cookie, seconds: AdminSessions.longestMs / 1000)
            return response
        }
    }

    private static func words(of told: LoginLimiter.Note) -> String {
        var words: [String] = []
        if told.count > 1 { words.append("\(told.count) wrong tokens from this address by now") }
        if told.unwritten > 0 { words.append("\(told.unwritten) before it were not written down") }
        if told.isLast { words.append("more within this minute are not written down") }
        return words.joined(separator: "; ")
    }

    private func tooMany(_ request: Request, _ waitMs: Int64) -> Response {
        var response = form(request, message: "Too many attempts. Wait \(waitMs / 1000 + 1) seconds.", status: .tooManyRequests)
        response.headers[.retryAfter] = "\(waitMs / 1000 + 1)"
        return response
    }

    func leave(_ visit: Visit) -> Response {
        console.logOut(visit.cookie)
        var response = Response.redirect(to: "/admin/login", type: .normal)
        response.headers[.setCookie] = setCookie(visit.request, "", seconds: 0)
        if let name = HTTPField.Name("Clear-Site-Data") { response.headers[name] = "\"cache\"" }
        return response
    }

    /// Lax, so that a link from a pager finds its reader logged in; every post is held by its token and its origin as well.
    private func setCookie(_ request: Request, _ value: String, seconds: Int64) -> String {
        "\(ConsolePages.cookieName(request))=\(value); Path=/admin; HttpOnly; SameSite=Lax; Max-Age=\(seconds)"
            + (console.configuration.isSecure ? "; Secure" : "")
    }
}
