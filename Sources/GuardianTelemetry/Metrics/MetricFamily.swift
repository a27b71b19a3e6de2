/// One family of metrics as a scraper sees it: its name, what it counts, and the names of its labels.
public struct MetricFamily: Sendable, Hashable {
    public enum Kind: String, Sendable {
        case counter, gauge, histogram, summary
        /// A gauge that is always 1 and whose labels say something.
        case info
    }

    /// The whole name, with the `_total` of a counter and the `_info` of an info.
    public var name: String
    public var kind: Kind
    public var help: String
    /// Upper bounds of a histogram's buckets, rising, without +Inf.
    public var bounds: [Double]

    public init(_ name: String, _ kind: Kind, _ help: String, bounds: [Double] = []) {
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
