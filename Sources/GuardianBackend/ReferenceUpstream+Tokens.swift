import Foundation
import HTTPTypes
import Hummingbird
import Synchronization

extension ReferenceUpstream {
    /// Thrown when the connection is gone, so that nothing is written to it.
    private struct ConnectionClosed: Error {}

    /// Requests that the token endpoint got.
    public var tokenRequests: Int { state.withLock { $0.tokens.requests } }

    /// A refresh token for whoever signs in.
    public func signIn() -> String { state.withLock { $0.tokens.signIn() } }

    /// Makes a client known; without a secret it is a public one. `gateway` (`gateway-secret`) and `app` (public) are known at first.
    public func registerClient(_ id: String, secret: String?) { state.withLock { $0.tokens.register(id, secret: secret) } }

    /// How the token endpoint behaves from now on. Tokens that are out keep the time they were given.
    public func setTokens(_ settings: TokenSettings) { state.withLock { $0.tokens.settings = settings } }

    /// No access token works any more. With `logins` no refresh token does, either.
    public func revokeTokens(logins: Bool = false) {
        state.withLock { logins ? $0.tokens.revokeAll() : $0.tokens.revokeAccess() }
    }

    /// `POST /oauth/token`: client_credentials and refresh_token (RFC 6749 sections 4.4 and 6).
    func tokenAnswer(_ request: Request, _ context: ConnectionContext) async throws -> Response {
        var request = request
        let body = String(buffer: try await request.collectBody(upTo: 64 << 10))
        let settings = state.withLock { state in
            state.tokens.count()
            return state.tokens.settings
        }
        if settings.delay > .zero { try await Task.sleep(for: settings.delay) }
        switch settings.answer {
        case .token, .invalidGrant: break
        case .unavailable:
            var response = Self.tokenJSON(503, ["error": "temporarily_unavailable"])
            response.headers[.retryAfter] = "1"
            return response
        case .error: return .page(Page(status: 500, contentType: "text/html", body: "<h1>500</h1>"))
        case .garbage: return .page(Page(status: 200, contentType: "application/json", body: "{\"access_token\": <html>"))
        case .drop:
            try await context.channel.close()
            throw ConnectionClosed()
        }
        let form: TokenForm
        do throws(TokenForm.Defect) {
            form = try TokenForm(
                body: body, contentType: request.headers[.contentType], authorization: request.headers[.authorization])
        } catch {
            return Self.tokenJSON(400, ["error": "invalid_request", "error_description": error.description])
        }
        switch state.withLock({ $0.tokens.answer(form, at: .now) }) {
        case .issued(let access, let expiresIn, let refresh, let scope):
            var json: [String: Any] = ["access_token": access, "token_type": "Bearer", "expires_in": expiresIn / .seconds(1)]
            if let refresh { json["refresh_token"] = refresh }
            if let scope { json["scope"] = scope }
            return Self.tokenJSON(200, json)
        case .refused(let status, let error, let description):
            var response = Self.tokenJSON(status, ["error": error, "error_description": description])
            if status == 401, form.isBasic { response.headers[.wwwAuthenticate] = "Basic realm=\"oauth\"" }
            return response
        }
    }

    /// `GET /_tokens`: counts, never a token.
    func tokensPage() -> Response {
        let now = ContinuousClock.now
        return state.withLock { state in
            .object([
                "requests": state.tokens.requests, "issued": state.tokens.issued, "refused": state.tokens.refused,
                "active": state.tokens.active(at: now), "logins": state.tokens.logins, "answer": state.tokens.settings.answer.rawValue,
                "expires_in": state.tokens.settings.expiresIn / .seconds(1), "rotation": state.tokens.settings.rotates ? "on" : "off",
            ])
        }
    }

    /// `PUT /_tokens`, such as `{"expires_in":2,"rotation":"on","answer":"invalid_grant","delay_ms":100,"revoke":"access"}`.
    func changeTokens(_ request: Request) async throws -> Response {
        var request = request
        let body = Data(try await request.collectBody(upTo: 1 << 20).readableBytesView)
        var fields = try Fields(body)
        var settings = state.withLock { $0.tokens.settings }
        if let seconds = try fields.number("expires_in", in: 0.001...1e9) { settings.expiresIn = .seconds(seconds) }
        if let delay = try fields.whole("delay_ms", in: 0...600_000) { settings.delay = .milliseconds(delay) }
        if let rotation = try Self.word("rotation", of: ["on", "off"], in: &fields) { settings.rotates = rotation == "on" }
        if let answer = try Self.word("answer", of: TokenSettings.Answer.allCases.map(\.rawValue), in: &fields) {
            settings.answer = TokenSettings.Answer(rawValue: answer) ?? .token
        }
        let revoke = try Self.word("revoke", of: ["access", "all"], in: &fields)
        try fields.end()
        setTokens(settings)
        if let revoke { revokeTokens(logins: revoke == "all") }
        return tokensPage()
    }

    /// `POST /_tokens/login`: a refresh token, as somebody gets one who signs in.
    func loginAnswer() -> Response { .object(["refresh_token": signIn()]) }

    private static func word(_ name: String, of words: [String], in fields: inout Fields) throws(BadField) -> String? {
        guard let word = try fields.text(name) else { return nil }
        guard words.contains(word) else { throw BadField(name, "must be one of \(words.joined(separator: ", "))") }
        return word
    }

    /// An answer that nobody may keep (RFC 6749 section 5.1).
    private static func tokenJSON(_ status: Int, _ json: [String: Any]) -> Response {
        var response = Response.object(json)
        response.status = .init(code: status)
        response.headers[.cacheControl] = "no-store"
        response.headers["Pragma"] = "no-cache"
        return response
    }
}
