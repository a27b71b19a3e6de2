#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The machine's own clocks: `ContinuousClock` for waiting, `Date` for what is stored.
public struct SystemClock: TimeSource {
    private let origin = ContinuousClock.now

    public init() {}

    public var now: Moment {
        Moment(
            steady: Self.milliseconds(ContinuousClock.now - origin),
            wall: Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down))))
    }

    public func wait(untilSteady steady: Int64) async throws {
        try await Task.sleep(until: origin + .milliseconds(steady), clock: .continuous)
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
    }
}
