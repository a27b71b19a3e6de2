import Tracing

/// Which span of which trace: what W3C Trace Context carries in `traceparent`.
struct SpanIdentity: Sendable, Hashable {
    /// 32 hexadecimal digits.
    var traceID: String
    /// 16 hexadecimal digits.
    var spanID: String
    var isSampled: Bool

    init(traceID: String, spanID: String, isSampled: Bool) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// `00-TRACE-SPAN-FLAGS`.
    var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    /// Reads `traceparent`, also of later versions; nil for what the standard calls invalid.
    init?(traceparent: String) {
        let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, Self.isHex(parts[0], 2), parts[0] != "ff", parts[0] != "00" || parts.count == 4, Self.isHex(parts[1], 32),
            Self.isHex(parts[2], 16), Self.isHex(parts[3], 2), parts[1].contains(where: { $0 != "0" }),
            parts[2].contains(where: { $0 != "0" }), let flags = UInt8(parts[3], radix: 16)
        else { return nil }
        self.init(traceID: String(parts[1]), spanID: String(parts[2]), isSampled: flags & 1 == 1)
    }

    private static func isHex(_ text: Substring, _ count: Int) -> Bool {
        text.utf8.count == count && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}

/// The span in progress.
enum CurrentSpan: ServiceContextKey {
    typealias Value = SpanIdentity
    static var nameOverride: String? { "guardian-span" }
}

/// The id that the next span in this context takes, so that others can name it as their parent before they have seen it.
enum ReservedSpan: ServiceContextKey {
    typealias Value = SpanIdentity
    static var nameOverride: String? { "guardian-reserved-span" }
}

/// Headers as a dictionary.
struct TextMap: Extractor, Injector {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}
