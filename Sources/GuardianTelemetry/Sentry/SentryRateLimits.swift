/// Until when Sentry wants no events, as its answers say (develop.sentry.dev, "Rate Limiting").
///
/// A value: times are milliseconds of a clock that never goes back.
package struct SentryRateLimits: Sendable, Equatable {
    /// What a 429 without a usable word of how long means.
    package static let fallbackMs: Int64 = 60_000
    /// Longer limits are cut.
    package static let longestMs: Int64 = 24 * 3_600_000

    private(set) var until: Int64 = .min
    /// Milliseconds that a 429 means at least, whatever it says: one of no time would be asked for again without end.
    private let leastMs: Int64

    package init(leastMs: Int64 = 1000) { self.leastMs = leastMs }

    /// Milliseconds to wait before the next event; nil when it may go.
    package func wait(now: Int64) -> Int64? { until > now ? until - now : nil }

    /// Reads the headers of an answer. `X-Sentry-Rate-Limits` counts on any status and outranks `Retry-After`, which counts on a 429.
    package mutating func heard(status: Int, limits: [String], retryAfterMs: Int64?, now: Int64) {
        var ms: Int64?
        let groups = limits.flatMap { $0.split(separator: ",") }
        for group in groups { if let found = Self.milliseconds(of: group) { ms = max(ms ?? 0, found) } }
        if status == 429 { ms = max(ms ?? retryAfterMs ?? Self.fallbackMs, leastMs) }
        guard let ms else { return }
        let (end, overflow) = now.addingReportingOverflow(min(ms, Self.longestMs))
        until = max(until, overflow ? .max : end)
    }

    /// `60:error;transaction:organization:reason`: seconds, the categories (none means all), and words that we need not know. nil when it
    /// is not about errors.
    private static func milliseconds(of group: Substring) -> Int64? {
        let parts = group.split(separator: ":", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
        guard parts.count >= 2 else { return nil }
        let categories = parts[1].split(separator: ";")
        guard categories.isEmpty || categories.contains(where: { $0 == "error" || $0 == "default" || $0 == "all" }) else { return nil }
        guard let seconds = Double(parts[0]), seconds >= 0, seconds.isFinite else { return fallbackMs }
        return seconds >= 86_400 ? longestMs : Int64((seconds * 1000).rounded(.up))
    }
}
