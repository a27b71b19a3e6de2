/// Numbers attempts, and remembers which of the successful ones began last: how the engine knows that others succeed while one fails.
///
/// A failed operation keeps the number of attempts begun so far as its mark. When it fails again, the failure is its own (and counts
/// towards `maxAttempts`) only if an attempt that began after the mark has succeeded. On a first failure a success within the last
/// minute is asked for instead. Marks of an earlier epoch say nothing, so a restart in the middle of an outage charges nobody.
struct AttemptSerial: Sendable {
    static let recentMs: Int64 = 60_000

    private var epoch: Int64 = 0
    private(set) var begun: Int64 = 0
    private var lastSuccess: Int64 = -1
    private var lastSuccessAt: Int64?

    /// A new lease: what is known of successes is void. Numbers go on, so that a late answer of an older lease is never taken for a new
    /// one.
    mutating func restart(epoch: Int64) {
        self.epoch = epoch
        lastSuccess = -1
        lastSuccessAt = nil
    }

    init() {}

    mutating func begin() -> Int64 {
        begun += 1
        return begun
    }

    mutating func succeeded(_ attempt: Int64, now: Int64) {
        lastSuccess = max(lastSuccess, attempt)
        lastSuccessAt = now
    }

    /// What to keep with an operation that fails now.
    var mark: Int64 { epoch << 40 | begun & 0xFF_FFFF_FFFF }

    func othersSucceed(since mark: Int64?, now: Int64) -> Bool {
        guard let mark else { return lastSuccessAt.map { now - $0 < Self.recentMs } ?? false }
        return mark >> 40 == epoch && lastSuccess > mark & 0xFF_FFFF_FFFF
    }
}
