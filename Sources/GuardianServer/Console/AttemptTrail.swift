import GuardianCore

/// What this process has seen happen to single operations: the youngest events, however many operations they are about.
struct AttemptTrail {
    /// Events that are kept.
    static let most = 20_000

    struct Entry: Sendable {
        var at: Timestamp
        var event: Event
    }

    private var entries: [Entry] = []
    private var next = 0

    mutating func record(_ event: Event, at time: Timestamp) {
        switch event {
        case .claimed, .retryScheduled, .processed, .failed, .conflict, .conflictResolved, .expired, .coalesced, .cancelledOut: break
        default: return
        }
        let entry = Entry(at: time, event: event)
        if entries.count < Self.most { entries.append(entry) } else { entries[next] = entry }
        next = (next + 1) % Self.most
    }

    /// What is known of one operation, oldest first.
    func entries(of id: OperationID) -> [Entry] {
        let order = entries.count < Self.most ? entries[...] : entries[next...] + entries[..<next]
        return order.filter { entry in
            if case .coalesced(_, let into) = entry.event, into == id { return true }
            return entry.event.operationID == id
        }
    }
}
