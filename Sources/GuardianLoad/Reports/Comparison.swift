public import GuardianCore

/// The figures of this run beside those of an earlier one.
public struct Comparison: Sendable, Equatable {
    /// A figure that both runs have.
    public struct Row: Sendable, Equatable {
        /// The name of its suite, such as `latency`.
        public var suite: String
        /// Of this run; ``before`` is in the same unit.
        public var figure: SuiteResult.Figure
        /// Its value in the baseline.
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

    /// An option that was another in the baseline, so that what is worse may be so for that.
    public struct Difference: Sendable, Equatable {
        /// As reports name it, such as `workers`, or `seed`.
        public var option: String
        /// nil where the baseline does not say.
        public var before: String?
        /// As it is in this run.
        public var now: String

        /// For people.
        var words: String { "\(option): \(before.map { "\($0) in" } ?? "not said in") the baseline, \(now) now" }
    }

    /// Why there is nothing to compare with.
    public enum Mismatch: Error, Sendable, Equatable, CustomStringConvertible {
        /// It is no JSON report of this version; or none of its figures is measured now.
        case notAReport, nothingInCommon

        public var description: String {
            switch self {
            case .notAReport: "is no JSON report of guardian loadtest"
            case .nothingInCommon: "has no figure of what is measured now"
            }
        }
    }

    /// In the order of this run's suites.
    public var rows: [Row]
    /// All but the version of the build and the choice of suites.
    public var differences: [Difference]
    /// What only one of both has: a suite, or `suite: figure`.
    public var unmatched: [String]
    /// Share by which a figure may be worse; 0.25 by default.
    public var tolerance: Double

    /// Throws where no figure is in both. `tolerance` is a share: 0.25 lets a figure be worse by a quarter.
    public init(_ report: LoadReport, with baseline: JSONValue, tolerance: Double = 0.25) throws(Mismatch) {
        let before = try Self.figures(of: baseline)
        let now: [String: Set<String>] = Dictionary(report.suites.map { ($0.name, Set($0.figures.map(\.name))) }) { $1 }
        rows = report.suites.flatMap { suite in
            suite.figures.compactMap { figure in
                before[suite.name]?[figure.name].map { Row(suite: suite.name, figure: figure, before: $0) }
            }
        }
        guard !rows.isEmpty else { throw .nothingInCommon }
        self.tolerance = tolerance
        differences = Self.differences(report, baseline)
        unmatched = Set(now.keys).union(before.keys).sorted().flatMap { suite -> [String] in
            guard let ours = now[suite], let theirs = before[suite] else { return [suite] }
            return ours.symmetricDifference(theirs.keys).sorted().map { "\(suite): \($0)" }
        }
    }

    /// Whether a baseline has any of these suites, to be asked before they run.
    public static func check(_ baseline: JSONValue, for suites: [LoadOptions.Suite]) throws(Mismatch) {
        let before = try figures(of: baseline)
        guard suites.contains(where: { before[$0.rawValue] != nil }) else { throw .nothingInCommon }
    }

    /// By suite and name.
    private static func figures(of baseline: JSONValue) throws(Mismatch) -> [String: [String: Double]] {
        guard baseline["version"]?.integer == Int64(LoadReport.version), let suites = baseline["suites"]?.elements else {
            throw .notAReport
        }
        var figures: [String: [String: Double]] = [:]
        for suite in suites {
            guard let name = suite["name"]?.string else { continue }
            figures[name] = [:]
            for figure in suite["figures"]?.elements ?? [] {
                if let label = figure["name"]?.string, let value = figure["value"]?.double { figures[name]?[label] = value }
            }
        }
        return figures
    }

    /// Options that say nothing of how much was measured: the builds that are compared, and which suites ran.
    private static let passedOver: Set<String> = ["version", "suites"]

    private static func differences(_ report: LoadReport, _ baseline: JSONValue) -> [Difference] {
        var differences: [Difference] = []
        let seed = baseline["seed"]?.text
        if seed != "\(report.seed)" { differences.append(Difference(option: "seed", before: seed, now: "\(report.seed)")) }
        for option in report.options where !passedOver.contains(option.name) {
            let before = baseline["options"]?[option.name]?.string
            if before != option.value { differences.append(Difference(option: option.name, before: before, now: option.value)) }
        }
        return differences
    }

    /// Rows that are worse by more than ``tolerance``; figures in ms that differ by less than 2 are never among them.
    public var regressions: [Row] {
        rows.filter { row in
            if row.figure.unit == "ms", abs(row.figure.value - row.before) < Self.noiseMs { return false }
            return row.worsening > tolerance
        }
    }

    var json: JSONValue {
        [
            "tolerance": .decimal(tolerance),
            "differences": .array(
                differences.map {
                    ["option": .string($0.option), "before": JSONValue($0.before), "now": .string($0.now)]
                }),
            "unmatched": .array(unmatched.map { .string($0) }),
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
