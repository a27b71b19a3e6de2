import GuardianCore

/// What one suite measured and found.
public struct SuiteResult: Sendable {
    /// Something that must hold.
    public struct Check: Sendable, Equatable {
        /// What must hold, in words.
        public var name: String
        /// Where false, the suite has not passed.
        public var holds: Bool
        /// What was measured.
        public var detail: String

        /// `detail` is told whether it holds or not.
        public init(name: String, holds: Bool, detail: String) {
            self.name = name
            self.holds = holds
            self.detail = detail
        }
    }

    /// A number worth comparing with an earlier run.
    public struct Figure: Sendable, Equatable {
        /// Which way is better.
        public enum Better: String, Sendable { case higher, lower, neither }

        /// No two of a suite have the same: comparisons go by it.
        public var name: String
        /// In ``unit``; null in JSON where it is not finite.
        public var value: Double
        /// Such as `ms` or `operations/s`; empty for a count.
        public var unit: String
        /// ``Better/neither`` is never a regression.
        public var better: Better

        /// Only shown, and never compared, unless `better` says otherwise.
        public init(name: String, value: Double, unit: String, better: Better = .neither) {
            self.name = name
            self.value = value
            self.unit = unit
            self.better = better
        }
    }

    /// Something that was looked at all through the suite.
    public struct Series: Sendable, Equatable {
        /// Such as `throughput` or `resident memory`.
        public var name: String
        /// What y is counted in; empty for a plain number.
        public var unit: String
        /// x in seconds.
        public var points: [Point]

        /// `points` in order of time.
        public init(name: String, unit: String, points: [Point]) {
            self.name = name
            self.unit = unit
            self.points = points
        }
    }

    /// A place in a plot; whoever holds it says what x and y are.
    public struct Point: Sendable, Equatable {
        /// Seconds, milliseconds or a percentile.
        public var x: Double
        /// How much there was at ``x``.
        public var y: Double

        /// A plot needs both to be finite.
        public init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// Durations of one kind, as a histogram and as percentiles.
    public struct Latency: Sendable, Equatable {
        /// Such as `attempt`; the names of its figures begin with it.
        public var name: String
        /// Upper bound in milliseconds, and how many.
        public var buckets: [Point]
        /// Percentile, and milliseconds as they were measured.
        public var curve: [Point]
        /// The same corrected for coordinated omission; empty when nothing was to be corrected.
        public var corrected: [Point]

        /// What `recorder` has now; what it records later is not in it.
        public init(_ name: String, _ recorder: LatencyRecorder) {
            self.name = name
            buckets = recorder.buckets().map { Point($0.upToMs, Double($0.count)) }
            curve = recorder.curve(corrected: false).map { Point($0.percentile, $0.ms) }
            corrected = recorder.expectedMicroseconds == 0 ? [] : recorder.curve(corrected: true).map { Point($0.percentile, $0.ms) }
        }

        init(name: String, buckets: [Point], curve: [Point], corrected: [Point]) {
            self.name = name
            self.buckets = buckets
            self.curve = curve
            self.corrected = corrected
        }
    }

    /// As ``LoadOptions/Suite`` names it.
    public var name: String
    /// For people, such as `Processing latency`.
    public var title: String
    /// How long the suite has run, with what it had to set up.
    public var seconds = 0.0
    /// What must hold; a suite that was broken off has one that says so.
    public var checks: [Check] = []
    /// What is compared with a baseline.
    public var figures: [Figure] = []
    /// Shown as plots; their main percentiles are figures too.
    public var latencies: [Latency] = []
    /// Shown as plots over time, where there are two points or more.
    public var series: [Series] = []
    /// When the breaker changed, in seconds: `opened`, `probing`, `closed`.
    public var breaker: [DeliveryRecorder.Change] = []

    /// Nothing measured yet, and so not passed.
    public init(name: String, title: String) {
        self.name = name
        self.title = title
    }

    /// Whether there is a check at all, and every one holds.
    public var passed: Bool { !checks.isEmpty && checks.allSatisfy(\.holds) }

    mutating func check(_ name: String, _ holds: Bool, _ detail: String) {
        checks.append(Check(name: name, holds: holds, detail: detail))
    }

    mutating func figure(_ name: String, _ value: Double, _ unit: String, _ better: Figure.Better = .neither) {
        figures.append(Figure(name: name, value: value, unit: unit, better: better))
    }

    /// A figure for each percentile that people ask for.
    mutating func percentiles(_ prefix: String, _ recorder: LatencyRecorder) {
        figure("\(prefix) mean", recorder.meanMs, "ms", .lower)
        for percentile in [50.0, 95, 99] { figure("\(prefix) p\(Int(percentile))", recorder.ms(percentile), "ms", .lower) }
        if recorder.expectedMicroseconds > 0 { figure("\(prefix) p99, corrected", recorder.correctedMs(99), "ms", .lower) }
        latencies.append(Latency(prefix, recorder))
    }

    mutating func series(_ name: String, _ unit: String, _ sampler: Sampler) {
        series.append(Series(name: name, unit: unit, points: sampler.samples.map { Point($0.seconds, $0.value) }))
    }

    mutating func throughput(_ recorder: DeliveryRecorder) {
        let points = recorder.perSecond.enumerated().map { Point(Double($0.offset), Double($0.element)) }
        series.append(Series(name: "throughput", unit: "operations/s", points: points))
    }
}
