/// A place in an operation that holds the id of an entity.
package struct Reference: Sendable, Hashable {
    package var entity: EntityKey
    /// The payload's field, dotted where it is nested; empty for the operation's own entity.
    ///
    /// A create that points to its own entity says that the upstream may give it another id.
    package var field: String

    package init(to entity: EntityKey, field: String = "") {
        self.entity = entity
        self.field = field
    }

    package static func == (one: Reference, other: Reference) -> Bool {
        one.entity == other.entity && one.field.utf8.elementsEqual(other.field.utf8)
    }

    /// The texts' own hashes: they are the same for the same bytes.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(entity)
        hasher.combine(field)
    }

    /// Whether it is the operation's own entity.
    package var isOwn: Bool { field.isEmpty }
}

/// Which fields of payloads hold ids of other entities, for each entity type.
///
/// A room gets its id from the upstream; until then the app calls it by a local id, also in the payloads of devices. Declared fields are
/// rewritten when the real id is known, and what points to a room that is not made yet waits until it is. A field may be nested
/// (`place.room_id`), and may hold an array of ids (`member_ids`) or of objects (`members.user_id`). Ordering keys of the app's own are
/// never rewritten. Local ids must not look like the upstream's own: use UUIDs.
public struct References: Sendable, Equatable {
    /// Entity type → field → the entity type it points to.
    public var fields: [String: [String: String]]

    /// Without any, only the entity of an operation itself is rewritten.
    public init(_ fields: [String: [String: String]] = [:]) { self.fields = fields }

    /// What `operation` points to that may have a local id; `assigned` are the entity types whose ids the upstream gives, `*` for all.
    package func of(_ operation: Operation, assigned: Set<String>) -> [Reference] {
        guard !assigned.isEmpty else { return [] }
        let all = assigned.contains("*")
        var found: [Reference] = []
        if all || assigned.contains(operation.entity.type) { found.append(Reference(to: operation.entity)) }
        guard let declared = fields[operation.entity.type], let payload = JSONValue.reading(operation.payload) else { return found }
        for (field, type) in declared.sorted(by: { $0.key < $1.key }) where all || assigned.contains(type) {
            var seen = Set<ExactText>()
            for id in payload.ids(at: field) where seen.insert(ExactText(id)).inserted {
                found.append(Reference(to: EntityKey(type: type, id: id), field: field))
            }
        }
        return found
    }
}

extension Operation {
    /// The references that are still to be kept in sight when it is stored, out of those whose entities have an unsettled create.
    ///
    /// A create can't wait for itself.
    package func waiting(forOpen isOpen: (EntityKey) throws -> Bool) rethrows -> [Reference] {
        try references.filter { reference in
            if type == "create", reference.entity == entity { return false }
            return try isOpen(reference.entity)
        }
    }

    /// Those of `references`, which were found in it, that are not in it any more; its own entity it always points to.
    package func lost(among references: [Reference]) -> [Reference] {
        let payload = JSONValue.reading(self.payload)
        var held: [ExactText: Set<ExactText>] = [:]
        return references.filter { reference in
            guard !reference.isOwn else { return false }
            let field = ExactText(reference.field)
            let ids = held[field] ?? Set((payload?.ids(at: reference.field) ?? []).map { ExactText($0) })
            held[field] = ids
            return !ids.contains(ExactText(reference.entity.id))
        }
    }

    /// Whether it is a create whose entity may get another id.
    package var opensLocalID: Bool { type == "create" && references.contains { $0.isOwn } }
}
