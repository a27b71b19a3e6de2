import GuardianCore

/// What one suite measured and found.
public struct SuiteResult: Sendable {
    /// Something that must hold.
    public struct Check: Sendable, Equatable {
        public var name: String
        public var holds: Bool
        /// What was measured.
        public var detail: String

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

        public var name: String
        public var value: Double
        public var unit: String
        public var better: Better

        public init(name: String, value: Double, unit: String, better: Better = .neither) {
            self.name = name
            self.value = value
            self.unit = unit
            self.better = better
        }
    }

    public struct Series: Sendable, Equatable {
        public var name: String
        public var unit: String
        /// x in seconds.
        public var points: [Point]

        public init(name: String, unit: String, points: [Point]) {
            self.name = name
            self.unit = unit
            self.points = points
        }
    }

    public struct Point: Sendable, Equatable {
        public var x: Double
        public var y: Double

        public init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    public struct Latency: Sendable, Equatable {
        public var name: String
        /// Upper bound in milliseconds, and how many.
        public var buckets: [Point]
        /// Percentile, and milliseconds as they were measured.
        public var curve: [Point]
        /// The same corrected for coordinated omission; empty when nothing was to be corrected.
        public var corrected: [Point]

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

    public var name: String
    public var title: String
    public var seconds = 0.0
    public var checks: [Check] = []
    public var figures: [Figure] = []
    public var latencies: [Latency] = []
    public var series: [Series] = []
    /// When the breaker changed, in seconds: `opened`, `probing`, `closed`.
    public var breaker: [DeliveryRecorder.Change] = []

    public init(name: String, title: String) {
        self.name = name
        self.title = title
    }

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
