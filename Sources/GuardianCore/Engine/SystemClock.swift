#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The machine's own clocks: `ContinuousClock` for waiting, `Date` for what is stored.
///
/// Every instance counts from the same origin, so that the steady times of two of them can be compared.
public struct SystemClock: TimeSource {
    private static let origin = ContinuousClock.now

    /// All instances tell the same time.
    public init() {}

    public var now: Moment {
        Moment(
            steady: steadyNanoseconds / 1_000_000,
            wall: Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down))))
    }

    public var steadyNanoseconds: Int64 {
        Int64(clamping: (ContinuousClock.now - Self.origin).attoseconds / 1_000_000_000)
    }

    public func wait(untilSteady steady: Int64) async throws {
        try await Task.sleep(until: Self.origin + .milliseconds(steady), clock: .continuous)
    }
}
