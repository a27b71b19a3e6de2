/// How often things happened within a sliding window, to a sixtieth of it. Time is an argument, as in ``LatencyWindow``.
struct SlidingCount: Sendable {
    static let slices = 60

    let windowMs: Int64
    private var ring: SliceRing
    private var counts = [Int64](repeating: 0, count: slices)

    init(windowMs: Int64) {
        self.windowMs = max(windowMs, Int64(Self.slices))
        ring = SliceRing(windowMs: self.windowMs, slices: Self.slices)
    }

    mutating func add(now: Int64) {
        guard let (place, isFresh) = ring.enter(now: now) else { return }
        counts[place] = isFresh ? 1 : counts[place] + 1
    }

    func total(now: Int64) -> Int64 {
        (0..<Self.slices).reduce(0) { ring.isInWindow($1, now: now) ? $0 + counts[$1] : $0 }
    }
}
