import GuardianCore

/// Turns the names of an answer's members back into the app's, where the route writes them in another spelling.
///
/// A spelling alone does not lead back: `deviceID` goes out as `device_id`, of which it would make `deviceId`. So names that the operation
/// has itself, in its payload or its base, come back as they stand there, each in its own object; all others by the spelling.
struct WireNames {
    private struct Known {
        var name: String
        var members: WireNames
    }

    private let mapping: Route.KeyMapping
    /// By the name on the wire.
    private var known: [String: Known] = [:]

    init(_ mapping: Route.KeyMapping, of operation: Operation) {
        self.init(mapping)
        // Where the two differ, the payload's is what goes out.
        for text in [operation.base, operation.payload] {
            if let value = JSONValue.reading(text) { learn(value) }
        }
        // The entity's id is called that everywhere.
        known[SystemFields.identity] = nil
    }

    private init(_ mapping: Route.KeyMapping) { self.mapping = mapping }

    private mutating func learn(_ value: JSONValue) {
        for element in value.elements ?? [] { learn(element) }
        for member in value.members ?? [] {
            let name = mapping.spelled(member.name)
            var entry = known.removeValue(forKey: name) ?? Known(name: member.name, members: WireNames(mapping))
            entry.name = member.name
            entry.members.learn(member.value)
            known[name] = entry
        }
    }

    func restored(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            .object(
                members.map { member in
                    let entry = known[member.name]
                    let inner = entry?.members ?? WireNames(mapping)
                    return JSONValue.Member(entry?.name ?? mapping.inverse.spelled(member.name), inner.restored(member.value))
                })
        case .array(let elements): .array(elements.map { restored($0) })
        default: value
        }
    }

    /// The same for the name of one member, as the names of the levels that lead to it; elements of arrays have their number.
    func restored(path: [String]) -> [String] {
        var names = self
        return path.map { name -> String in
            if Int(name) != nil { return name }
            let entry = names.known[name]
            names = entry?.members ?? WireNames(mapping)
            return entry?.name ?? mapping.inverse.spelled(name)
        }
    }
}
