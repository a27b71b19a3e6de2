import GuardianCore

/// What a file or a command says: a bare token, or JSON `{"token"|"access_token", "expires_in"?, "principal"?}`.
enum TokenDocument {
    /// Seconds of `expires_in` beyond which it says nothing: ten years.
    private static let longestLife = 315_360_000.0

    /// `bare` is how a text that is no JSON is read.
    static func read(_ bytes: [UInt8], from source: String, bare: (String) -> String) throws(TokenError) -> FetchedToken {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw TokenError(.badAnswer, "\(source) gave no UTF-8") }
        guard text.first(where: { !$0.isWhitespace }) == "{" else { return try FetchedToken(bare(text)).checked(from: source) }
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: text) } catch {
            throw TokenError(.badAnswer, "\(source) gave JSON that \(error.constraint) (at byte \(error.offset))")
        }
        guard let token = json["token"]?.string ?? json["access_token"]?.string else {
            throw TokenError(.badAnswer, "\(source) gave JSON without token or access_token")
        }
        var fetched = FetchedToken(token, principal: json["principal"]?.string)
        fetched.expiresInMs = expiresInMs(json["expires_in"])
        return try fetched.checked(from: source)
    }

    /// Seconds, as a number or as text; nil for what makes no sense.
    static func expiresInMs(_ value: JSONValue?) -> Int64? {
        let text: String? = if case .number(let number)? = value { number } else { value?.string }
        guard let seconds = text.flatMap(Double.init), seconds > 0, seconds <= longestLife else { return nil }
        return Int64(seconds * 1000)
    }
}
