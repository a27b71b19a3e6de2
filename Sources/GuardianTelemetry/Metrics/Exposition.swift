import GuardianCore

/// Writes families as text for a scraper (Prometheus text format 0.0.4; OpenMetrics 1.0).
struct Exposition {
    private let format: ExpositionFormat
    private var text = ""

    init(_ format: ExpositionFormat) { self.format = format }

    static func write(_ families: [FamilyReading], _ format: ExpositionFormat) -> String {
        var exposition = Exposition(format)
        exposition.text.reserveCapacity(32_768)
        for family in families where !family.series.isEmpty { exposition.write(family) }
        if format == .openMetrics { exposition.text += "# EOF\n" }
        return exposition.text
    }

    private mutating func write(_ reading: FamilyReading) {
        let family = reading.family
        var name = family.name
        var type = family.kind.rawValue
        if format == .openMetrics {
            // There the family has no suffix; its samples do.
            if family.kind == .counter, name.hasSuffix("_total") { name.removeLast(6) }
            if family.kind == .info, name.hasSuffix("_info") { name.removeLast(5) }
        } else if family.kind == .info {
            type = "gauge"
        }
        text += "# HELP \(name) \(Self.escaped(family.help, quotes: format == .openMetrics))\n# TYPE \(name) \(type)\n"
        for series in reading.series { write(series, family) }
    }

    private mutating func write(_ series: FamilyReading.Series, _ family: MetricFamily) {
        let name = family.name
        switch series.value {
        case .number(let value): sample(name, series.labels, Self.number(value))
        case .count(let count, let exemplar): sample(name, series.labels, "\(count)", exemplar)
        case .histogram(let bounds, let reading):
            for (index, count) in reading.cumulative.enumerated() {
                let bound = index < bounds.count ? bounds[index] : .infinity
                let le = format == .openMetrics ? Self.float(bound) : Self.number(bound)
                sample(name + "_bucket", series.labels + [("le", le)], "\(count)", reading.exemplars[index])
            }
            sample(name + "_sum", series.labels, Self.number(reading.sum))
            sample(name + "_count", series.labels, "\(reading.count)")
        case .summary(let reading):
            for (quantile, value) in reading.quantiles {
                sample(name, series.labels + [("quantile", Self.number(quantile))], Self.number(value))
            }
            sample(name + "_sum", series.labels, Self.number(reading.sum))
            sample(name + "_count", series.labels, "\(reading.count)")
        }
    }

    private mutating func sample(
        _ name: String, _ labels: [(name: String, value: String)], _ value: String, _ exemplar: Exemplar? = nil
    ) {
        text += name
        if !labels.isEmpty {
            text += "{"
            for (index, label) in labels.enumerated() {
                if index > 0 { text += "," }
                text += "\(label.name)=\"\(Self.escaped(label.value, quotes: true))\""
            }
            text += "}"
        }
        text += " " + value
        if format == .openMetrics, let exemplar {
            let seconds = Double(exemplar.at.milliseconds) / 1000
            text += " # {trace_id=\"\(exemplar.traceID.hex)\"} \(Self.number(exemplar.value)) \(seconds)"
        }
        text += "\n"
    }

    static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 92 || $0 == 10 || $0 == 34 }) else { return text }
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return "\(whole)" }
        return "\(value)"
    }

    /// OpenMetrics writes bounds as floats, `10.0`.
    private static func float(_ value: Double) -> String { value.isInfinite ? "+Inf" : "\(value)" }
}
