/// Routes that the upstream has asked to wait, each until a time of its own. Times are steady milliseconds.
///
/// A claim can't pass over the operations of a route, so those that are claimed while it is held go back unsent, due when the hold has
/// ended: one by one, a millisecond apart, behind those that went back before. All at once they would come before everybody else's. A route
/// that is held again before they are all due has more of them than it takes: from then on they go back twice as far apart, up to
/// ``widestMs``, so that a long queue is not claimed and put off as a whole for each of the few that get through. Urgent ones wait for none
/// of that: they are due when the hold has ended.
///
/// Kept in memory only: after a restart a route that was held is asked once more, by the operations that were not put off. Where several
/// processors share a store, each finds out by itself.
package struct RouteHolds: Sendable, Equatable {
    /// Routes held at a time at most; with more, the one that would be free first is.
    package static let most = 256
    /// Milliseconds between two operations that were put off, at first and at most.
    package static let closestMs: Int64 = 1
    package static let widestMs: Int64 = 32

    private struct Hold: Sendable, Equatable {
        var until: Int64
        /// When the last of those that were put off, and are not urgent, is due.
        var lastDue: Int64
        var apartMs: Int64

        /// Nothing of it matters from then on.
        var ends: Int64 { max(until, lastDue) }
    }

    private var holds: [String: Hold] = [:]

    package init() {}

    /// Whether there is nothing to look for.
    package var isEmpty: Bool { holds.isEmpty }

    /// How many routes are kept.
    package var count: Int { holds.count }

    /// When a route may be asked again; nil when it may be now.
    package func until(_ route: String, now: Int64) -> Int64? {
        guard let hold = holds[route], hold.until > now else { return nil }
        return hold.until
    }

    /// The upstream asks a route to wait; a shorter wait than the one in force changes nothing. Returns whether it was free before.
    package mutating func hold(_ route: String, until: Int64, now: Int64) -> Bool {
        expire(now: now)
        var hold = holds[route] ?? Hold(until: .min, lastDue: .min, apartMs: 0)
        let wasFree = hold.until <= now
        if wasFree { hold.apartMs = min(max(Self.closestMs, hold.apartMs * 2), Self.widestMs) }
        hold.until = max(hold.until, until)
        holds[route] = hold
        if holds.count > Self.most, let first = holds.min(by: { ($0.value.until, $0.key) < ($1.value.until, $1.key) }) {
            holds[first.key] = nil
        }
        return wasFree
    }

    /// When an operation that is put off now is due; nil when its route is not held. `isUrgent`: its priority is above 0.
    package mutating func place(in route: String, isUrgent: Bool, now: Int64) -> Int64? {
        guard var hold = holds[route], hold.until > now else { return nil }
        if isUrgent { return hold.until }
        hold.lastDue = max(hold.until, hold.lastDue + hold.apartMs)
        holds[route] = hold
        return hold.lastDue
    }

    /// Forgets what is over.
    package mutating func expire(now: Int64) {
        guard holds.values.contains(where: { $0.ends <= now }) else { return }
        holds = holds.filter { $0.value.ends > now }
    }
}
