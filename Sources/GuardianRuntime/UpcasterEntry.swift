import Foundation
import GuardianCore

/// One entry of `upcasters`, read into an ``Upcaster``; what is wrong is named by its place.
///
/// `{ entity, from, to, rename: { old: new }, set: { name: value }, remove: [names] }`; see
/// ``Upcaster/declarative(entity:from:to:rename:set:remove:)`` for what they do.
struct UpcasterEntry: Sendable {
    static let known = ["entity", "from", "to", "rename", "set", "remove"]

    let index: Int
    let entry: JSONValue

    /// The entries of what YAML has under `upcasters`.
    static func list(_ value: Any) throws -> [UpcasterEntry] {
        guard let list = value as? [Any] else { throw SettingsError("upcasters", "must be a list of maps") }
        return try list.enumerated().map { index, value in
            let entry = try json(value, "upcasters[\(index)]")
            guard entry.members != nil else { throw SettingsError("upcasters[\(index)]", "must be a map") }
            return UpcasterEntry(index: index, entry: entry)
        }
    }

    /// YAML's values as JSON: `21` stays a number and `"21"` a text. Members stand in the order of their names.
    private static func json(_ value: Any, _ key: String) throws -> JSONValue {
        switch (value as? YAMLScalar)?.value ?? value {
        case let value as Bool: return .bool(value)
        case let value as Int: return JSONValue(value)
        case let value as Double where value.isFinite: return .number("\(value)")
        case let value as String: return .string(value)
        case is NSNull: return .null
        case let list as [Any]: return .array(try list.enumerated().map { try json($1, "\(key)[\($0)]") })
        case let map as [AnyHashable: Any]:
            let members = try map.map { JSONValue.Member("\($0)", try json($1, "\(key).\($0)")) }
            return .object(members.sorted { $0.name < $1.name })
        default:
            throw SettingsError(key, "must be text, a number, true, false, null, a list or a map (a date goes between quotes)")
        }
    }

    func upcaster() throws -> Upcaster {
        for member in entry.members ?? [] where !Self.known.contains(member.name) {
            let near = NearestName.of(member.name, in: Self.known).map { "; did you mean \($0)?" } ?? ""
            throw wrong(member.name, "is not a known key" + near)
        }
        guard let entity = entry["entity"]?.string else { throw wrong("entity", "must be an entity type, or \"*\" for every entity") }
        let rename = try renames()
        let remove = try removals()
        for name in remove where rename[name] != nil { throw wrong("remove", "\(name) is renamed too") }
        return .declarative(
            entity: entity, from: try version("from"), to: try version("to"), rename: rename, set: try constants(), remove: remove)
    }

    private func wrong(_ name: String, _ message: String) -> SettingsError { SettingsError("upcasters[\(index)].\(name)", message) }

    private func version(_ name: String) throws -> Int {
        guard let version = entry[name]?.integer.flatMap({ Int(exactly: $0) }) else { throw wrong(name, "must be a whole number from 1") }
        return version
    }

    private func members(_ name: String, _ form: String) throws -> [JSONValue.Member] {
        guard let value = entry[name] else { return [] }
        guard let members = value.members else { throw wrong(name, "must be a map \(form)") }
        for member in members { try check(member.name, name) }
        return members
    }

    private func check(_ path: String, _ name: String) throws {
        guard path.split(separator: ".", omittingEmptySubsequences: false).allSatisfy({ !$0.isEmpty }) else {
            throw wrong(name, "\"\(path)\" must be names with a dot between them")
        }
    }

    private func renames() throws -> [String: String] {
        var renames: [String: String] = [:]
        var taken: Set<String> = []
        for member in try members("rename", "from old names to new ones") {
            guard let new = member.value.string else { throw wrong("rename", "\(member.name): must be a name") }
            try check(new, "rename")
            guard taken.insert(new).inserted else { throw wrong("rename", "two members would be named \(new)") }
            renames[member.name] = new
        }
        return renames
    }

    private func constants() throws -> [String: JSONValue] {
        let members = try members("set", "from names to values")
        for outer in members {
            for inner in members where inner.name.hasPrefix(outer.name + ".") {
                throw wrong("set", "\(outer.name) and \(inner.name) can't both be set")
            }
        }
        return Dictionary(members.map { ($0.name, $0.value) }) { $1 }
    }

    private func removals() throws -> [String] {
        guard let value = entry["remove"] else { return [] }
        let names = value.elements?.compactMap(\.string)
        guard let names, names.count == value.elements?.count else { throw wrong("remove", "must be a list of member names") }
        for name in names { try check(name, "remove") }
        return names
    }
}
