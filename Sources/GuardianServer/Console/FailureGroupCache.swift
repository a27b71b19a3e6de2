import GuardianCore
import Synchronization

/// Groups of failures, counted once for everybody who looks: a million of them take a walk of their index.
final class FailureGroupCache: Sendable {
    static let most = 200

    private struct Known {
        var groups: [FailureGroup]
        /// Steady milliseconds until which they are good enough.
        var until: Int64
    }

    private let known = Mutex(Newest<Known>())

    /// Groups that are half a second old at most, or older where counting takes long: 20 times as long as that.
    func groups(_ store: any Store, _ clock: any TimeSource) async throws(StoreError) -> [FailureGroup] {
        let start = clock.now.steady
        if let known = known.withLock({ $0.value }), start < known.until { return known.groups }
        let number = known.withLock { $0.begin() }
        let groups = try await store.failureGroups(limit: Self.most)
        let end = clock.now.steady
        known.withLock { _ = $0.keep(Known(groups: groups, until: end + max(500, (end - start) * 20)), of: number) }
        return groups
    }

    /// Something was done about them: the next page counts anew.
    func forget() { known.withLock { $0.forget() } }
}
