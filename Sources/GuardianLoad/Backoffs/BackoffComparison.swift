public import GuardianCore

/// All strategies in the same world, as text, JSON and a page with plots.
public struct BackoffComparison: Sendable {
    /// The world that all of them were played in.
    public let script: BackoffWorld.Script
    /// One for each strategy, in the order in which they were given.
    public let reports: [BackoffWorld.Report]

    /// Plays all worlds, one after the other, before it returns.
    public init(_ script: BackoffWorld.Script, strategies: [RetryStrategy] = RetryStrategy.allCases) {
        self.script = script
        reports = strategies.map { BackoffWorld.run($0, script) }
    }

    private var facts: String {
        "\(script.clients) clients, \(LoadReport.short(script.outageMs / 1000)) s away, "
            + "then \(LoadReport.short(script.perSecond)) requests/s; "
            + "base \(script.policy.baseMs) ms, max \(script.policy.maxMs) ms, seed \(script.seed)"
    }

    /// Seconds that the upstream needs for all at its rate.
    public var idealSeconds: Double { Double(script.clients) / script.perSecond }

    private static func seconds(_ value: Double?, unit: String = "") -> String { value.map { LoadReport.short($0) + unit } ?? "never" }

    /// For a terminal: what was played, and a line for each strategy.
    public var text: String {
        func row(_ cells: [String]) -> String {
            zip(cells, [26, 10, 10, 12, 12, 12]).map { $0.0 + String(repeating: " ", count: max(1, $0.1 - $0.0.count)) }.joined()
        }
        var lines = [facts, "ideal: all through \(LoadReport.short(idealSeconds)) s after the return", ""]
        lines.append(row(["strategy", "requests", "failed", "peak in 1 s", "90 % after s", "all after s"]))
        for report in reports {
            lines.append(
                row([
                    report.strategy.title, "\(report.requests)", "\(report.failures)", "\(report.peak)", Self.seconds(report.ninetySeconds),
                    Self.seconds(report.drainedSeconds),
                ]))
        }
        return lines.joined(separator: "\n")
    }

    /// For programs, with the requests and successes of each second; null stands for what was never reached.
    public var json: JSONValue {
        [
            "clients": JSONValue(script.clients), "outage_seconds": .decimal(script.outageMs / 1000),
            "per_second": .decimal(script.perSecond),
            "base_ms": JSONValue(script.policy.baseMs), "max_ms": JSONValue(script.policy.maxMs), "seed": .number("\(script.seed)"),
            "ideal_seconds": .decimal(idealSeconds),
            "strategies": .array(
                reports.map {
                    [
                        "name": .string($0.strategy.rawValue), "requests": JSONValue($0.requests), "failures": JSONValue($0.failures),
                        "delivered": JSONValue($0.delivered), "peak": JSONValue($0.peak),
                        "ninety_percent_seconds": $0.ninetySeconds.map { .decimal($0) } ?? .null,
                        "drained_seconds": $0.drainedSeconds.map { .decimal($0) } ?? .null,
                        "per_second": .array($0.perSecond.map { [JSONValue($0.requests), JSONValue($0.delivered)] }),
                    ]
                }),
        ]
    }

    /// A whole document with plots, which loads nothing.
    public var html: String {
        var body = "<h1>Waiting between attempts</h1><p class=\"facts\">\(Plot.escape(facts))</p><section>"
        body += "<p>Ideal: all through \(LoadReport.short(idealSeconds)) s after the return, with one request each.</p>"
        body += ReportPage.table(
            ["strategy", "requests", "failed", "peak in 1 s after the return", "90 % through after", "all through after"],
            reports.map {
                [
                    Plot.escape($0.strategy.title), "\($0.requests)", "\($0.failures)", "\($0.peak)",
                    Self.seconds($0.ninetySeconds, unit: " s"), Self.seconds($0.drainedSeconds, unit: " s"),
                ]
            }, numbers: [1, 2, 3, 4, 5])
        body += "<div class=\"plots\">" + overview.map(\.svg).joined() + reports.map { plot($0).svg }.joined() + "</div></section>"
        return ReportPage(title: "GuardianSync: waiting between attempts", body: body).html
    }

    /// How many are through, of all strategies in one picture.
    private var overview: [Plot] {
        var through = Plot(title: "through, all strategies", xLabel: "seconds", yLabel: "operations")
        let end = reports.compactMap { $0.strategy == .ours ? $0.perSecond.count + 30 : nil }.first ?? 200
        for (number, report) in reports.enumerated() {
            var sum = 0
            var points = report.perSecond.prefix(end).enumerated().map { index, second -> SuiteResult.Point in
                sum += second.delivered
                return .init(Double(index + 1), Double(sum))
            }
            if let last = points.last, last.x < Double(end) { points.append(.init(Double(end), last.y)) }
            through.lines.append(.init(report.strategy.title, points, colour: number % 7 + 1))
        }
        return [through]
    }

    private func plot(_ report: BackoffWorld.Report) -> Plot {
        var plot = Plot(title: report.strategy.title, xLabel: "seconds", yLabel: "requests/s")
        let end = script.outageMs / 1000
        plot.bands = [.init(from: 0, to: end, colour: "open", label: "away")]
        plot.lines = [
            .init("requests", report.perSecond.enumerated().map { .init(Double($0), Double($1.requests)) }, colour: 2),
            .init("through", report.perSecond.enumerated().map { .init(Double($0), Double($1.delivered)) }, colour: 1),
        ]
        return plot
    }
}
