/// Ticks for version 7 UUIDs: milliseconds, then a counter that carries into them, so that ids made later sort later, also within one
/// millisecond (RFC 9562 section 6.2, method 1).
///
/// Indexes over such ids grow at their end only: rows that belong together in time stand on the same pages.
package struct TickSequence: Sendable {
    /// Milliseconds that ticks may run ahead of the clock: by a burst, or after the clock was set back. Beyond it they follow the clock.
    static let mostAheadMs: UInt64 = 10_000

    private var next: UInt64 = 0

    package init() {}

    /// The next tick.
    package mutating func take(at time: Timestamp) -> UInt64 {
        let tick = reserve(1, at: time).next
        return tick
    }

    /// `count` ticks that nobody else gets.
    package mutating func reserve(_ count: Int, at time: Timestamp) -> TickSequence {
        let now = (UInt64(clamping: time.milliseconds) & 0xFFFF_FFFF_FFFF) << 12
        if next < now || next > now + Self.mostAheadMs << 12 { next = now }
        let reserved = self
        next += UInt64(max(count, 0))
        return reserved
    }
}
