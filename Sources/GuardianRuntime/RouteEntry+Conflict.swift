import GuardianCore

/// How conflicts of a route are settled: `conflict: merge`, and under `merge` its rules.
///
/// ```yaml
/// conflict: merge
/// merge:
///   later: local                  # or server: whose change wins where no rule is given
///   rules: { steps: max, tags: union }
///   keys: { readings: id }        # arrays whose elements have a key
/// ```
extension RouteEntry {
    var operation: String { text("operation") ?? "*" }
    var entity: String { text("entity") ?? "*" }

    func flag(_ name: String) throws -> Bool? {
        guard let text = text(name) else { return nil }
        switch text.lowercased() {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw wrong(name, "must be true or false")
        }
    }

    func assignsID() throws -> Bool { try flag("assigns_id") ?? false }

    /// nil when the route says nothing of conflicts.
    func conflictPolicy() throws -> ConflictPolicy? {
        guard let name = text("conflict") else {
            guard entry["merge"] == nil else { throw wrong("merge", "needs conflict: merge") }
            return nil
        }
        guard let policy = ConflictPolicy(name: name, merge: try merge()) else {
            throw wrong("conflict", "must be one of \(ConflictPolicy.names.joined(separator: ", "))")
        }
        return policy
    }

    private func merge() throws -> ThreeWayMerge {
        guard let value = entry["merge"] else { return ThreeWayMerge() }
        guard let map = value as? [String: Any] else { throw wrong("merge", "must be a map") }
        let known = ["later", "rules", "keys"]
        for name in map.keys.sorted() where !known.contains(name) {
            let near = NearestName.of(name, in: known).map { "; did you mean \($0)?" } ?? ""
            throw wrong("merge.\(name)", "is not a known key" + near)
        }
        let later = map["later"].map { "\($0)" } ?? "local"
        guard let side = ThreeWayMerge.Side(rawValue: later) else { throw wrong("merge.later", "must be local or server") }
        var rules: [String: ThreeWayMerge.Rule] = [:]
        for (path, name) in try texts("rules", in: map) {
            guard let rule = ThreeWayMerge.Rule(name: name) else {
                throw wrong("merge.rules.\(path)", "must be one of local, server, max, min, sum, union, set")
            }
            rules[path] = rule
        }
        return ThreeWayMerge(laterWriter: side, rules: rules, keys: try texts("keys", in: map))
    }

    private func texts(_ name: String, in map: [String: Any]) throws -> [String: String] {
        guard let value = map[name] else { return [:] }
        guard let texts = value as? [String: String] else { throw wrong("merge.\(name)", "must be a map from a field to a name") }
        return texts
    }
}
