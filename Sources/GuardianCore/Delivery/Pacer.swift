/// How fast requests may start: as fast as workers allow, until the upstream pushes back; then at a rate that is learnt.
///
/// A limit on concurrency is not enough when many devices share one upstream: one request at a time is still twenty a second from each.
/// So the rate follows the curve of CUBIC (RFC 9438 section 4), with its axis in accepted requests: at a push-back it falls by a fixed
/// share, returns to where that happened within about `requestsBack` accepted requests, stays near it, and then grows ever faster. In
/// the steady state one in `requestsBack` requests is the price of learning, however large the fleet.
///
/// States: *free* (nothing has pushed back) → *learning* (a rate is in force, however far it has grown).
package struct Pacer: Sendable, Equatable {
    /// What is left of the rate after a push-back. CUBIC keeps 0.7; at the same speed of growth, half as much means half as many refusals.
    package static let kept = 0.5
    /// What is left after another one before so much as ``requestsHeard`` were accepted: the rate is wrong, not the moment.
    static let keptAtOnce = 0.4
    static let requestsHeard = 10
    /// Accepted requests after which the rate is back where it was pushed back…
    static let requestsBack = 90.0
    /// …but not sooner, nor later, than so many milliseconds.
    static let soonestBackMs = 30_000.0
    static let latestBackMs = 45_000.0
    /// How fast it grows from there on: twice the rate after another third of the way, nine times after two.
    static let search = 24.0
    /// Requests per second: never slower than one in 10 s.
    package static let slowest = 0.1
    /// Requests per second with which it begins when next to nothing was accepted.
    static let first = 0.5
    /// Milliseconds over which accepted requests are counted.
    static let lookBackMs: Int64 = 1000
    /// Milliseconds of unused time that may be caught up with.
    private static let catchUpMs = 5.0

    /// Requests per second; nil while nothing has pushed back.
    package private(set) var rate: Double?
    /// The rate at the last push-back.
    private var peak = 0.0
    private var fellAt: Int64 = .min
    private var acceptedSince = 0
    /// When the next request may start.
    private var nextAt = -Double.infinity
    /// Accepted requests of this span and of the last one.
    private var spanBegan: Int64 = .min
    private var accepted = 0
    private var acceptedBefore = 0

    package init() {}

    /// Steady time at which the next request may start; nil means now.
    package func opensAt(now: Int64) -> Int64? {
        guard rate != nil, nextAt > Double(now) else { return nil }
        return Int64(nextAt.rounded(.up))
    }

    /// How many more may start within `ms`, this moment included.
    package func allowance(within ms: Double, now: Int64) -> Int? {
        guard let rate else { return nil }
        return max(0, Int(min((ms - max(0, nextAt - Double(now))) * rate / 1000, 1e6)) + 1)
    }

    package mutating func sent(now: Int64) {
        guard let rate else { return }
        // Urgent requests don't wait, and must not make the others wait for longer than the slowest rate would.
        nextAt = min(max(nextAt, Double(now) - Self.catchUpMs) + 1000 / rate, Double(now) + 1000 / Self.slowest)
    }

    package mutating func succeeded(now: Int64) {
        acceptedSince += 1
        count(now)
        accepted += 1
        grow(now)
    }

    /// A 429 to a request that was started at `startedAt`.
    package mutating func pushedBack(startedAt: Int64, now: Int64) {
        count(now)
        // Those that were on the wire together are pushed back together.
        guard startedAt >= fellAt else { return }
        let heard = Double(max(accepted, acceptedBefore)) * 1000 / Double(Self.lookBackMs)
        if let rate {
            // A rate that was not used up says nothing.
            let used = min(rate, max(1.5 * heard, 2))
            // Still below where it was last: others need the room (RFC 9438 section 4.7, fast convergence).
            peak = used < peak ? used * (1 + Self.kept) / 2 : used
            self.rate = max(Self.slowest, used * (acceptedSince < Self.requestsHeard ? Self.keptAtOnce : Self.kept))
        } else {
            // What can be relied on of a small count: two standard deviations less.
            peak = max(Self.first, heard - 2 * heard.squareRoot())
            rate = peak * Self.kept
        }
        fellAt = now
        acceptedSince = 0
        if let rate { nextAt = max(nextAt, Double(now) + 1000 / rate) }
    }

    private mutating func count(_ now: Int64) {
        guard spanBegan == .min || now >= spanBegan + Self.lookBackMs else { return }
        acceptedBefore = spanBegan != .min && now < spanBegan + 2 * Self.lookBackMs ? accepted : 0
        accepted = 0
        spanBegan = now
    }

    private mutating func grow(_ now: Int64) {
        guard let rate else { return }
        let elapsed = Double(now - fellAt)
        let way = max(elapsed / Self.latestBackMs, min(Double(acceptedSince) / Self.requestsBack, elapsed / Self.soonestBackMs))
        let left = 1 - way
        let grown = peak * (1 - (left > 0 ? 1 - Self.kept : Self.search) * left * left * left)
        self.rate = min(max(rate, grown), 1e6)
    }
}
