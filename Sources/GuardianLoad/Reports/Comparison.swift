public import GuardianCore

/// The figures of this run beside those of an earlier one.
public struct Comparison: Sendable, Equatable {
    public struct Row: Sendable, Equatable {
        public var suite: String
        public var figure: SuiteResult.Figure
        public var before: Double
        /// Now over before; 1 when both are 0.
        public var ratio: Double { before == 0 ? (figure.value == 0 ? 1 : .infinity) : figure.value / before }

        /// How much worse, as a share: half as fast, or twice as slow, is 1; 0 or less is as good or better.
        public var worsening: Double {
            switch figure.better {
            case .higher: ratio > 0 ? 1 / ratio - 1 : .infinity
            case .lower: ratio - 1
            case .neither: 0
            }
        }
    }

    /// Latencies that differ by less milliseconds than this are the same.
    static let noiseMs = 2.0

    public var rows: [Row]
    /// Share by which a figure may be worse; 0.25 by default.
    public var tolerance: Double

    /// Throws ``NotAReport`` for JSON that is none of our reports.
    public init(_ report: LoadReport, with baseline: JSONValue, tolerance: Double = 0.25) throws(NotAReport) {
        guard baseline["version"]?.integer == Int64(LoadReport.version), let suites = baseline["suites"]?.elements else {
            throw NotAReport()
        }
        self.tolerance = tolerance
        var before: [String: [String: Double]] = [:]
        for suite in suites {
            for figure in suite["figures"]?.elements ?? [] {
                guard let name = suite["name"]?.string, let label = figure["name"]?.string, let value = figure["value"]?.double else {
                    continue
                }
                before[name, default: [:]][label] = value
            }
        }
        rows = report.suites.flatMap { suite in
            suite.figures.compactMap { figure in
                before[suite.name]?[figure.name].map { Row(suite: suite.name, figure: figure, before: $0) }
            }
        }
    }

    public struct NotAReport: Error, Sendable {}

    public var regressions: [Row] {
        rows.filter { row in
            if row.figure.unit == "ms", abs(row.figure.value - row.before) < Self.noiseMs { return false }
            return row.worsening > tolerance
        }
    }

    var json: JSONValue {
        [
            "tolerance": .decimal(tolerance),
            "rows": .array(
                rows.map {
                    [
                        "suite": .string($0.suite), "figure": .string($0.figure.name), "before": .decimal($0.before),
                        "now": .decimal($0.figure.value), "ratio": .decimal($0.ratio),
                    ]
                }),
            "regressions": .array(regressions.map { .string("\($0.suite): \($0.figure.name)") }),
        ]
    }
}
