/// How long a failed operation waits: `min(max, base · 2^(n−1) · U[0.5, 1.5])`, n from 1 (spec section 4).
public struct RetryPolicy: Sendable, Equatable {
    /// Milliseconds; 1 s by default. A processor takes 1 ms…1 year.
    public var baseMs: Int64
    /// Milliseconds; 30 s by default. A processor takes 1 ms…1 year.
    public var maxMs: Int64
    /// Counted attempts before an operation is given up on; 5 by default. A processor takes 1 at least.
    public var maxAttempts: Int

    /// The standard policy, but for what is given. Nothing is checked here: a processor takes the nearest that is in range.
    public init(baseMs: Int64 = 1000, maxMs: Int64 = 30_000, maxAttempts: Int = 5) {
        self.baseMs = baseMs
        self.maxMs = maxMs
        self.maxAttempts = maxAttempts
    }

    /// 1 s, 30 s and 5 attempts: what a processor goes by unless told otherwise.
    public static let standard = RetryPolicy()
    /// 500 ms and 10 s, 5 attempts: delivered sooner after a short trouble, for the price of more requests.
    public static let aggressive = RetryPolicy(baseMs: 500, maxMs: 10_000)
    /// 2 s and 30 s, 5 attempts: fewer requests to an upstream in trouble.
    public static let conservative = RetryPolicy(baseMs: 2000, maxMs: 30_000)

    /// The wait after failure number `n`; `unit` is a random number in `0..<1`.
    package func delayMs(failure n: Int, unit: Double) -> Int64 {
        let exponent = min(max(n, 1) - 1, 40)
        let grown = Double(baseMs) * Double(UInt64(1) << UInt64(exponent)) * (0.5 + unit)
        // Compared before it is made a whole number: not every Double is one.
        return grown < Double(maxMs) ? Int64(max(grown, 0)) : maxMs
    }

    /// What a processor goes by.
    var clamped: RetryPolicy {
        RetryPolicy(
            baseMs: ProcessorConfiguration.span(baseMs), maxMs: ProcessorConfiguration.span(maxMs), maxAttempts: max(maxAttempts, 1))
    }
}
