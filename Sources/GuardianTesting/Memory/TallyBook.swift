import GuardianCore

/// The tallies of a store in memory, bounded as those of any other.
struct TallyBook {
    private struct Row: Hashable {
        var kind: Tally.Kind
        var labels: Tally.Labels
    }

    private var counts: [Row: Int64] = [:]

    var all: [Tally] { counts.map { Tally($0.key.kind, labels: $0.key.labels, count: $0.value) } }

    mutating func add(_ kind: Tally.Kind, _ labels: Tally.Labels) {
        var row = Row(kind: kind, labels: labels)
        if counts[row] == nil, counts.keys.count(where: { $0.kind == kind && $0.labels != $0.labels.rest }) >= Tally.mostLabels {
            row.labels = labels.rest
        }
        counts[row, default: 0] += 1
    }

    /// What became of one attempt.
    mutating func add(_ settlement: Settlement, of operation: Operation) {
        let labels = Tally.Labels(operationType: operation.type, entityType: operation.entity.type)
        switch settlement.result {
        case .processed, .overruled: add(.processed, labels)
        case .failed(let error):
            add(.failed, .init(operationType: labels.operationType, entityType: labels.entityType, errorClass: error.class.rawValue))
        case .retry:
            guard settlement.isTold else { return }
            add(.backoff, labels)
        default: return
        }
        if operation.tries > 0 { add(.retry, labels) }
    }
}
