/// How many requests may be in flight: all, until trouble; then 1, 2, 4 … as answers come back good, and half on 429 and 503.
///
/// Slow start and multiplicative decrease are TCP's (RFC 5681 section 3.1).
public struct Ramp: Sendable, Equatable {
    public let most: Int
    /// Whether the limit stays at ``most`` whatever comes.
    public let isFixed: Bool
    public private(set) var limit: Int
    private var good = 0

    public init(most: Int, isFixed: Bool = false) {
        self.most = most
        self.isFixed = isFixed
        limit = most
    }

    public mutating func restart() {
        guard !isFixed else { return }
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
        guard !isFixed else { return }
        limit = max(1, limit / 2)
        good = 0
    }
}
