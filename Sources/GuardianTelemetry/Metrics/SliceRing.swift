/// Which slice of a sliding window an instant falls into; slices are used again in turn.
///
/// An instant in the slice of the one before costs two comparisons.
struct SliceRing: Sendable {
    let sliceMs: Int64
    /// The number of the slice that each place holds, -1 for none.
    private(set) var numbers: [Int64]
    private var begin: Int64 = 0
    private var end: Int64 = -1
    private var place = 0

    init(windowMs: Int64, slices: Int) {
        sliceMs = max(1, windowMs / Int64(slices))
        numbers = Array(repeating: -1, count: slices)
    }

    /// The place for `now`, and whether what it held before is over; nil for an instant that has slid out, of a thread that was slow to
    /// come here.
    mutating func enter(now: Int64) -> (place: Int, isFresh: Bool)? {
        if now >= begin, now < end { return (place, false) }
        let number = max(0, now) / sliceMs
        let found = Int(number % Int64(numbers.count))
        guard numbers[found] <= number else { return nil }
        let isFresh = numbers[found] != number
        numbers[found] = number
        (place, begin, end) = (found, number * sliceMs, (number + 1) * sliceMs)
        return (found, isFresh)
    }

    /// Whether a place holds something of the window that ends now.
    func isInWindow(_ place: Int, now: Int64) -> Bool {
        numbers[place] >= 0 && numbers[place] > max(0, now) / sliceMs - Int64(numbers.count)
    }
}
