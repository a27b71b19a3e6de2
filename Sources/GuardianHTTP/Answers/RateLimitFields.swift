import GuardianCore
import NIOHTTP1

/// What the header fields of an answer say of a rate limit, in each of the three forms that are in use:
/// - `RateLimit: "default";r=0;t=30` with `RateLimit-Policy: "default";q=100;w=60`, the newer drafts of the IETF
///   (draft-ietf-httpapi-ratelimit-headers); `t` and the older `reset` are seconds;
/// - `RateLimit: limit=100, remaining=0, reset=30`, or the same as `RateLimit-Limit` and `RateLimit-Reset`, the older drafts;
/// - `X-RateLimit-Limit` and `X-RateLimit-Reset`, which have no definition: seconds from now, or since 1970, or milliseconds since then.
///
/// What can't be read, lies in the past or more than a year ahead is as if it had not been said.
struct RateLimitFields {
    /// Bytes of a field's value that is looked at; a longer one is passed over.
    private static let longest = 1000
    private static let longestWaitMs: Int64 = 366 * 86_400_000

    private(set) var limit: Int64?
    private(set) var resetAt: Timestamp?

    init(_ headers: HTTPHeaders, now: Timestamp) {
        readCombined(headers, now)
        for name in ["ratelimit-limit", "x-ratelimit-limit", "x-rate-limit-limit"] where limit == nil {
            // `100, 100;w=60` has its policies behind the limit.
            limit = Self.value(of: name, headers).flatMap { Self.number($0.prefix { $0 != "," && $0 != ";" }) }
        }
        for name in ["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"] where resetAt == nil {
            resetAt = Self.value(of: name, headers).flatMap { Self.number($0[...]) }.flatMap { Self.moment($0, now: now) }
        }
    }

    private mutating func readCombined(_ headers: HTTPHeaders, _ now: Timestamp) {
        let items = Self.items(Self.value(of: "ratelimit", headers))
        let policies = Self.items(Self.value(of: "ratelimit-policy", headers))
        // Of several, the one of which nothing remains is why the request was refused.
        let met = items.first { $0.parameters["r"] == 0 } ?? items.first { $0.parameters["t"] != nil }
        let policy = met.flatMap { met in policies.first { $0.name == met.name } } ?? policies.first
        limit = items.lazy.compactMap { $0.parameters["limit"] }.first ?? policy?.parameters["q"]
        let seconds = met?.parameters["t"] ?? items.lazy.compactMap { $0.parameters["reset"] }.first
        resetAt = seconds.flatMap { Self.moment($0, now: now) }
    }

    /// One member of a list, as `"name";key=1`, or as `key=1` in the older form.
    private struct Item {
        var name: Substring
        var parameters: [Substring: Int64] = [:]
    }

    private static func items(_ text: String?) -> [Item] {
        guard let text else { return [] }
        return parts(text[...], at: ",").map { part -> Item in
            let words = parts(part, at: ";")
            var item = Item(name: words.first ?? "")
            for word in words {
                guard let sign = word.firstIndex(of: "="), let value = number(word[word.index(after: sign)...]) else { continue }
                item.parameters[trimmed(word[..<sign])] = value
            }
            return item
        }
    }

    /// What stands between separators that are not inside of quotes.
    private static func parts(_ text: Substring, at separator: Character) -> [Substring] {
        var isQuoted = false
        let parts = text.split(whereSeparator: { (character: Character) -> Bool in
            if character == "\"" { isQuoted.toggle() }
            return character == separator && !isQuoted
        })
        return parts.map { trimmed($0) }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }

    private static func value(of name: String, _ headers: HTTPHeaders) -> String? {
        headers.first(name: name).flatMap { $0.utf8.count <= longest ? $0 : nil }
    }

    /// Digits only, and no more than a time or a limit has.
    private static func number(_ text: Substring) -> Int64? {
        let text = trimmed(text)
        guard (1...15).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(text)
    }

    /// Seconds from now, or since 1970, or milliseconds since then: which of them, their size says.
    static func moment(_ value: Int64, now: Timestamp) -> Timestamp? {
        let moment: Timestamp
        switch value {
        case 0..<1_000_000_000: moment = now.adding(milliseconds: value * 1000)
        case 1_000_000_000..<100_000_000_000: moment = Timestamp(milliseconds: value * 1000)
        case 100_000_000_000..<100_000_000_000_000: moment = Timestamp(milliseconds: value)
        default: return nil
        }
        guard moment >= now, moment <= now.adding(milliseconds: longestWaitMs) else { return nil }
        return moment
    }
}
