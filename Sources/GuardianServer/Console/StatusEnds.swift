import GuardianCore
import Synchronization

/// Which operations of a status were enqueued first and last, looked up once for everybody who looks: not every store finds them at once.
final class StatusEnds: Sendable {
    struct Ends: Sendable {
        var oldest: Operation?
        var newest: Operation?
    }

    private struct Known {
        var ends: Ends
        /// Steady milliseconds until which they are good enough.
        var until: Int64
    }

    private let known = Mutex<[Operation.Status: Newest<Known>]>([:])

    /// Ends that are 2 s old at most, or older where it takes long to find them: 20 times as long as that.
    func ends(of status: Operation.Status, _ store: any Store, _ clock: any TimeSource) async throws(StoreError) -> Ends {
        let start = clock.now.steady
        if let known = known.withLock({ $0[status]?.value }), start < known.until { return known.ends }
        let number = known.withLock { $0[status, default: Newest()].begin() }
        var search = OperationSearch(status: status, limit: 1)
        search.includesPayload = false
        let oldest = try await store.search(search).operations.first
        search.isNewestFirst = true
        let ends = Ends(oldest: oldest, newest: try await store.search(search).operations.first)
        let end = clock.now.steady
        let read = Known(ends: ends, until: end + max(2000, (end - start) * 20))
        known.withLock { _ = $0[status]?.keep(read, of: number) }
        return ends
    }
}
