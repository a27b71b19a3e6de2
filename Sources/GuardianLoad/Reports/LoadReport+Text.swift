import GuardianCore

extension LoadReport {
    /// For a terminal: one line for each check and figure.
    public var text: String {
        var lines: [String] = []
        for suite in suites {
            lines.append(
                "\(suite.title): \(suite.passed ? "passed" : "FAILED") (\(JSONValue.decimal((suite.seconds * 10).rounded() / 10).text) s)")
            for check in suite.checks { lines.append("  \(check.holds ? "✓" : "✗") \(check.name): \(check.detail)") }
            for figure in suite.figures {
                lines.append("    \(Self.padded(figure.name)) \(Self.short(figure.value)) \(figure.unit)")
            }
        }
        if let comparison {
            lines.append("Compared with the baseline (worse by more than \(Int(comparison.tolerance * 100)) % counts):")
            for difference in comparison.differences { lines.append("  ! \(difference.words)") }
            if !comparison.unmatched.isEmpty {
                lines.append("  ! only one of both has: \(comparison.unmatched.joined(separator: "; "))")
            }
            for row in comparison.rows where row.figure.better != .neither {
                let mark = comparison.regressions.contains(row) ? "✗" : " "
                let change = "\(Self.short(row.before)) → \(Self.short(row.figure.value)) \(row.figure.unit)"
                lines.append("  \(mark) \(Self.padded("\(row.suite): \(row.figure.name)", 52)) \(change) (× \(Self.short(row.ratio)))")
            }
        }
        lines.append(passed ? "All passed." : "NOT all passed.")
        return lines.joined(separator: "\n")
    }

    private static func padded(_ text: String, _ width: Int = 44) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    /// Three digits that matter.
    static func short(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let size = value.magnitude
        if size >= 100 { return "\(Int64(value.rounded()))" }
        return JSONValue.decimal(size >= 10 ? (value * 10).rounded() / 10 : (value * 100).rounded() / 100).text
    }
}
