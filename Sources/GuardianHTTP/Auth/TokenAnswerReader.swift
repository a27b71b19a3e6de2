import GuardianCore
import GuardianPrivacy

/// Reads the answer of a token endpoint: a token, or what is wrong (RFC 6749 sections 5.1 and 5.2).
struct TokenAnswerReader {
    let mask: SecretMask

    /// Errors that say that the grant is over.
    private static let loginErrors: Set<String> = ["invalid_grant", "interaction_required", "login_required", "consent_required"]
    /// Errors that a person has to do something about.
    private static let configurationErrors: Set<String> = [
        "invalid_client", "invalid_request", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_target",
        "access_denied",
    ]

    func read(status: Int, body: String, retryAfterMs: Int64?) throws(TokenError) -> TokenAnswer {
        let json: JSONValue?
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: body) } catch { json = nil }
        guard status == 200 else { throw refusal(status, json, retryAfterMs) }
        guard let json, json.members != nil else {
            throw TokenError(.badAnswer, "the token endpoint answered 200 with what is no JSON object: another server, or a login page?")
        }
        if let type = json["token_type"]?.string, type.lowercased() != "bearer" {
            throw TokenError(.misconfigured, "the token endpoint gives tokens of the type \(mask.masked(type, limit: 32)), not Bearer")
        }
        guard let token = json["access_token"]?.string else { throw TokenError(.badAnswer, "the token endpoint gave no access_token") }
        let checked = try FetchedToken(token).checked(from: "the token endpoint")
        var answer = TokenAnswer(accessToken: checked.secret, expiresInMs: TokenDocument.expiresInMs(json["expires_in"]))
        if let refresh = json["refresh_token"]?.string, !refresh.isEmpty {
            answer.refreshToken = try FetchedToken(refresh).checked(from: "the token endpoint").secret
        }
        return answer
    }

    private func refusal(_ status: Int, _ json: JSONValue?, _ retryAfterMs: Int64?) -> TokenError {
        let name = json?["error"]?.string
        var words = "the token endpoint answered \(status)"
        if let name { words += ": " + mask.masked(name, limit: 64) }
        if let detail = json?["error_description"]?.string { words += " (" + mask.masked(detail) + ")" }
        if let name, status < 500 {
            if Self.loginErrors.contains(name) { return TokenError(.needsLogin, words + "; sign in again") }
            if Self.configurationErrors.contains(name) { return TokenError(.misconfigured, words + "; check upstream.auth") }
        }
        switch status {
        case 300..<400:
            return TokenError(
                .misconfigured, words + "; redirects are not followed with credentials: set upstream.auth.token_url to the end")
        // Without the JSON of section 5.2 it is another server that speaks, such as a gateway.
        case 401 where json != nil, 404, 405, 410: return TokenError(.misconfigured, words + "; check upstream.auth")
        default: return TokenError(.unavailable, words, retryAfterMs: retryAfterMs)
        }
    }
}
