/// Fields that the server keeps and nobody edits: compared by no one, and in a merge always the server's. They count at the top level only.
public struct SystemFields: Sendable, Equatable {
    /// `id`, `version`, `created_at`, `updated_at`, `createdAt`, `updatedAt`.
    public static let standard = SystemFields(["id", "version", "created_at", "updated_at", "createdAt", "updatedAt"])

    /// The one that stays the local one where the server names none, for it says which entity this is.
    package static let identity = "id"

    /// Of members at the top level, byte by byte.
    public var names: Set<String>

    /// These and no others: they add nothing to ``standard``.
    public init(_ names: Set<String>) { self.names = names }

    /// Whether a member of that name is one of them.
    func has(_ name: String) -> Bool {
        // A set of texts takes two spellings of one accented letter as equal.
        guard let place = names.firstIndex(of: name) else { return false }
        return names[place].isExactly(name)
    }

    /// What the merge has in this field: the server's value, and without one nothing, except for ``identity``.
    func merged(_ name: String, local: JSONValue?, server: JSONValue?) -> JSONValue? {
        server ?? (name == Self.identity ? local : nil)
    }

    /// The entity without them.
    package func content(of entity: JSONValue) -> JSONValue {
        guard let members = entity.members else { return entity }
        return .object(members.filter { !has($0.name) })
    }

    /// The payload with the server's values in those it carries, so that a version in it is not refused again.
    func refreshed(_ payload: JSONValue, from server: JSONValue) -> JSONValue {
        guard let members = payload.members, let serverMembers = server.members else { return payload }
        let table = MemberTable(serverMembers)
        return .object(members.map { has($0.name) ? .init($0.name, table[$0.name] ?? $0.value) : $0 })
    }
}
