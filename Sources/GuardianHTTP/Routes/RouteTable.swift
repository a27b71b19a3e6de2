package import GuardianCore

/// Finds an operation's route and fills in its path. What can't be filled in is a permanent failure, found before any request.
public struct RouteTable: Sendable {
    private let pairs: RoutePairs<Route>

    /// Later routes win over earlier ones for the same pair.
    public init(_ routes: [Route] = []) {
        var pairs = RoutePairs<Route>()
        for route in routes { pairs[route.operation, route.entity] = route }
        self.pairs = pairs
    }

    /// Throws for a path that can't make a URL of the origin: without a slash in front it would continue the host's name.
    static func check(_ routes: [Route]) throws(HTTPConfigurationError) {
        for (index, route) in routes.enumerated() {
            var isOpen = false
            var isBalanced = true
            for byte in route.path.utf8 where byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") {
                isBalanced = isBalanced && (byte == UInt8(ascii: "{")) != isOpen
                isOpen.toggle()
            }
            if let batch = route.batch, !batch.isUsable {
                throw HTTPConfigurationError(
                    key: "upstream.routes[\(index)].batch",
                    message: "its path must begin with / and have no parameters, its size be 2 to \(BatchEndpoint.largest), "
                        + "its linger a minute at most")
            }
            guard route.path.hasPrefix("/"), isBalanced, !isOpen, route.path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw HTTPConfigurationError(
                    key: "upstream.routes[\(index)].path", message: "must begin with / and close each { (it is \"\(route.path)\")")
            }
            guard !route.path.contains("{}") else {
                throw HTTPConfigurationError(
                    key: "upstream.routes[\(index)].path", message: "must name what stands in each {} (it is \"\(route.path)\")")
            }
        }
    }

    /// Which of the routes wait by themselves.
    var holds: HoldRules {
        var rules = HoldRules()
        for route in pairs.all { rules.set(route.hold, operation: route.operation, entity: route.entity) }
        return rules
    }

    /// The exact route, else one with a wildcard, else plain REST for create, update and delete.
    package func route(for operation: Operation) -> Route? {
        let (type, entity) = (operation.type, operation.entity.type)
        if let found = explicitRoute(type, entity) { return found }
        let collection = "/api/v1/" + Self.plural(entity)
        switch type {
        case "create": return Route(operation: type, entity: entity, method: "POST", path: collection)
        case "update": return Route(operation: type, entity: entity, method: "PUT", path: collection + "/{id}")
        case "delete": return Route(operation: type, entity: entity, method: "DELETE", path: collection + "/{id}")
        default: return nil
        }
    }

    /// The exact route, else one with a wildcard.
    func explicitRoute(_ type: String, _ entity: String) -> Route? { pairs.best(type, entity) }

    /// A route that says `read`, of the entity type or of any: a wildcard for operations is meant for writes.
    func readRoute(of entity: String) -> Route? { pairs["read", entity] ?? pairs["read", "*"] }

    /// Where the entity of an operation is read: a route for `read`, else the member's own path.
    package func lookPath(for operation: Operation) throws(Unroutable) -> String {
        if let read = readRoute(of: operation.entity.type) { return try Self.path(of: read, for: operation) }
        guard let route = route(for: operation) else {
            throw Unroutable(code: "NO_ROUTE", message: "no route for (read, \(operation.entity.type)); add one under upstream.routes")
        }
        var path = try Self.path(of: route, for: operation)
        if route.method == "POST", !route.namesEntity(of: operation.entity.type) {
            path += "/" + (try Self.encode(operation.entity.id, "id"))
        }
        return path
    }

    /// Whether nothing at ``lookPath(for:)`` says that the operation had no effect: the place is that of an entity the upstream knows by
    /// its id. What was made without that id stands elsewhere, and nothing stands at the URL of an action.
    func findsByID(_ operation: Operation) -> Bool {
        guard operation.type == "update" || operation.type == "create" && !operation.opensLocalID, let route = route(for: operation) else {
            return false
        }
        let type = operation.entity.type
        if readRoute(of: type) != nil { return operation.type == "update" || route.sendsID(of: operation) }
        return route.method != "POST" || (route.namesEntity(of: type) ? route.endsWithEntity(of: type) : route.sendsID(of: operation))
    }

    /// The path with its parameters filled in and percent-encoded.
    package static func path(of route: Route, for operation: Operation) throws(Unroutable) -> String {
        // As bytes: characters take longer to tell apart, and braces are none of several.
        guard route.path.utf8.contains(UInt8(ascii: "{")) else { return route.path }
        var path = ""
        var rest = route.path[...]
        var payload: JSONValue?
        while let open = rest.utf8.firstIndex(of: UInt8(ascii: "{")) {
            guard let close = rest[open...].utf8.firstIndex(of: UInt8(ascii: "}")) else { break }
            path += rest[..<open]
            let name = String(rest[rest.utf8.index(after: open)..<close])
            rest = rest[rest.utf8.index(after: close)...]
            path += try encode(value(name, operation, &payload), name)
        }
        return path + rest
    }

    private static func value(_ name: String, _ operation: Operation, _ payload: inout JSONValue?) throws(Unroutable) -> String {
        // Not the payload's word for it: where the upstream has given another id, that may still be the local one.
        if Route.isID(name, of: operation.entity.type) { return operation.entity.id }
        if payload == nil { do { payload = try JSONValue(parsing: operation.payload ?? "{}") } catch { payload = .null } }
        for spelling in [name, KeySpelling.camelCase(name), KeySpelling.snakeCase(name)] {
            switch payload?[spelling] {
            case .string(let text): return text
            case .number(let text): return text
            default: continue
            }
        }
        let wanted = KeySpelling.snakeCase(name)
        for member in payload?.members ?? [] where KeySpelling.snakeCase(member.name) == wanted {
            switch member.value {
            case .string(let text), .number(let text): return text
            default: continue
            }
        }
        throw Unroutable(
            code: "MISSING_PARAMETER", message: "the payload has no \"\(name)\", which the route's path asks for", field: name,
            constraint: "must be a text or a number: the route's path asks for it")
    }

    /// Percent-encoded, so that a value can't leave its segment.
    private static func encode(_ value: String, _ name: String) throws(Unroutable) -> String {
        guard !value.isEmpty, value != ".", value != ".." else {
            throw Unroutable(
                code: "BAD_PARAMETER", message: "\"\(name)\" is \"\(value)\", which can't be part of a path", field: name,
                constraint: "must be something that can be part of a path")
        }
        return PercentEncoding.encoded(value)
    }

    /// English plurals as far as REST paths need them: `fall_event` → `fall_events`, `battery` → `batteries`, `box` → `boxes`.
    static func plural(_ word: String) -> String {
        if word.hasSuffix("y"), let before = word.dropLast().last, !"aeiou".contains(before) { return word.dropLast() + "ies" }
        for end in ["s", "x", "ch", "sh"] where word.hasSuffix(end) { return word + "es" }
        return word + "s"
    }
}

/// Why an operation can't become a request.
package struct Unroutable: Error, Sendable, Equatable {
    package var code: String
    package var message: String
    /// The member of the payload that is wrong, or `id` of the entity's own, and what it must be; nil when it is none of them.
    package var field: String?
    package var constraint: String?

    package init(code: String, message: String, field: String? = nil, constraint: String? = nil) {
        self.code = code
        self.message = message
        self.field = field
        self.constraint = constraint
    }

    /// What is kept of it.
    var details: ErrorDetails? { field.map { ErrorDetails(fields: [ErrorDetails.Field($0, constraint)]) } }
}

/// camelCase and snake_case.
enum KeySpelling {
    static func snakeCase(_ name: String) -> String {
        var out = ""
        let all = Array(name)
        for (index, character) in all.enumerated() {
            if character.isUppercase {
                // A word begins at a capital after a small letter, and at the last capital of a run before one.
                let begins = index > 0 && (!all[index - 1].isUppercase || (index + 1 < all.count && all[index + 1].isLowercase))
                if begins, all[index - 1] != "_" { out += "_" }
                out += character.lowercased()
            } else {
                out.append(character)
            }
        }
        return out
    }

    static func camelCase(_ name: String) -> String {
        let parts = name.split(separator: "_", omittingEmptySubsequences: true)
        guard let first = parts.first else { return name }
        return parts.dropFirst().reduce(name.prefix { $0 == "_" } + String(first)) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }
}
