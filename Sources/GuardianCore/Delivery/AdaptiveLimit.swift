/// How many requests may be in flight, found by what the upstream does with them: more while that costs no latency, fewer when answers
/// come later, are refused, or do not come.
///
/// By Little's law an upstream that works on `c` requests at once is used up with `c` in flight; what goes beyond only waits in its queue.
/// So latency is compared with what it is without a queue: the least mean of the last windows, among which one in `windowsToLook` sends
/// only half as much, so that a queue of our own making is never taken for the upstream's nature. Between ``calm`` and ``crowded`` times
/// that the limit stays. A 429 cuts it at once, once for all that were on the wire together; a few 503 among many good answers do not
/// (AIMD, as in RFC 5681; the gradient is that of TCP Vegas, Brakmo 1995, over window means instead of single round trips).
///
/// States: *doubling* (nothing has spoken against more) → *steady* (it grows by about a root, and shrinks by a share).
package struct AdaptiveLimit: Sendable, Equatable {
    /// Where it begins: as many as the engine has workers by default.
    package static let first = 4
    /// Latency, as a multiple of what it is without a queue, up to which the limit grows…
    package static let calm = 1.3
    /// …and beyond which it shrinks.
    package static let crowded = 1.7
    /// What is left after a cut.
    package static let kept = 0.85
    /// Share of refused or unanswered requests beyond which a window counts as a push-back.
    package static let troubled = 0.1
    /// Answers that a window holds at least.
    static let answersHeard = 16
    /// Windows from one look at the latency of a light load to the next.
    static let windowsToLook = 40
    /// Milliseconds under which differences of latency say nothing.
    static let noiseMs = 2.0

    /// Requests in flight at most, ever: the engine's workers.
    package let most: Int
    /// Requests in flight at most now.
    package var limit: Int { max(1, min(most, Int((isLooking ? exact / 2 : exact).rounded(.down)))) }

    private var exact: Double
    private var isDoubling = true
    /// Where the last 429 came.
    private var ceiling = Double.infinity
    private var cutAt: Int64 = .min

    // The window: answers to requests that began in it.
    private var beganAt: Int64 = .min
    private var answers = 0
    private var troubles = 0
    private var latencySum: Int64 = 0
    private var mostInFlight = 0

    /// The least mean latency of this span of windows and of the one before.
    private var least: Double?
    private var leastBefore: Double?
    private var windows = 0
    private var isLooking = false

    /// `most` bounds it for good; 1 at least.
    package init(most: Int) {
        self.most = max(1, most)
        exact = Double(min(Self.first, max(1, most)))
    }

    /// Mean latency without a queue, in milliseconds; nil before anything is known.
    package var lightLatencyMs: Double? { [least, leastBefore].compactMap { $0 }.min() }

    /// A good answer. `inFlight` counts the requests on the wire, this one included.
    package mutating func answered(startedAt: Int64, now: Int64, inFlight: Int) {
        begin(now)
        mostInFlight = max(mostInFlight, inFlight)
        guard startedAt >= beganAt else { return }
        answers += 1
        latencySum += max(0, now - startedAt)
        endWindow(now)
    }

    /// A 429: the upstream says that this is too much.
    package mutating func refused(startedAt: Int64, now: Int64) {
        begin(now)
        isDoubling = false
        guard startedAt >= cutAt else { return }
        ceiling = exact
        cut(to: exact * Self.kept, now)
    }

    /// A 503, a timeout, or no answer: one of many says little, a tenth of all says that it is too much.
    package mutating func troubled(startedAt: Int64, now: Int64) {
        begin(now)
        guard startedAt >= beganAt else { return }
        troubles += 1
        endWindow(now)
    }

    private mutating func begin(_ now: Int64) { if beganAt == .min { beganAt = now } }

    private mutating func endWindow(_ now: Int64) {
        let heard = answers + troubles
        guard heard >= max(Self.answersHeard, min(limit, 256)) else { return }
        defer { startWindow(now) }
        if Double(troubles) > Self.troubled * Double(heard) {
            isDoubling = false
            return cut(to: exact * Self.kept, now)
        }
        let mean = Double(latencySum) / Double(max(answers, 1))
        least = min(least ?? mean, mean)
        let light = max(lightLatencyMs ?? mean, 1)
        let isUsed = mostInFlight >= limit
        if isLooking {
            isLooking = false
        } else if mean > light * Self.crowded + Self.noiseMs {
            isDoubling = false
            cut(to: max(exact * 0.7, exact * (light * Self.crowded + Self.noiseMs) / mean), now)
        } else if mean <= light * Self.calm + Self.noiseMs, isUsed {
            grow()
        } else if isUsed {
            isDoubling = false
        }
        windows += 1
        guard windows >= Self.windowsToLook else { return }
        windows = 0
        leastBefore = least
        least = nil
        isLooking = exact >= 2
    }

    private mutating func grow() {
        if isDoubling {
            exact *= 1.5
        } else if exact >= ceiling * 0.9, exact <= ceiling {
            // Near where it was refused last: slowly.
            exact += 0.1
        } else {
            exact += max(0.5, exact.squareRoot() / 4)
        }
        exact = min(exact, Double(most))
    }

    private mutating func cut(to value: Double, _ now: Int64) {
        exact = max(1, value)
        cutAt = now
        startWindow(now)
    }

    private mutating func startWindow(_ now: Int64) {
        beganAt = now
        answers = 0
        troubles = 0
        latencySum = 0
        mostInFlight = 0
    }
}
