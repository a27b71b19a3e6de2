/// How many requests may be in flight: all, until trouble; then 1, 2, 4 … as answers come back good, and half on 429 and 503.
///
/// Slow start and multiplicative decrease are TCP's (RFC 5681 section 3.1), and so is that a burst counts once: when the limit is cut,
/// those that are on the wire were sent under the old one. Their answers, which may come much later, neither cut it again nor let it grow;
/// what is sent from then on does (fast recovery, RFC 6582 section 3.2, where the mark is called `recover`).
///
/// Attempts are known by their numbers, which rise in the order in which they begin. One urgent operation may go beyond the limit, where
/// workers are free and operations of any priority take all of it: a fall does not wait for a slow upload because there was trouble before.
package struct Ramp: Sendable, Equatable {
    package let most: Int
    /// Whether the limit stays at ``most`` whatever comes.
    package let isFixed: Bool
    package private(set) var limit: Int
    private var good = 0
    /// The last attempt that had begun at the last cut.
    private var recover: Int64 = 0

    package init(most: Int, isFixed: Bool = false) {
        self.most = most
        self.isFixed = isFixed
        limit = most
    }

    /// Begins at one again. `begun` is the number of the last attempt that has begun.
    package mutating func restart(begun: Int64) {
        guard !isFixed else { return }
        cut(to: 1, begun)
    }

    /// A good answer to an attempt.
    package mutating func succeeded(attempt: Int64) {
        guard limit < most, attempt > recover else { return }
        good += 1
        if good >= limit {
            limit = min(most, limit * 2)
            good = 0
        }
    }

    /// A 429 or 503 to an attempt, when `begun` was the last that had begun.
    package mutating func pushedBack(attempt: Int64, begun: Int64) {
        guard !isFixed, attempt > recover else { return }
        cut(to: limit / 2, begun)
    }

    private mutating func cut(to value: Int, _ begun: Int64) {
        limit = max(1, value)
        good = 0
        recover = begun
    }
}
