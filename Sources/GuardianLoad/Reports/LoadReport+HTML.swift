import GuardianCore

extension LoadReport {
    /// One file that shows everything, with plots.
    public var html: String {
        var body = "<h1>GuardianSync load test</h1>"
        let facts = [startedAt.rfc3339, "seed \(seed)"] + options.map { "\($0.name) \($0.value)" }
        body += "<p class=\"facts\">\(facts.map(Plot.escape).joined(separator: " · "))</p>"
        body += "<p class=\"verdict \(passed ? "good" : "bad")\">\(passed ? "✓ All passed" : "✗ Not all passed")</p>"
        body += suites.map(Self.section).joined()
        if let comparison { body += Self.section(comparison) }
        return ReportPage(title: "GuardianSync load test, \(startedAt.rfc3339)", body: body).html
    }

    private static func section(_ suite: SuiteResult) -> String {
        let verdict = suite.passed ? "good\">✓ passed" : "bad\">✗ failed"
        var out = "<section id=\"\(suite.name)\"><div class=\"head\"><h2>\(Plot.escape(suite.title))</h2>"
        out += "<span class=\"verdict \(verdict)</span><span class=\"facts\">\(short(suite.seconds)) s</span></div>"
        out += ReportPage.table(
            ["", "what must hold", "measured"],
            suite.checks.map {
                ["<span class=\"\($0.holds ? "good\">✓" : "bad\">✗")</span>", Plot.escape($0.name), Plot.escape($0.detail)]
            })
        out += "<div class=\"plots\">\(plots(suite).map(\.svg).joined())</div>"
        out += ReportPage.table(
            ["figure", "value", "unit"], suite.figures.map { [Plot.escape($0.name), short($0.value), Plot.escape($0.unit)] }, numbers: [1])
        return out + "</section>"
    }

    private static func plots(_ suite: SuiteResult) -> [Plot] {
        var plots: [Plot] = []
        for latency in suite.latencies where latency.buckets.contains(where: { $0.y > 0 }) {
            var histogram = Plot(title: "\(latency.name): histogram", xLabel: "milliseconds", yLabel: "operations")
            histogram.bars = latency.buckets
            plots.append(histogram)
            plots.append(curve(latency))
        }
        for (number, series) in suite.series.enumerated() where series.points.count > 1 {
            var plot = Plot(title: "\(series.name) over time", xLabel: "seconds", yLabel: series.unit)
            plot.lines = [.init(series.name, series.points, colour: number % 6 + 1)]
            plots.append(plot)
        }
        if !suite.breaker.isEmpty { plots.append(timeline(suite)) }
        return plots
    }

    /// Percentiles as HdrHistogram plots them: each nine takes as much room as the one before.
    private static func curve(_ latency: SuiteResult.Latency) -> Plot {
        func place(_ percentile: Double) -> Double {
            var (left, place) = (1 - min(percentile, 99.99) / 100, 0.0)
            // The decimal logarithm, without Foundation.
            while left < 0.1 { (left, place) = (left * 10, place + 1) }
            return place + (1 - left) / 0.9
        }
        var plot = Plot(title: "\(latency.name): percentiles", xLabel: "percentile", yLabel: "milliseconds")
        plot.lines = [.init("as measured", latency.curve.map { .init(place($0.x), $0.y) }, colour: 1)]
        if !latency.corrected.isEmpty {
            let points = latency.corrected.map { SuiteResult.Point(place($0.x), $0.y) }
            plot.lines.append(.init("corrected for coordinated omission", points, colour: 2, isDashed: true))
        }
        plot.xNames = [0, 50, 90, 99, 99.9, 99.99].map { (place($0), JSONValue.decimal($0).text) }
        return plot
    }

    private static func timeline(_ suite: SuiteResult) -> Plot {
        var plot = Plot(title: "circuit breaker", xLabel: "seconds", yLabel: "operations/s")
        let throughput = suite.series.first { $0.name == "throughput" }?.points ?? []
        let end = max(throughput.last?.x ?? 0, (suite.breaker.last?.seconds ?? 0) + 1)
        var (since, state) = (0.0, "closed")
        for change in suite.breaker + [.init(seconds: end, state: "end")] {
            let (colour, label) =
                switch state {
                case "opened": ("open", "open")
                case "probing": ("half", "half open")
                default: ("closed", "closed")
                }
            plot.bands.append(.init(from: since, to: change.seconds, colour: colour, label: label))
            (since, state) = (change.seconds, change.state)
        }
        if throughput.count > 1 { plot.lines = [.init("throughput", throughput, colour: 1)] }
        return plot
    }

    private static func section(_ comparison: Comparison) -> String {
        let worse = comparison.regressions
        let rows = comparison.rows.filter { $0.figure.better != .neither }.map { row in
            let isWorse = worse.contains(row)
            return [
                Plot.escape(row.suite), Plot.escape(row.figure.name), short(row.before), short(row.figure.value),
                Plot.escape(row.figure.unit),
                "<span class=\"\(isWorse ? "bad" : "")\">× \(short(row.ratio))</span>",
            ]
        }
        var notes = comparison.differences.map(\.words)
        if !comparison.unmatched.isEmpty { notes.append("only one of both has: \(comparison.unmatched.joined(separator: "; "))") }
        return "<section><h2>Compared with the baseline</h2><p class=\"verdict \(worse.isEmpty ? "good" : "bad")\">"
            + "\(worse.count) figure(s) worse by more than \(Int(comparison.tolerance * 100)) %</p>"
            + notes.map { "<p class=\"facts\">\(Plot.escape($0))</p>" }.joined()
            + ReportPage.table(["suite", "figure", "before", "now", "unit", "ratio"], rows, numbers: [2, 3, 5]) + "</section>"
    }
}
