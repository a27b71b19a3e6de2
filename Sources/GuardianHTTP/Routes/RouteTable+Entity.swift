public import GuardianCore

extension RouteTable {
    /// Which entity stands at a path, among those of the given types: the inverse of the path under which an entity is read. For a feed
    /// that names entities by their paths. nil where it is none of them.
    ///
    /// A parameter that is not the entity's id may be anything; a query is passed over.
    public func entity(at path: String, types: [String]) -> EntityKey? {
        let found = path.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false)
        for type in types {
            if let id = Self.id(in: found, of: template(of: type), type: type) { return EntityKey(type: type, id: id) }
        }
        return nil
    }

    /// Where an entity of a type is read, as a template.
    private func template(of type: String) -> String {
        for route in [readRoute(of: type), explicitRoute("update", type), explicitRoute("delete", type)] {
            if let route, route.namesEntity(of: type) { return route.path }
        }
        return "/api/v1/\(Self.plural(type))/{id}"
    }

    private static func id(in path: [Substring], of template: String, type: String) -> String? {
        let segments = template.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count == path.count else { return nil }
        var id: String?
        for (wanted, found) in zip(segments, path) {
            if wanted.hasPrefix("{"), wanted.hasSuffix("}"), Route.isID(wanted.dropFirst().dropLast(), of: type) {
                guard !found.isEmpty, let text = decoded(found) else { return nil }
                id = text
            } else if !wanted.contains("{"), wanted != found {
                return nil
            }
        }
        return id
    }

    /// nil for what is no percent-encoded UTF-8.
    private static func decoded(_ segment: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = segment.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
