/// The two clocks at one instant: one for waiting, one for what is stored.
public struct Moment: Sendable, Equatable {
    /// Milliseconds of a clock that never goes back; its zero means nothing.
    public var steady: Int64
    /// Wall-clock time; may jump.
    public var wall: Timestamp

    /// Both clocks as read together.
    public init(steady: Int64, wall: Timestamp) {
        self.steady = steady
        self.wall = wall
    }
}

/// Tells the time and waits. Tests advance it by hand.
public protocol TimeSource: Sendable {
    /// Both clocks; what is stored goes by `wall`, what is waited for by `steady`.
    var now: Moment { get }
    /// Nanoseconds of the clock for waiting, where it is that fine; for measuring how long something took.
    var steadyNanoseconds: Int64 { get }
    /// Returns when `steady` has been reached, or throws `CancellationError`.
    func wait(untilSteady steady: Int64) async throws
}

extension TimeSource {
    /// Of a clock that tells milliseconds only.
    public var steadyNanoseconds: Int64 { now.steady * 1_000_000 }
}
