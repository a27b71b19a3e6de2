import Foundation

/// What the upstream's login knows: clients, tokens in force, and refresh tokens with their families (RFC 6749; rotation as in RFC 9700
/// section 4.14.2). Plain values.
struct TokenIssuer {
    /// A token was given, or what was wrong (RFC 6749 section 5.2).
    enum Result {
        case issued(access: String, expiresIn: Duration, refresh: String?, scope: String?)
        case refused(status: Int, error: String, description: String)
    }

    struct Client {
        /// nil for a public client.
        var secret: String?
    }

    private struct Access {
        var family: String
        var endsAt: ContinuousClock.Instant
    }

    var settings = TokenSettings()
    private(set) var requests = 0
    private(set) var issued = 0
    private(set) var refused = 0
    private(set) var clients = ["gateway": Client(secret: "gateway-secret"), "app": Client(secret: nil)]
    private var access: [String: Access] = [:]
    /// The one refresh token of each family that works.
    private var refresh: [String: String] = [:]
    private var spent: [String: String] = [:]

    /// One more request, whatever comes of it.
    mutating func count() { requests += 1 }

    /// Registers a client; one without a secret is public.
    mutating func register(_ id: String, secret: String?) { clients[id] = Client(secret: secret) }

    /// What somebody gets who signs in: a refresh token of a family of its own.
    mutating func signIn() -> String {
        let token = Self.random()
        refresh[token] = UUID().uuidString
        return token
    }

    mutating func answer(_ form: TokenForm, at now: ContinuousClock.Instant) -> Result {
        let result = judge(form, at: now)
        if case .issued = result { issued += 1 } else { refused += 1 }
        return result
    }

    private mutating func judge(_ form: TokenForm, at now: ContinuousClock.Instant) -> Result {
        guard let client = clients[form.clientID], client.secret == form.clientSecret else {
            return .refused(status: 401, error: "invalid_client", description: "unknown client, or wrong credentials")
        }
        if settings.answer == .invalidGrant { return .refused(status: 400, error: "invalid_grant", description: "the mode says so") }
        switch form.grantType {
        case "client_credentials":
            guard client.secret != nil else {
                return .refused(status: 400, error: "unauthorized_client", description: "a public client can't act for itself")
            }
            return issue(family: "client \(form.clientID)", refresh: nil, form, at: now)
        case "refresh_token":
            guard let token = form.refreshToken else {
                return .refused(status: 400, error: "invalid_request", description: "refresh_token is missing")
            }
            if let family = spent[token] {
                // A token that comes twice was stolen, or its answer was lost: nobody can tell, so the whole family ends.
                revoke(family)
                return .refused(status: 400, error: "invalid_grant", description: "the refresh token was used before")
            }
            guard let family = refresh[token] else {
                return .refused(status: 400, error: "invalid_grant", description: "the refresh token is not known, or was revoked")
            }
            guard settings.rotates else { return issue(family: family, refresh: nil, form, at: now) }
            let next = Self.random()
            (refresh[token], refresh[next], spent[token]) = (nil, family, family)
            return issue(family: family, refresh: next, form, at: now)
        default:
            return .refused(status: 400, error: "unsupported_grant_type", description: "client_credentials or refresh_token")
        }
    }

    private mutating func issue(family: String, refresh: String?, _ form: TokenForm, at now: ContinuousClock.Instant) -> Result {
        access = access.filter { $0.value.endsAt > now }
        let token = Self.random()
        access[token] = Access(family: family, endsAt: now + settings.expiresIn)
        return .issued(access: token, expiresIn: settings.expiresIn, refresh: refresh, scope: form.scope)
    }

    /// Whether `authorization` is `Bearer` with a token that was issued here and is not over.
    func admits(_ authorization: String?, at now: ContinuousClock.Instant) -> Bool {
        guard let authorization, authorization.lowercased().hasPrefix("bearer ") else { return false }
        return access[String(authorization.dropFirst(7))].map { now < $0.endsAt } ?? false
    }

    func active(at now: ContinuousClock.Instant) -> Int { access.values.count { now < $0.endsAt } }
    var logins: Int { refresh.count }

    /// No access token works any more; refresh tokens do.
    mutating func revokeAccess() { access = [:] }
    /// Nobody is signed in any more.
    mutating func revokeAll() { (access, refresh) = ([:], [:]) }

    private mutating func revoke(_ family: String) {
        refresh = refresh.filter { $0.value != family }
        access = access.filter { $0.value.family != family }
    }

    private static func random() -> String {
        let bytes = (0..<24).map { _ in UInt8.random(in: 0...255) }
        return Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }
}
