import GuardianCore

/// What the user sees: the last state heard of, with what waits replayed on it.
extension Judge {
    /// What is known of an entity's state at the upstream; nil members stand for an entity that is gone.
    enum Heard: Equatable {
        case gone
        case state([String: JSONValue])
    }

    /// Takes in what an answer has told, where no feed tells too.
    mutating func hear(_ settlement: Settlement, of operation: Operation) {
        if let server = settlement.server {
            if server.isGone {
                heard[operation.entity] = .gone
            } else if let state = Self.members(server.state) {
                heard[operation.entity] = .state(state)
            }
        }
        guard settlement.result == .processed, settlement.server?.state == nil, let known = heard[operation.entity] else { return }
        var state: [String: JSONValue]?
        if case .state(let members) = known { state = members }
        Self.replay(operation, on: &state)
        heard[operation.entity] = state.map { .state($0) } ?? .gone
    }

    /// Compares what the store shows of an entity with the judge's own.
    mutating func compare(_ view: EntityView, of entity: EntityKey) {
        let own = records.filter { $0.operation.entity == entity && $0.seq != nil && ($0.fate == .waiting || $0.fate == .failed) }.sorted {
            ($0.seq ?? 0) < ($1.seq ?? 0)
        }
        let seqs = own.compactMap(\.seq)
        if view.operations.map(\.seq) != seqs {
            return violated("\(entity.orderingKey) shows the operations \(view.operations.map(\.seq)), not \(seqs)")
        }
        let overlay = view.overlay
        if overlay.isPending != own.contains(where: { $0.fate == .waiting }) {
            violated("\(entity.orderingKey) shows that it is\(overlay.isPending ? "" : " not") pending")
        }
        // Under a feed, what the server has is judged by itself.
        guard shared == nil else { return }
        let open = optimism.changes.values.filter { $0.change.entity == entity && $0.state == .open }.min { $0.number < $1.number }
        var state = Self.members(open?.change.original)
        if case .state(let known) = heard[entity] { state = known } else if heard[entity] == .gone { state = nil }
        for record in own where record.fate == .waiting { Self.replay(record.operation, on: &state) }
        let shown = overlay.state.flatMap { Self.members($0.text) }
        if shown != state {
            violated("\(entity.orderingKey) shows \(overlay.state?.text ?? "nothing"), not \(state.map { "\($0)" } ?? "nothing")")
        }
    }

    private static func replay(_ operation: Operation, on state: inout [String: JSONValue]?) {
        let payload = members(operation.payload)
        switch operation.type {
        case "create": state = payload ?? state
        case "update": if let payload { state = (state ?? [:]).merging(payload) { $1 } }
        case "delete": state = nil
        default: break
        }
    }

    static func members(_ text: String?) -> [String: JSONValue]? {
        guard let text else { return nil }
        do { return try JSONValue(parsing: text).members.map { Dictionary($0.map { ($0.name, $0.value) }) { $1 } } } catch { return nil }
    }
}
