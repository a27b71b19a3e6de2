import GuardianCore

/// `Retry-After` in both forms (RFC 9110 section 10.2.3): seconds, or an HTTP date.
enum RetryAfter {
    /// Milliseconds to wait, 24 h at most; nil for what is neither, or lies in the past.
    static func milliseconds(_ text: String, now: Timestamp) -> Int64? {
        let text = text.filter { $0 != "\t" }.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        if !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) {
            return Int64(text).map { min($0, OutcomeDecider.longestHoldMs / 1000) * 1000 } ?? OutcomeDecider.longestHoldMs
        }
        guard let date = date(text) else { return nil }
        let wait = date.milliseconds - now.milliseconds
        return wait > 0 ? min(wait, OutcomeDecider.longestHoldMs) : nil
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov 6 08:49:37 1994`.
    static func date(_ text: String) -> Timestamp? {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "-" }).map(String.init)
        let fields: (day: String, month: String, year: String, time: String)
        switch words.count {
        case 6 where words[5] == "GMT": fields = (words[1], words[2], words[3], words[4])
        case 5: fields = (words[2], words[1], words[4], words[3])
        default: return nil
        }
        guard let month = months.firstIndex(of: fields.month), let day = Int(fields.day), var year = Int(fields.year) else { return nil }
        if fields.year.count == 2 { year += year < 70 ? 2000 : 1900 }
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        guard year >= 1000, year <= 9999 else { return nil }
        return Timestamp(rfc3339: "\(year)-\(two(month + 1))-\(two(day))T\(fields.time)Z")
    }
}
