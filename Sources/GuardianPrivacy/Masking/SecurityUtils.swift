public import GuardianCore

/// Makes what is logged, shown or reported safe, and checks what comes in from configuration (spec section 9).
///
/// A namespace of pure functions over ``Redactor/standard``; each result is one line.
public enum SecurityUtils {
    /// Characters of a body that a log line holds at most.
    public static let maximumBodyLength = 1000
    /// What a short token is shown as.
    public static let mask = "***"
    /// Characters that a token has at least for its ends to be shown.
    public static let shortestShownToken = 14

    /// `text` with personal data and secrets replaced: `[REDACTED_EMAIL]`, `[REDACTED_PHONE]`, `[REDACTED_CC]`, `[REDACTED_SSN]` and so on.
    public static func redactPII(_ text: String) -> String { Redactor.standard.redact(text) }

    /// `payload` with whatever stands under a sensitive name replaced by `[REDACTED]`, and every other text redacted, at any depth.
    public static func redactPayload(_ payload: JSONValue) -> JSONValue { Redactor.standard.redact(payload) }

    /// JSON text, redacted as ``redactPayload(_:)-(JSONValue)``; what is no JSON is redacted as text.
    public static func redactPayload(_ json: String) -> String { Redactor.standard.redact(json: json) }

    /// Whether values under `name` are replaced whole: `password`, `apiKey`, `X-Auth-Token`, not `tokenizer`.
    public static func isSensitiveField(_ name: String) -> Bool { Redactor.standard.isSensitive(name: name) }

    /// A token by its ends: `eyJh...R8U`. One with a scheme before it shows three characters (`Bearer token123` is `Bea...123`), one of
    /// fewer than ``shortestShownToken`` nothing (`***`).
    public static func maskToken(_ token: String) -> String {
        let token = token.trimmed
        guard token.count >= shortestShownToken, !token.contains(where: \.isNewline) else { return mask }
        let isSchemed = ["bearer ", "basic ", "token ", "digest "].contains { token.lowercased().hasPrefix($0) }
        return "\(token.prefix(isSchemed ? 3 : 4))...\(token.suffix(3))"
    }

    /// Headers as they may be shown, in the order of their names: `Authorization` masked, cookies and keys replaced, the rest redacted.
    public static func safeHeaders(_ headers: [String: String]) -> [(name: String, value: String)] {
        headers.sorted { $0.key < $1.key }.map { ($0.key, safeHeader($0.key, $0.value)) }
    }

    /// The value of one header as it may be shown.
    public static func safeHeader(_ name: String, _ value: String) -> String {
        let low = name.lowercased()
        if low == "authorization" { return maskToken(value) }
        if low == "idempotency-key", isValidIdempotencyKey(value) { return value }
        return isSensitiveField(name) || replacedHeaders.contains(low) ? "[REDACTED]" : redactPII(oneLine(value))
    }

    private static let replacedHeaders: Set<String> = [
        "cookie", "set-cookie", "x-api-key", "proxy-authorization", "x-auth-token", "x-csrf-token", "x-amz-security-token",
        "www-authenticate-token",
    ]

    /// `HTTP POST /api/v1/users/{id}/profile | Headers: {…} | Body: {…}`: path without ids, headers safe, the body redacted and cut.
    /// Parts that are not given are left out.
    public static func createSafeRequestLog(
        method: String, path: String, headers: [String: String]? = nil, body: JSONValue? = nil
    ) -> String {
        line("HTTP \(oneLine(method)) \(sanitizePath(path))", headers, body.map { redactPayload($0).text })
    }

    /// As ``createSafeRequestLog(method:path:headers:body:)-(_,_,_,JSONValue?)``, with a body that is text: JSON, or anything else.
    public static func createSafeRequestLog(method: String, path: String, headers: [String: String]? = nil, body: String) -> String {
        line("HTTP \(oneLine(method)) \(sanitizePath(path))", headers, redactPayload(body))
    }

    /// `HTTP 200 | Headers: {…} | Body: {…}`
    public static func createSafeResponseLog(statusCode: Int, headers: [String: String]? = nil, body: JSONValue? = nil) -> String {
        line("HTTP \(statusCode)", headers, body.map { redactPayload($0).text })
    }

    /// As ``createSafeResponseLog(statusCode:headers:body:)-(_,_,JSONValue?)``, with a body that is text.
    public static func createSafeResponseLog(statusCode: Int, headers: [String: String]? = nil, body: String) -> String {
        line("HTTP \(statusCode)", headers, redactPayload(body))
    }

    /// A path that says which route it was and not whose: numeric ids become `{id}`, UUIDs `{uuid}`; what a query says is redacted.
    public static func sanitizePath(_ path: String) -> String {
        let path = oneLine(path)
        let end = path.firstIndex { $0 == "?" || $0 == "#" } ?? path.endIndex
        let segments = path[..<end].split(separator: "/", omittingEmptySubsequences: false).map { segment in
            if !segment.isEmpty, segment.utf8.allSatisfy({ $0 &- 48 < 10 }) { return "{id}" }
            if isUUID(segment) { return "{uuid}" }
            // By itself: within a path, digits are taken for a part of it.
            return redactPII(String(segment))
        }
        return redactPII(segments.joined(separator: "/") + path[end...])
    }

    /// Whether `key` is a UUID of version 4, as operations are stamped with.
    public static func isValidIdempotencyKey(_ key: String) -> Bool {
        guard isUUID(key[...]) else { return false }
        let bytes = Array(key.utf8)
        return bytes[14] == UInt8(ascii: "4") && "89abAB".utf8.contains(bytes[19])
    }

    /// Whether `trace` is a UUID of version 4.
    public static func isValidTraceID(_ trace: String) -> Bool { isValidIdempotencyKey(trace) }

    /// Whether what is sent to `url` is encrypted on its way.
    public static func isTLSEnabled(_ url: String) -> Bool {
        let low = url.trimmed.lowercased()
        return ["https://", "wss://"].contains { low.hasPrefix($0) && low.utf8.count > $0.utf8.count && !low.hasPrefix($0 + "/") }
    }

    private static func isUUID(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.indices.allSatisfy { index in
            [8, 13, 18, 23].contains(index) ? bytes[index] == UInt8(ascii: "-") : ByteClass.table[Int(bytes[index])] & ByteClass.hex != 0
        }
    }

    private static func line(_ head: String, _ headers: [String: String]?, _ body: String?) -> String {
        var line = head
        if let headers {
            line += " | Headers: {" + safeHeaders(headers).map { "\(oneLine($0.name)): \($0.value)" }.joined(separator: ", ") + "}"
        }
        if let body { line += " | Body: " + cut(oneLine(body)) }
        return line
    }

    /// At most ``maximumBodyLength`` characters, and how many were left out.
    private static func cut(_ body: String) -> String {
        let kept = body.prefix(maximumBodyLength)
        return kept.endIndex == body.endIndex ? body : "\(kept)…"
    }

    /// Line breaks and other control characters would let a text pretend to be a line of its own.
    static func oneLine(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
        return String(text.map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? " " : $0 })
    }
}

extension String {
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
