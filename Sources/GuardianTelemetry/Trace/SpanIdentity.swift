package import GuardianCore
import Tracing

/// Which span of which trace: what W3C Trace Context carries in `traceparent`. As numbers, for there are as many as operations.
package struct SpanIdentity: Sendable, Hashable {
    package var trace: UniqueID
    package var span: UInt64
    package var isSampled: Bool

    package init(trace: UniqueID, span: UInt64, isSampled: Bool) {
        self.trace = trace
        self.span = span
        self.isSampled = isSampled
    }

    /// `00-TRACE-SPAN-FLAGS`, in hexadecimal digits.
    package var traceparent: String { "00-\(trace.hex)-\(UniqueID.hex(span))-\(isSampled ? "01" : "00")" }

    /// Reads `traceparent`, also of later versions; nil for what the standard calls invalid.
    package init?(traceparent: String) {
        let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, Self.isHex(parts[0], 2), parts[0] != "ff", parts[0] != "00" || parts.count == 4, Self.isHex(parts[1], 32),
            Self.isHex(parts[2], 16), Self.isHex(parts[3], 2), let high = UInt64(parts[1].prefix(16), radix: 16),
            let low = UInt64(parts[1].suffix(16), radix: 16), let span = UInt64(parts[2], radix: 16),
            let flags = UInt8(parts[3], radix: 16),
            high | low != 0, span != 0
        else { return nil }
        self.init(trace: UniqueID(high: high, low: low), span: span, isSampled: flags & 1 == 1)
    }

    private static func isHex(_ text: Substring, _ count: Int) -> Bool {
        text.utf8.count == count && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}

/// The span in progress.
package enum CurrentSpan: ServiceContextKey {
    package typealias Value = SpanIdentity
    package static var nameOverride: String? { "guardian-span" }
}

/// Headers as a dictionary.
package struct TextMap: Extractor, Injector {
    package func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    package func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}
