import HTTPTypes
import Hummingbird

/// Lets in only callers that mean this server: no DNS rebinding (Host), no cross-site posts (Origin), and the token when one is asked.
struct Gate<Context: RequestContext>: RouterMiddleware {
    let configuration: APIServer.Configuration

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws -> Response {
        if configuration.isLoopback, let authority = request.head.authority, !Self.isLocal(authority) {
            throw Problem(.misdirectedRequest, "misdirected request", "this server answers to localhost only")
        }
        if let origin = request.headers[.origin], origin != "null",
            !Self.isLocal(origin.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? "")
        {
            throw Problem(.forbidden, "forbidden", "requests from other sites are refused")
        }
        if let token = configuration.token, request.uri.path != "/healthz", request.uri.path != "/readyz" {
            guard Self.equal(request.headers[.authorization] ?? "", "Bearer " + token) else {
                var problem = Problem(.unauthorized, "unauthorized", "send the token as `Authorization: Bearer …`")
                problem.errors = []
                throw problem
            }
        }
        return try await next(request, context)
    }

    private static func isLocal(_ authority: String) -> Bool {
        let host = authority.hasPrefix("[") ? String(authority.prefix { $0 != "]" }.dropFirst()) : String(authority.prefix { $0 != ":" })
        return host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// Takes as long for a near miss as for a far one.
    private static func equal(_ a: String, _ b: String) -> Bool {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        var difference = a.count ^ b.count
        for index in b.indices { difference |= Int(b[index] ^ (index < a.count ? a[index] : 0)) }
        return difference == 0
    }
}
