/// The members of an object by name: each name once, the last value of those that share it, in the order they first appear.
struct MemberTable {
    private(set) var names: [String] = []
    private var values: [ExactText: JSONValue] = [:]

    init(_ members: [JSONValue.Member]) {
        names.reserveCapacity(members.count)
        values.reserveCapacity(members.count)
        for member in members {
            if values.updateValue(member.value, forKey: ExactText(member.name)) == nil { names.append(member.name) }
        }
    }

    subscript(name: String) -> JSONValue? { values[ExactText(name)] }
}
