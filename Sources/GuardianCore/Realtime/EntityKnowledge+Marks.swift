extension EntityKnowledge {
    /// All but the state itself, as a store keeps it beside the state: a JSON object; nil when there is nothing but the state.
    package var marks: String? {
        var members: [JSONValue.Member] = []
        if let key { members.append(.init("key", .string(key.description))) }
        if let version { members.append(.init("version", JSONValue(version))) }
        if !told.isEmpty { members.append(.init("told", .array(told.map { .string($0) }))) }
        if !keys.isEmpty { members.append(.init("keys", .array(keys.map { .string($0.description) }))) }
        if let forgotten { members.append(.init("forgotten", JSONValue(forgotten))) }
        if let madeOn {
            var made: [JSONValue.Member] = [.init("etag", JSONValue(madeOn.etag)), .init("seq", JSONValue(madeOn.seq))]
            if let before = madeOn.before { made.append(.init("before", JSONValue(before))) }
            members.append(.init("made_on", .object(made)))
        }
        if let awaited { members.append(.init("awaited", awaited.json)) }
        return members.isEmpty ? nil : JSONValue.object(members).text
    }

    /// Since when something told is passed over; nil when nothing is. A store finds by it what ``takePassed(newest:at:)`` is for.
    package var passedAt: Timestamp? { awaited?.passed == nil ? nil : awaited?.at }

    /// What a store has kept. Marks that can't be read count as none: what is known is then as the next statement says.
    package init(server: ServerState?, marks: String?) {
        self.init(server: server)
        guard let json = JSONValue.reading(marks) else { return }
        key = json["key"]?.string.flatMap { UniqueID($0) }
        version = json["version"]?.integer
        told = (json["told"]?.elements ?? []).compactMap(\.string)
        keys = (json["keys"]?.elements ?? []).compactMap { $0.string.flatMap { UniqueID($0) } }
        forgotten = json["forgotten"]?.integer
        if let made = json["made_on"], let seq = made["seq"]?.integer {
            madeOn = MadeOn(etag: made["etag"]?.string, seq: seq, before: made["before"]?.integer)
        }
        awaited = json["awaited"].flatMap { Awaited($0) }
    }
}

extension EntityKnowledge.Awaited {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("etag", JSONValue(etag)), .init("key", JSONValue(key?.description)), .init("at", JSONValue(at.milliseconds)),
        ]
        if let passed { members.append(.init("passed", passed.json)) }
        return .object(members)
    }

    fileprivate init?(_ json: JSONValue) {
        guard let at = json["at"]?.integer else { return nil }
        self.init(
            etag: json["etag"]?.string, key: json["key"]?.string.flatMap { UniqueID($0) }, at: Timestamp(milliseconds: at),
            passed: json["passed"].flatMap { RemoteState($0) })
    }
}

extension RemoteState {
    fileprivate var json: JSONValue {
        .object([
            .init("type", .string(entity.type)), .init("id", .string(entity.id)), .init("state", JSONValue(server.state)),
            .init("etag", JSONValue(server.etag)), .init("gone", .bool(server.isGone)),
            .init("version", version.map { JSONValue($0) } ?? .null), .init("key", JSONValue(key?.description)),
        ])
    }

    fileprivate init?(_ json: JSONValue) {
        guard let type = json["type"]?.string, let id = json["id"]?.string else { return nil }
        self.init(
            EntityKey(type: type, id: id),
            ServerState(state: json["state"]?.string, etag: json["etag"]?.string, isGone: json["gone"] == .bool(true)),
            version: json["version"]?.integer, key: json["key"]?.string.flatMap { UniqueID($0) })
    }
}

// MARK: Handed over to another store

extension EntityKnowledge {
    /// What another store keeps that this one is handed over to, where operations get other numbers: none of them is there yet.
    package var moved: EntityKnowledge {
        var moved = self
        // By other numbers it says nothing; whatever is taken for newer than it is, the feed puts right within a minute.
        moved.forgotten = nil
        if let madeOn { moved.madeOn = MadeOn(etag: madeOn.etag, seq: 0, before: madeOn.seq) }
        return moved
    }

    /// An operation has come from the old store, where its number was `old`, and has the number `seq` now. Returns whether that changes
    /// anything: whether it did not know the newest state.
    package mutating func took(_ old: Int64, as seq: Int64) -> Bool {
        guard let madeOn, let before = madeOn.before, old <= before, seq > madeOn.seq else { return false }
        self.madeOn?.seq = seq
        return true
    }
}
