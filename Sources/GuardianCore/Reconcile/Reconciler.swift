/// Decides how a conflict goes on (spec section 6). Pure: the caller fetches before, and sends or settles after.
///
/// Whatever the policy, there is nothing to decide, and ``Resolution/alreadyDone`` comes back, when
/// - a create finds all that it sent, with the same values, system fields aside. The server may hold more (defaults, computed fields);
/// - a delete finds the entity gone;
/// - an update finds exactly its own content, system fields aside.
///
/// And whatever the policy, there is no other side where what is there means the base: the user has edited just that, and only what the
/// request named as the version was old: an ETag in `If-Match` that is no more, or a system field of the payload. It is sent again with
/// those that are there. What named none, or named what is there, was refused for a reason that we can't see, and goes by the policy.
///
/// | | serverWins | clientWins | merge | manual |
/// |---|---|---|---|---|
/// | create, other content | takeServer | send as update | merge without base, send as update | person |
/// | create, nothing there | takeServer | send again | send again | person |
/// | update, other content | takeServer | send again | merge, send | person |
/// | update, gone | takeServer | person | person | person |
/// | delete, still there | takeServer | send again | send again if it still is the base, else person | person |
///
/// - Everything sent carries the ETag of the state it was decided on. A merge that comes to the server's content is `alreadyDone`.
/// - An update of what somebody deleted never brings it back unasked: only a person, or a custom function, may.
/// - A create that is refused although nothing is there met a rule we can't see (a name that is taken), or a thing deleted since.
/// - `clientWins` sends the local payload with the server's values in the system fields it carries, so that a `version` in it fits.
/// - After ``Conflict/mostRounds`` rounds nothing more is sent: what would be goes to a person.
package struct Reconciler: Sendable {
    /// Left out of comparisons; a merge brings its own.
    package var systemFields: SystemFields

    package init(systemFields: SystemFields = .standard) { self.systemFields = systemFields }

    package func decide(_ conflict: Conflict, policy: ConflictPolicy) -> Resolution {
        let fields = if case .merge(let merge) = policy { merge.systemFields } else { systemFields }
        if isDone(conflict, fields) { return .alreadyDone }
        if conflict.round <= Conflict.mostRounds, let again = renewed(conflict, fields) { return .send(again) }
        let resolution = resolution(of: conflict, policy, fields)
        if case .send = resolution, conflict.round > Conflict.mostRounds {
            return .person("not settled in \(Conflict.mostRounds) rounds: the server refused each of them")
        }
        return resolution
    }

    private func isDone(_ conflict: Conflict, _ fields: SystemFields) -> Bool {
        switch (conflict.operationType, conflict.server) {
        case ("delete", .gone): true
        case ("create", .present(let state, _)): state.holds(fields.content(of: conflict.local ?? .object([])))
        case ("update", .present(let state, _)):
            if let local = conflict.local { fields.content(of: state).means(fields.content(of: local)) } else { false }
        default: false
        }
    }

    /// A write over the very state that its base knows, with that state's version; nil when it knew another, or had named this version.
    private func renewed(_ conflict: Conflict, _ fields: SystemFields) -> Resolution.Revision? {
        guard conflict.operationType != "create", case .present(let state, let etag) = conflict.server, let base = conflict.base,
            fields.content(of: state).means(fields.content(of: base))
        else { return nil }
        let payload = conflict.local.map { fields.refreshed($0, from: state) }
        var isOld = payload != conflict.local.map { fields.refreshed($0, from: base) }
        // A weak ETag is not sent: without a condition it could be written over what has come since.
        if let sent = conflict.ifMatch, let there = Operation.strong(etag), sent != there { isOld = true }
        return isOld ? Resolution.Revision(payload: payload, ifMatch: etag, base: state) : nil
    }

    private func resolution(of conflict: Conflict, _ policy: ConflictPolicy, _ fields: SystemFields) -> Resolution {
        switch policy {
        case .custom(let function): function(conflict)
        case .serverWins: .takeServer
        case .manual: .person("the route leaves conflicts to a person")
        case .clientWins, .merge:
            switch conflict.server {
            case .gone: Self.overNothing(conflict)
            case .present(let state, let etag): Self.over(state, etag, conflict, policy, fields)
            }
        }
    }

    private static func overNothing(_ conflict: Conflict) -> Resolution {
        conflict.operationType == "create"
            ? .send(.init(payload: conflict.local)) : .person("the entity was deleted on the server after this change was made")
    }

    private static func over(
        _ state: JSONValue, _ etag: String?, _ conflict: Conflict, _ policy: ConflictPolicy, _ fields: SystemFields
    ) -> Resolution {
        let isCreate = conflict.operationType == "create"
        let again = Resolution.Revision(
            payload: conflict.local.map { fields.refreshed($0, from: state) }, operationType: isCreate ? "update" : nil, ifMatch: etag,
            base: state)
        guard case .merge(let merge) = policy else { return .send(again) }
        if conflict.operationType == "delete" {
            guard let base = conflict.base else { return .person("what was to be deleted can't be told from what is there: no base") }
            let isBase = fields.content(of: state).means(fields.content(of: base))
            return isBase ? .send(again) : .person("the entity was changed on the server before it could be deleted")
        }
        guard let local = conflict.local else { return .send(again) }
        guard local.members != nil, state.members != nil else { return .person("there is nothing to merge: one side is no JSON object") }
        let merged = merge.merged(base: isCreate ? nil : conflict.base, local: local, server: state).value
        if fields.content(of: merged).means(fields.content(of: state)) { return .alreadyDone }
        return .send(.init(payload: merged, operationType: again.operationType, ifMatch: etag, base: state))
    }
}
