import GuardianCore
import GuardianTelemetry

/// A day of a fleet's traffic, slice by slice: it swells and ebbs, varies by chance, and now and then something is wrong with it.
struct SeededTrace: Sequence {
    enum Trouble: CaseIterable { case surge, drop, slow, errors }

    struct Slice {
        var traffic: TrafficSlice
        var trouble: Trouble?
    }

    var seed: UInt64
    var slices = 8640
    /// Operations a slice on average.
    var rate = 200.0
    var latencyMs = 80.0
    var errorShare = 0.01
    /// Where trouble begins; each lasts for 30 slices, five minutes.
    var troubles: [(at: Int, Trouble)] = []

    static let troubleLasts = 30

    func makeIterator() -> AnyIterator<Slice> {
        var random = Xoshiro256(seed: seed)
        var index = 0
        return AnyIterator {
            guard index < slices else { return nil }
            defer { index += 1 }
            let trouble = troubles.first { (index - $0.at) >= 0 && (index - $0.at) < Self.troubleLasts }?.1
            // Day and night as a triangle between half and one and a half times the mean, and a lunch dip.
            let phase = Double(index % 8640) / 8640
            let swell = 0.5 + 2 * (phase < 0.5 ? phase : 1 - phase)
            var expected = rate * swell
            var latency = latencyMs * (0.9 + 0.2 * swell)
            var share = errorShare
            switch trouble {
            case .surge: expected *= 3
            case .drop: expected *= 0.1
            case .slow: latency *= 3
            case .errors: share = 0.2
            case nil: break
            }
            let accepted = Self.poisson(expected, &random)
            let attempts = accepted
            let bad = Self.poisson(Double(attempts) * share, &random)
            // The median of some hundred latencies varies by some per cent; now and then a slice is slow by itself.
            let odd = random.unit() < 0.002 ? 2.5 : 1
            let median = latency * (1 + 0.08 * Self.normal(&random)) * odd
            return Slice(
                traffic: TrafficSlice(
                    accepted: accepted, good: Swift.max(0, attempts - bad), bad: Swift.min(bad, attempts), latencyMs: Swift.max(1, median)),
                trouble: trouble)
        }
    }

    static func normal(_ random: inout Xoshiro256) -> Double { (0..<12).reduce(-6.0) { sum, _ in sum + random.unit() } }

    /// The normal approximation with bursts: traffic of people is less even than chance.
    static func poisson(_ mean: Double, _ random: inout Xoshiro256) -> Int {
        Swift.max(0, Int((mean + normal(&random) * (mean.squareRoot() + 0.03 * mean)).rounded()))
    }
}
