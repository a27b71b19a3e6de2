/// What the user should see of an entity now: the last state known of the server, with the operations that wait replayed on it.
public struct Overlay: Sendable, Equatable {
    /// A JSON object; nil when there is nothing, or a delete waits.
    public var state: JSONValue?
    /// Whether operations wait or are on their way.
    public var isPending: Bool
    /// Whether one stands in `failed` because the server has another version.
    public var hasConflict: Bool

    /// Of nothing that waits, unless it is said.
    public init(state: JSONValue?, isPending: Bool = false, hasConflict: Bool = false) {
        self.state = state
        self.isPending = isPending
        self.hasConflict = hasConflict
    }

    /// Replays `operations`, in their order, on what the server had.
    ///
    /// A create gives its payload; an update replaces members at the top and keeps the others; a delete leaves nothing. Of an update with a
    /// base only what the user has changed is replayed: the rest of its payload is what the server had, which may be another now. What a
    /// custom operation does is not known here, so it changes nothing. Failed operations are not replayed: their change is taken back.
    /// Those in `reached` are in the server's state already.
    package static func replay(server: JSONValue?, operations: [Operation], reached: Set<OperationID> = []) -> Overlay {
        var overlay = Overlay(state: server)
        for operation in operations {
            if operation.status == .failed {
                if operation.lastError?.class == .conflict { overlay.hasConflict = true }
                continue
            }
            overlay.isPending = true
            if !reached.isEmpty, reached.contains(operation.id) { continue }
            overlay.state = apply(operation, to: overlay.state)
        }
        return overlay
    }

    /// The state after one operation.
    package static func apply(_ operation: Operation, to state: JSONValue?) -> JSONValue? {
        switch operation.type {
        case "create": JSONValue.reading(operation.payload) ?? state
        case "update":
            JSONValue.reading(operation.payload).map { payload in
                let base = state == nil ? nil : JSONValue.reading(operation.base)
                return replacingMembers(of: state, by: base.map { changes(in: payload, since: $0) } ?? payload)
            } ?? state
        case "delete": nil
        default: state
        }
    }

    /// The members of a payload that differ from its base.
    private static func changes(in payload: JSONValue, since base: JSONValue) -> JSONValue {
        guard let members = payload.members else { return payload }
        let before = MemberTable(base.members ?? [])
        return .object(members.filter { before[$0.name]?.means($0.value) != true })
    }

    private static func replacingMembers(of state: JSONValue?, by patch: JSONValue) -> JSONValue {
        guard var members = state?.members, let changes = patch.members else { return patch }
        var places: [ExactText: Int] = [:]
        for (place, member) in members.enumerated() { places[ExactText(member.name)] = place }
        for change in changes {
            if let place = places[ExactText(change.name)] {
                members[place] = change
            } else {
                places[ExactText(change.name)] = members.count
                members.append(change)
            }
        }
        return .object(members)
    }
}
