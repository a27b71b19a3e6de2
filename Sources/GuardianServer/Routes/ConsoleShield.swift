import HTTPTypes
import Hummingbird

/// What every answer of the console carries, and how its errors look in a browser.
struct ConsoleShield: RouterMiddleware {
    typealias Context = ServerContext

    /// Nothing but our own files, no frames, no plug-ins, no inline script or style.
    static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    let views: ConsoleViews
    let isSecure: Bool

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let problem as Problem where request.headers[.accept]?.contains("text/html") == true {
            response = views.problem(problem)
        } catch let error as any HTTPResponseError {
            response = try error.response(from: request, context: context)
        }
        func set(_ name: String, _ value: String) { if let name = HTTPField.Name(name) { response.headers[name] = value } }
        set("Content-Security-Policy", Self.policy)
        set("X-Content-Type-Options", "nosniff")
        set("X-Frame-Options", "DENY")
        set("Referrer-Policy", "same-origin")
        set("Cross-Origin-Opener-Policy", "same-origin")
        set("Cross-Origin-Resource-Policy", "same-origin")
        set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if isSecure { set("Strict-Transport-Security", "max-age=31536000") }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }
}
