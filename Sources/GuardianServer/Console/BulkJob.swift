import GuardianCore

/// Work on many operations at once: a set that was frozen when a person confirmed it, worked through slowly enough not to hurt.
struct BulkJob: Sendable, Equatable {
    enum Kind: String, Sendable {
        case retry, cancel
    }

    enum State: Sendable, Equatable {
        case waiting, running, done, stopped
        case failed(String)

        var isOver: Bool { self != .waiting && self != .running }

        var name: String {
            switch self {
            case .waiting: "waiting"
            case .running: "running"
            case .done: "done"
            case .stopped: "stopped"
            case .failed: "failed"
            }
        }
    }

    var number: Int
    var kind: Kind
    /// The set: with `through`, and `asOf` where it depends on what becomes of operations, so that nothing joins it.
    var search: OperationSearch
    /// How many there were when it was confirmed; nil where they were not counted.
    var total: Int64?
    /// Operations a second.
    var rate: Double
    var who: String
    var startedAt: Timestamp
    var endedAt: Timestamp?
    var state = State.waiting
    /// Looked at so far, and of those done.
    var seen: Int64 = 0
    var done: Int64 = 0
    /// Of cancelled ones: how many may have had an effect, and how many were on the wire and stay.
    var mayHaveApplied: Int64 = 0
    var inFlight: Int64 = 0
    /// Set by a person who wants no more of it.
    var isStopAsked = false

    /// 0…100.
    var percent: Int {
        guard let total else { return state.isOver ? 100 : 0 }
        return total == 0 ? 100 : min(100, Int(seen * 100 / total))
    }

    /// How many to take at most.
    var most: Int64 { total ?? .max }

    /// How many to take in one step: a tenth of a second's worth, and never more than there were.
    func step(after seen: Int64) -> Int { min(1000, max(1, Int(rate / 10)), Int(clamping: most - seen)) }
}
