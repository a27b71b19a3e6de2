import Crypto
import GuardianPrivacy
import HTTPTypes
import Hummingbird

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Lets in only callers that mean this server: no DNS rebinding (Host), no cross-site posts (Origin), and the token when one is asked.
struct Gate: RouterMiddleware {
    typealias Context = ServerContext

    let configuration: APIServer.Configuration
    private let requests: Rate?
    /// The same for paths that ask for no token, so that a stranger on them uses nothing of the others' up.
    private let openRequests: Rate?
    /// Wrong tokens a second: enough for a mistake, too few for a search.
    private let mistakes: Rate

    init(configuration: APIServer.Configuration) {
        self.configuration = configuration
        let (rate, now) = (configuration.requestsPerSecond, configuration.now())
        requests = rate > 0 ? Rate(perSecond: rate, at: now) : nil
        openRequests = rate > 0 ? Rate(perSecond: rate, at: now) : nil
        mistakes = Rate(perSecond: 50, at: now)
    }

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws -> Response {
        try checkSource(request)
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > configuration.bodyLimit {
            throw Problem.tooLarge(configuration.bodyLimit)
        }
        if let token = configuration.token, !Endpoints.isOpen(request.uri.path) {
            let given = request.headers[.authorization] ?? ""
            guard given.prefix(7).lowercased() == "bearer ", Self.equal(String(given.dropFirst(7)), token) else {
                guard mistakes.take(at: configuration.now()) else { throw Problem.tooMany("too many wrong tokens") }
                throw Problem(.unauthorized, "unauthorized", "send the token in the header Authorization, after the word Bearer")
            }
        }
        let rate = Endpoints.isOpen(request.uri.path) ? openRequests : requests
        if let rate, !Self.isProbe(request), !rate.take(at: configuration.now()) {
            throw Problem.tooMany("at most \(configuration.requestsPerSecond) requests a second are taken")
        }
        context.askForBody(of: request)
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            // The router knows nothing of the path, or of the method on it.
            let allowed = Endpoints.methods(of: request.uri.path)
            guard allowed.isEmpty else { throw Problem.wrongMethod(request, allowed: allowed) }
            throw Problem(.notFound, "not found", "there is nothing at this path")
        }
    }

    /// A page in a browser may reach a loopback address by a name of its own (Host), or post across sites (Origin).
    private func checkSource(_ request: Request) throws {
        // The first of them is no field any more, but the authority.
        guard !request.headers.contains(where: { $0.name.canonicalName == "host" }) else {
            throw Problem(.badRequest, "bad request", "the request has more than one Host")
        }
        // A browser can't reach a Unix socket.
        guard configuration.socketPath == nil else { return }
        guard let authority = request.head.authority, !authority.isEmpty else {
            throw Problem(.badRequest, "bad request", "the request has no Host")
        }
        guard !configuration.isLoopback || LoopbackName.isOne(Authority.host(of: authority)) else {
            throw Problem(.misdirectedRequest, "misdirected request", "this server answers to localhost only")
        }
        if let origin = request.headers[.origin],
            origin.lowercased() != "\(configuration.certificate == nil ? "http" : "https")://" + authority.lowercased()
        {
            throw Problem(.forbidden, "forbidden", "requests from other sites are refused")
        }
    }

    private static func isProbe(_ request: Request) -> Bool { request.uri.path == "/healthz" || request.uri.path == "/readyz" }

    /// Takes as long for a near miss as for a far one, and tells nothing of the length: digests are compared, to their ends.
    private static func equal(_ a: String, _ b: String) -> Bool {
        zip(SHA256.hash(data: Array(a.utf8)), SHA256.hash(data: Array(b.utf8))).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// Which methods each path takes: what a 405 says.
enum Endpoints {
    /// Paths that ask for no token of the API: probes, its description, and the console, which has its own login.
    static func isOpen(_ path: String) -> Bool {
        ["/healthz", "/readyz", "/openapi.json", "/admin"].contains(path) || path.hasPrefix("/admin/")
    }

    /// Whether the answer has no end, so that there is nothing to say of it alone: such a path takes no HEAD.
    static func isStream(_ path: String) -> Bool {
        [["v1", "events"], ["admin", "live"], ["admin", "logs", "live"]].contains(path.split(separator: "/").map(String.init))
    }

    static func methods(of path: String) -> [String] {
        switch path.split(separator: "/").map(String.init) {
        case ["healthz"], ["readyz"], ["metrics"], ["metrics.json"], ["v1", "status"], ["v1", "explain"], ["openapi.json"]:
            ["GET", "HEAD"]
        case ["v1", "events"]: ["GET"]
        case ["v1", "operations"]: ["GET", "HEAD", "POST"]
        case ["v1", "pause"], ["v1", "resume"]: ["POST"]
        case let parts where parts.count == 3 && parts.starts(with: ["v1", "operations"]): ["DELETE", "GET", "HEAD"]
        case let parts where parts.count == 4 && parts.starts(with: ["v1", "operations"]) && parts[3] == "retry": ["POST"]
        case let parts where parts.count == 4 && parts.starts(with: ["v1", "operations"]) && parts[3] == "explain": ["GET", "HEAD"]
        default: []
        }
    }
}
