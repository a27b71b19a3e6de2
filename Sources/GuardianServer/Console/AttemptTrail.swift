import GuardianCore

/// What this process has seen happen to single operations, in memory only.
///
/// It is there for operations that have trouble. One that leaves the queue makes room at once, so that deliveries that succeed push out
/// nothing, however many they are; what has left is remembered apart, and briefly.
struct AttemptTrail {
    /// Events that are kept at most: of operations in the queue, of those that have left it, and of a single one.
    static let most = 20_000
    static let mostGone = 2000
    static let mostOfOne = 200

    struct Entry: Sendable {
        var at: Timestamp
        var event: Event
    }

    private var present = TrailShelf(most: AttemptTrail.most)
    private var gone = TrailShelf(most: AttemptTrail.mostGone)

    mutating func record(_ event: Event, at time: Timestamp) {
        let entry = Entry(at: time, event: event)
        switch event {
        case .claimed(let id, _), .retryScheduled(let id, _, _, _), .failed(let id, _), .conflict(let id, _),
            .conflictResolved(let id, _, _):
            present.add([entry], to: id)
        case .processed(let id, _, _), .expired(let id): leave(id, entry)
        case .coalesced(let id, let into):
            leave(id, entry)
            present.add([entry], to: into)
        case .cancelledOut(let id, let with):
            leave(id, entry)
            _ = present.take(with)
        default: return
        }
    }

    private mutating func leave(_ id: OperationID, _ last: Entry) { gone.add(present.take(id) + [last], to: id) }

    /// What is known of one operation, oldest first.
    func entries(of id: OperationID) -> [Entry] { gone[id] + present[id] }
}

/// Entries by operation, in two halves: when the younger one is full it becomes the older one, and that one is forgotten. So those stay to
/// which something has happened lately, with what they had before, up to a bound for each.
private struct TrailShelf {
    let most: Int
    private var young: [OperationID: [AttemptTrail.Entry]] = [:]
    private var old: [OperationID: [AttemptTrail.Entry]] = [:]
    /// Entries of the younger half.
    private var count = 0

    init(most: Int) { self.most = most }

    subscript(id: OperationID) -> [AttemptTrail.Entry] { young[id] ?? old[id] ?? [] }

    mutating func add(_ entries: [AttemptTrail.Entry], to id: OperationID) {
        let kept = Array((take(id) + entries).suffix(AttemptTrail.mostOfOne))
        young[id] = kept
        count += kept.count
        if count > most / 2 { (old, young, count) = (young, [:], 0) }
    }

    mutating func take(_ id: OperationID) -> [AttemptTrail.Entry] {
        guard let entries = young.removeValue(forKey: id) else { return old.removeValue(forKey: id) ?? [] }
        count -= entries.count
        return entries
    }
}
