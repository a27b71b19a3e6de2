/// The members of an object by name: each name once, the last value of those that share it, in the order they first appear.
struct MemberTable {
    /// Compared byte by byte, as JSON does, where `String` would take two spellings of one accented letter as equal.
    private struct Name: Hashable {
        let text: String

        static func == (one: Name, other: Name) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

        /// The text's own hash: it is the same for the same bytes.
        func hash(into hasher: inout Hasher) { hasher.combine(text) }
    }

    private(set) var names: [String] = []
    private var values: [Name: JSONValue] = [:]

    init(_ members: [JSONValue.Member]) {
        names.reserveCapacity(members.count)
        values.reserveCapacity(members.count)
        for member in members {
            if values.updateValue(member.value, forKey: Name(text: member.name)) == nil { names.append(member.name) }
        }
    }

    subscript(name: String) -> JSONValue? { values[Name(text: name)] }
}
