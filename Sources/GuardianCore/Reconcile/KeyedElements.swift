/// The elements of an array, found by the member that tells them apart.
struct KeyedElements {
    /// The value of the key: equal for equal values, `7` and `7.0` alike, `7` and `"7"` not.
    struct ID: Hashable {
        private let meaning: [UInt8]
        /// For people.
        let shown: String

        /// nil for what can be no key: null, an array or an object.
        init?(_ value: JSONValue) {
            switch value {
            case .string(let text): shown = text
            case .number, .bool: shown = value.text
            case .null, .array, .object: return nil
            }
            guard let meaning = value.meaning else { return nil }
            self.meaning = meaning
        }

        static func == (one: ID, other: ID) -> Bool { one.meaning == other.meaning }

        func hash(into hasher: inout Hasher) { hasher.combine(meaning) }
    }

    private(set) var order: [ID] = []
    private var elements: [ID: JSONValue] = [:]

    /// nil when an element lacks the key, or two have the same.
    init?(_ array: [JSONValue], by key: String) {
        for element in array {
            guard let members = element.members, let value = MemberTable(members)[key], let id = ID(value) else { return nil }
            guard elements.updateValue(element, forKey: id) == nil else { return nil }
            order.append(id)
        }
    }

    subscript(id: ID) -> JSONValue? { elements[id] }
}
