/// Decides what becomes of an operation that comes while another one of the same entity still waits, last in its line.
///
/// **Why one that was attempted is never touched.** Its request may have reached the upstream though no answer came back. To change it then
/// would send another payload under a key that the upstream may remember, or take away an effect that stands. So only an operation of which
/// nothing has ever left this machine is changed, and since nobody has seen it, it may keep its id, its key and its place.
///
/// Two updates become one by their members: those of the newer win, those that only the older has stay. That is right where an update names
/// what has changed, and where it names everything; it is wrong where leaving a member out means to delete it. Folding is therefore off
/// unless a route or the app asks for it.
package struct Folding: Sendable {
    /// What to do with the new operation.
    package enum Decision: Sendable, Equatable {
        /// It stands behind the one that waits, as handed in.
        case append
        /// The one that waits becomes this, and the new one is part of it.
        case fold(Operation)
        /// What waits to be made is not wanted any more: neither is ever sent.
        case vanish
    }

    /// Bytes of a merged payload at most; 1 MiB by default. Two that would exceed it stay two.
    package var payloadBytes: Int

    package init(payloadBytes: Int = 1 << 20) { self.payloadBytes = payloadBytes }

    /// The rule. `waiting` must be the last of its line; that is the store's to know.
    package func decide(_ new: Operation, behind waiting: Operation) -> Decision {
        guard new.folds, waiting.wasNeverAttempted, new.isAlike(waiting) else { return .append }
        switch (waiting.type, new.type) {
        case ("create", "update"), ("update", "update"):
            guard let merged = merge(new.payload, over: waiting.payload) else { return .append }
            return .fold(waiting.folded(type: waiting.type, payload: merged, at: new.enqueuedAt))
        case ("update", "delete"): return .fold(waiting.folded(type: new.type, payload: new.payload, at: new.enqueuedAt))
        case ("create", "delete"): return .vanish
        default: return .append
        }
    }

    /// The members of `older` in their order, each with the newer value where there is one, then those that only `newer` has. A nested
    /// object is replaced whole, and numbers keep their text. nil when one of the two is no object, or the result is too long.
    private func merge(_ newer: String?, over older: String?) -> String? {
        guard let newer, let older else { return nil }
        let (new, old): (JSONValue, JSONValue)
        do throws(JSONScanner.Defect) { (new, old) = (try JSONValue(parsing: newer), try JSONValue(parsing: older)) } catch { return nil }
        guard let newMembers = new.members, let oldMembers = old.members else { return nil }
        let (added, kept) = (MemberTable(newMembers), MemberTable(oldMembers))
        var members = kept.names.compactMap { name in (added[name] ?? kept[name]).map { JSONValue.Member(name, $0) } }
        members += added.names.filter { kept[$0] == nil }.compactMap { name in added[name].map { .init(name, $0) } }
        let text = JSONValue.object(members).text
        return text.utf8.count <= payloadBytes ? text : nil
    }
}

extension Operation {
    /// Whether nothing of it can have left this machine: it waits, and no attempt was ever made or is known to have been.
    var wasNeverAttempted: Bool {
        status == .pending && lastAttemptAt == nil && tries == 0 && attemptCount == 0 && crashes == 0 && unknownAt == nil
            && lastError == nil && rounds == 0
    }

    /// Whether the two differ in nothing but what they do to the entity, so that one may stand for both.
    ///
    /// Texts are compared byte by byte, where `String` would take two spellings of one accented letter, and so two entities, as equal.
    fileprivate func isAlike(_ waiting: Operation) -> Bool {
        func same(_ one: String?, _ other: String?) -> Bool {
            guard let one, let other else { return one == nil && other == nil }
            return one.utf8.elementsEqual(other.utf8)
        }
        return same(entity.type, waiting.entity.type) && same(entity.id, waiting.entity.id)
            && same(customOrderingKey, waiting.customOrderingKey) && same(principal, waiting.principal)
            && schemaVersion == waiting.schemaVersion && priority == waiting.priority && notBefore == waiting.notBefore
            && expiresAt == waiting.expiresAt && (txnToken == nil || same(txnToken, waiting.txnToken))
    }

    /// As it waits on: the id, the key, the place in line, the base and the time of its enqueue stay.
    fileprivate func folded(type: String, payload: String?, at time: Timestamp) -> Operation {
        var folded = self
        folded.type = type
        folded.payload = payload
        folded.updatedAt = time
        return folded
    }
}
