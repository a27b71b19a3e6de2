/// How many requests may be in flight: all, until trouble; then 1, 2, 4 … as answers come back good, and half on 429 and 503.
///
/// Slow start and multiplicative decrease are TCP's (RFC 5681 section 3.1).
public struct Ramp: Sendable, Equatable {
    public let most: Int
    public private(set) var limit: Int
    private var good = 0

    public init(most: Int) {
        self.most = most
        limit = most
    }

    public mutating func restart() {
        limit = 1
        good = 0
    }

    public mutating func succeeded() {
        guard limit < most else { return }
        good += 1
        if good >= limit {
            limit = min(most, limit * 2)
            good = 0
        }
    }

    public mutating func pushedBack() {
        limit = max(1, limit / 2)
        good = 0
    }
}
