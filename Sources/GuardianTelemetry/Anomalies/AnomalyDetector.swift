package import GuardianCore

/// Tells what is unusual from what merely varies, by the traffic of the last ten minutes: rate, latency and errors, a slice at a time.
///
/// A slice is odd when it lies more than ``deviations`` robust standard deviations from the median, where the deviation is never taken to
/// be less than chance alone would make it (Poisson for rates, binomial for errors). An anomaly is ``oddSlices`` odd slices of the last
/// ``lookBack``; it is over after ``calmSlices`` usual ones. What is odd does not become part of what is usual, unless it lasts for
/// ``slicesToAccept``: then it is the new usual.
///
/// A rate is judged only while traffic is steady: whoever is quiet and then hands in all that came together offline, now and then and for a
/// while, does what it is there for.
package struct AnomalyDetector: Sendable {
    package enum Signal: String, Sendable, CaseIterable {
        /// Operations taken in: far more, or far fewer, than usual, where traffic is steady.
        case rate
        /// Answers come much later than usual.
        case latency
        /// A larger share of attempts fails than usual.
        case errors
    }

    /// Milliseconds of one slice.
    package static let sliceMs: Int64 = 10_000
    /// Slices that are looked back on: ten minutes.
    static let memory = 60
    /// Slices before anything is judged: three minutes.
    static let leastHistory = 18
    static let deviations = 6.0
    static let oddSlices = 3
    static let lookBack = 4
    static let calmSlices = 6
    static let slicesToAccept = 180
    /// Attempts that a slice needs for its latency and errors to say anything.
    static let leastAttempts = 10
    /// The usual rate, operations a slice, from which on a change of it says something.
    static let leastRate = 20.0
    /// Slices without a quiet one, but for odd ones, after which traffic is steady: an hour.
    static let slicesToBeSteady = 360

    private struct Track: Sendable {
        var baseline = RobustBaseline(most: AnomalyDetector.memory)
        var odd: [Bool] = []
        var calm = 0
        var oddSince = 0
        var isFiring = false
    }

    private var tracks: [Signal: Track] = Dictionary(uniqueKeysWithValues: Signal.allCases.map { ($0, Track()) })
    private var firing: [Signal: Alert] = [:]
    /// Slices since a quiet one; as if there had been none before the first.
    private var sinceQuiet = AnomalyDetector.slicesToBeSteady
    /// Quiet slices before there was anything to judge by.
    private var quietAtStart = 0

    package init() {}

    /// Anomalies that go on.
    package var alerts: [Alert] { Signal.allCases.compactMap { firing[$0] } }

    /// Takes in one slice; returns what fired or was cleared by it.
    package mutating func take(_ slice: TrafficSlice, at now: Timestamp) -> [Event] {
        var events: [Event] = []
        let accepted = Double(slice.accepted)
        let isJudged = sinceQuiet >= Self.slicesToBeSteady || firing[.rate] != nil
        judge(.rate, value: accepted, now, &events) { isJudged ? Self.rateScore(accepted, $0) : 0 }
        noteQuiet(accepted)
        if slice.good >= Self.leastAttempts, let latency = slice.latencyMs, latency > 0 {
            judge(.latency, value: latency, now, &events) { Self.latencyScore(latency, $0) }
        }
        if slice.attempts >= Self.leastAttempts {
            let share = Double(slice.bad) / Double(slice.attempts)
            judge(.errors, value: share, now, &events) { Self.errorScore(share, Double(slice.attempts), $0) }
        }
        return events
    }

    /// A quiet slice ends that traffic is steady: one that lies far below a usual rate which says something, or any low one where there is
    /// none. Not while the rate is odd, and not the first few after a start, when a program has yet to begin.
    private mutating func noteQuiet(_ accepted: Double) {
        guard let rate = tracks[.rate] else { return }
        let usual = rate.baseline.median ?? 0
        let least = usual < Self.leastRate ? Self.leastRate : max(Self.leastRate / 2, min(Self.leastRate, usual / 3))
        let isQuiet = accepted < least && !rate.isFiring && !rate.odd.contains(true)
        let isStart = rate.baseline.count < Self.leastHistory
        if isQuiet, isStart { quietAtStart += 1 }
        let ends = isQuiet && (!isStart || quietAtStart > Self.oddSlices)
        sinceQuiet = ends ? 0 : min(sinceQuiet + 1, Self.slicesToBeSteady)
    }

    /// Deviations from the usual rate; negative below it.
    private static func rateScore(_ value: Double, _ baseline: RobustBaseline) -> Double {
        guard let usual = baseline.median, usual >= leastRate else { return 0 }
        let chance = max(usual, 1).squareRoot()
        return (value - usual) / max(baseline.deviation, chance, 0.08 * usual)
    }

    /// In logarithms to the base 2: twice as slow counts the same at 10 ms and at 1 s.
    private static func latencyScore(_ value: Double, _ baseline: RobustBaseline) -> Double {
        guard let usual = baseline.median, usual > 0, value - usual > 5 else { return 0 }
        // Compared as ratios: an eighth more is what a median of few attempts varies by.
        return (value / usual - 1) / max(baseline.deviation / usual, 0.12)
    }

    private static func errorScore(_ value: Double, _ attempts: Double, _ baseline: RobustBaseline) -> Double {
        guard let usual = baseline.median else { return 0 }
        // A share that was never seen is not impossible: one in two hundred at least.
        let expected = min(max(usual, 0.005), 0.995)
        let chance = (expected * (1 - expected) / attempts).squareRoot()
        return (value - usual) / max(baseline.deviation, chance, 0.01)
    }

    private mutating func judge(
        _ signal: Signal, value: Double, _ now: Timestamp, _ events: inout [Event], _ score: (RobustBaseline) -> Double
    ) {
        guard var track = tracks[signal] else { return }
        defer { tracks[signal] = track }
        guard track.baseline.count >= Self.leastHistory else { return track.baseline.add(value) }
        let deviations = score(track.baseline)
        let isOdd = signal == .rate ? abs(deviations) > Self.deviations : deviations > Self.deviations
        track.odd.append(isOdd)
        if track.odd.count > Self.lookBack { track.odd.removeFirst() }
        track.calm = isOdd ? 0 : track.calm + 1
        let usual = track.baseline.median ?? 0
        if !isOdd { track.baseline.add(value) }
        track.oddSince = isOdd || track.isFiring ? track.oddSince + 1 : 0
        if !track.isFiring, track.odd.count(where: { $0 }) >= Self.oddSlices {
            track.isFiring = true
            let alert = Self.alert(signal, value: value, usual: usual, since: now)
            firing[signal] = alert
            events.append(.alertFired(alert))
        } else if track.isFiring, track.calm >= Self.calmSlices || track.oddSince >= Self.slicesToAccept {
            if track.oddSince >= Self.slicesToAccept { track.baseline.forget() }
            track.isFiring = false
            track.odd = []
            track.oddSince = 0
            if var alert = firing.removeValue(forKey: signal) {
                alert.state = .quiet
                alert.value = value
                events.append(.alertCleared(alert))
            }
        }
    }

    private static func alert(_ signal: Signal, value: Double, usual: Double, since now: Timestamp) -> Alert {
        let perSecond = 1000 / Double(sliceMs)
        let condition: String
        let action: String
        switch signal {
        case .rate:
            condition =
                value > usual ? "far more operations come in than usual, a second" : "far fewer operations come in than usual, a second"
            action = value > usual ? "look who sends so much" : "look whether what sends is well"
        case .latency:
            (condition, action) = ("answers take much longer than usual, in milliseconds", "look at the upstream and the network")
        case .errors: (condition, action) = ("a larger share of attempts fails than usual", "look at the errors, and at what has changed")
        }
        let factor = signal == .rate ? perSecond : 1
        return Alert(
            name: "anomaly_\(signal.rawValue)", severity: .medium, state: .firing, value: value * factor, threshold: usual * factor,
            since: now, condition: condition, action: action)
    }
}
