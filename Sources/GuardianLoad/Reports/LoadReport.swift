public import GuardianCore

/// All suites of one run, with what is needed to run them again.
public struct LoadReport: Sendable {
    /// Of the JSON form.
    public static let version = 1

    /// By the wall clock, before the first suite.
    public var startedAt: Timestamp
    /// Of the workloads, and of what the mock upstream fails.
    public var seed: UInt64
    /// Such as `workers`, `operations`, `store`: what was asked for, and where it ran.
    public var options: [(name: String, value: String)]
    /// In the order in which they ran. One that broke off has a check that says why.
    public var suites: [SuiteResult]
    /// Against an earlier report; nil without one.
    public var comparison: Comparison?

    /// Suites and comparison may be added later.
    public init(startedAt: Timestamp, seed: UInt64, options: [(name: String, value: String)], suites: [SuiteResult] = []) {
        self.startedAt = startedAt
        self.seed = seed
        self.options = options
        self.suites = suites
    }

    /// Whether every suite holds, and nothing is worse than the baseline allows.
    public var passed: Bool { !suites.isEmpty && suites.allSatisfy(\.passed) && (comparison?.regressions.isEmpty ?? true) }
}
