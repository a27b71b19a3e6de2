import GuardianCore
import Synchronization

/// The newest exemplar of one series, as good as.
///
/// A scrape shows one, whatever was recorded since the last: so it is replaced every 100 ms at most, and recording in between takes no
/// lock. It lies within its owner, which then counts no reference up.
struct ExemplarSlot: ~Copyable, Sendable {
    static let everyMs: Int64 = 100

    private let keptAt = Atomic<Int64>(.min / 2)
    private let kept = Mutex<Exemplar?>(nil)

    var exemplar: Exemplar? { kept.withLock { $0 } }

    func note(_ exemplar: Exemplar) {
        let now = exemplar.at.milliseconds
        let last = keptAt.load(ordering: .relaxed)
        // A clock that was set back begins anew.
        guard now < last || now &- last >= Self.everyMs else { return }
        keptAt.store(now, ordering: .relaxed)
        kept.withLock { $0 = exemplar }
    }
}
