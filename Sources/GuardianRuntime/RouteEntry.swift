import GuardianCore
import GuardianHTTP

/// One entry of `upstream.routes`, read into a ``Route``; what is wrong is named by its place.
struct RouteEntry {
    static let known = [
        "operation", "entity", "method", "path", "keys", "fields", "answers", "conflict", "merge", "coalesce", "assigns_id", "references",
        "batch", "hold",
    ]
    static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    let index: Int
    let entry: [String: Any]

    func route() throws -> Route {
        for name in entry.keys.sorted() where !Self.known.contains(name) {
            let near = NearestName.of(name, in: Self.known).map { "; did you mean \($0)?" } ?? ""
            throw wrong(name, "is not a known key" + near)
        }
        guard let method = text("method")?.uppercased(), Self.methods.contains(method) else {
            throw wrong("method", "must be one of \(Self.methods.joined(separator: ", "))")
        }
        guard let path = text("path"), path.hasPrefix("/") else { throw wrong("path", "must begin with /") }
        return Route(
            operation: try word("operation", "[a-z0-9_-]{1,64}"), entity: try word("entity", "[A-Za-z0-9_-]{1,64}"), method: method,
            path: path, keyMapping: try keyMapping(), fields: try fields(), overrides: try overrides(), batch: try batch(),
            hold: try hold())
    }

    /// What an operation can have there, or `*`, which it is without the member: any other word would match nothing.
    private func word(_ name: String, _ pattern: String) throws -> String {
        guard let value = entry[name] else { return "*" }
        let regex = try Regex(pattern)
        guard let word = value as? String, word == "*" || word.wholeMatch(of: regex) != nil else {
            throw wrong(name, "must be * or match \(pattern)")
        }
        return word
    }

    /// `batch: { path: /api/v1/batch, size: 50, linger: 2ms }`.
    private func batch() throws -> BatchEndpoint? {
        guard let value = entry["batch"] else { return nil }
        guard let map = value as? [String: String], let path = map["path"] else { throw wrong("batch", "must be a map with a path") }
        for name in map.keys.sorted() where !["path", "size", "linger"].contains(name) {
            throw wrong("batch.\(name)", "is not a known key")
        }
        var endpoint = BatchEndpoint(path: path)
        if let text = map["size"] {
            guard let size = Int(text) else { throw wrong("batch.size", "must be a whole number from 2 to \(BatchEndpoint.largest)") }
            endpoint.size = size
        }
        if let text = map["linger"] {
            guard let linger = Check.milliseconds(text), (0...1000).contains(linger) else {
                throw wrong("batch.linger", "must be a duration such as 2ms, at most 1s")
            }
            endpoint.lingerMs = linger
        }
        guard endpoint.isUsable else {
            throw wrong("batch", "its path must begin with / and have no parameters, its size be 2 to \(BatchEndpoint.largest)")
        }
        return endpoint
    }

    /// `hold: route`: an answer that asks to wait holds what goes by this route, and not the whole origin.
    private func hold() throws -> HoldScope {
        guard let text = text("hold") else { return .origin }
        guard let scope = HoldScope(rawValue: text) else {
            let known = HoldScope.allCases.map(\.rawValue)
            let near = NearestName.of(text, in: known).map { "; did you mean \($0)?" } ?? ""
            throw wrong("hold", "must be one of \(known.joined(separator: ", "))" + near)
        }
        return scope
    }

    func wrong(_ name: String, _ message: String) -> SettingsError { SettingsError("upstream.routes[\(index)].\(name)", message) }

    func text(_ name: String) -> String? { entry[name].map { "\($0)" } }

    private func keyMapping() throws -> Route.KeyMapping {
        guard let text = text("keys") else { return .none }
        guard let mapping = Route.KeyMapping(rawValue: text) else { throw wrong("keys", "must be one of none, snake_case, camel_case") }
        return mapping
    }

    private func fields() throws -> [String]? {
        guard let value = entry["fields"] else { return nil }
        guard let names = value as? [String] else { throw wrong("fields", "must be a list of member names") }
        return names
    }

    /// `answers: { 404: success, 422: transient }`: rows of the answer table that differ for this route.
    private func overrides() throws -> [Int: AnswerClass?] {
        guard let value = entry["answers"] else { return [:] }
        guard let rows = value as? [AnyHashable: Any] else { throw wrong("answers", "must be a map from status to class") }
        var overrides: [Int: AnswerClass?] = [:]
        for (key, value) in rows {
            guard let status = Int("\(key)"), (200...599).contains(status) else {
                throw wrong("answers", "\(key) is no status between 200 and 599")
            }
            let name = "\(value)"
            guard name == "success" || AnswerClass(rawValue: name) != nil else {
                let classes = (["success"] + AnswerClass.allCases.map(\.rawValue)).joined(separator: ", ")
                throw wrong("answers", "\(status): must be one of \(classes)")
            }
            overrides[status] = .some(AnswerClass(rawValue: name))
        }
        return overrides
    }
}
