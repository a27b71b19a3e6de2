/// One family of metrics as a scraper sees it: its name, what it counts, and the names of its labels.
package struct MetricFamily: Sendable, Hashable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram, summary
        /// A gauge that is always 1 and whose labels say something.
        case info
    }

    /// The whole name, with the `_total` of a counter and the `_info` of an info.
    package var name: String
    package var kind: Kind
    package var help: String
    /// Upper bounds of a histogram's buckets, rising, without +Inf.
    package var bounds: [Double]

    package init(_ name: String, _ kind: Kind, _ help: String, bounds: [Double] = []) {
        self.name = name
        self.kind = kind
        self.help = help
        self.bounds = bounds
    }

    /// A name that Prometheus takes: letters, digits, `_` and `:`, not beginning with a digit.
    static func sanitized(_ name: String) -> String {
        var text = String(
            name.unicodeScalars.map { scalar in
                scalar.isASCII && (scalar.properties.isAlphabetic || (48...57).contains(scalar.value)) || scalar == "_" || scalar == ":"
                    ? Character(scalar) : "_"
            })
        if text.isEmpty || text.first?.isNumber == true { text = "_" + text }
        return text
    }
}
