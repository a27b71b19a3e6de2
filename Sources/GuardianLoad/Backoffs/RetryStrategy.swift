public import GuardianCore

/// Ways to wait between attempts, to compare: ours, and those that other programs use.
public enum RetryStrategy: String, Sendable, CaseIterable {
    /// `min(max, base · 2^(n−1) · U[0.5, 1.5])`: the one of ``RetryPolicy``.
    case ours
    /// No wait at all.
    case immediate
    /// `base`, always.
    case constant
    /// `min(max, base · n)`.
    case linear
    /// `min(max, base · 2^(n−1))`, without chance.
    case exponential
    /// `U[0, 1] · min(max, base · 2^(n−1))` ("full jitter", M. Brooker, 2015).
    case fullJitter = "full_jitter"
    /// `min(max, U[base, 3 · last])` ("decorrelated jitter", the same).
    case decorrelated

    /// For people, in tables and plots; in JSON the raw value stands instead.
    public var title: String {
        switch self {
        case .ours: "GuardianSync (± 50 %)"
        case .immediate: "at once"
        case .constant: "constant"
        case .linear: "linear"
        case .exponential: "exponential, no jitter"
        case .fullJitter: "full jitter"
        case .decorrelated: "decorrelated jitter"
        }
    }

    /// Milliseconds to wait after failure number `n`; `lastMs` is the wait before it.
    public func delayMs(failure n: Int, lastMs: Double, policy: RetryPolicy, random: inout Xoshiro256) -> Double {
        let (base, most) = (Double(policy.baseMs), Double(policy.maxMs))
        let grown = min(most, base * Double(UInt64(1) << UInt64(min(max(n, 1) - 1, 40))))
        switch self {
        case .ours: return Double(policy.delayMs(failure: n, unit: random.unit()))
        case .immediate: return 0
        case .constant: return base
        case .linear: return min(most, base * Double(n))
        case .exponential: return grown
        case .fullJitter: return max(1, grown * random.unit())
        case .decorrelated: return min(most, base + random.unit() * max(0, 3 * max(lastMs, base) - base))
        }
    }
}
