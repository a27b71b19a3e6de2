/// One merge on its way down the three values: where it is, and what was decided by rule so far.
struct MergeRun {
    let merge: ThreeWayMerge
    /// Without a base a field that it lacks is not known to be new.
    let hasBase: Bool
    private(set) var decisions: [ThreeWayMerge.Decision] = []
    /// From the top to here, as ``ThreeWayMerge/Decision/path`` shows it.
    private var steps: [String] = []

    init(merge: ThreeWayMerge, hasBase: Bool) {
        self.merge = merge
        self.hasBase = hasBase
    }

    mutating func object(
        base: [JSONValue.Member], local: [JSONValue.Member], server: [JSONValue.Member], at paths: PathTree, isTop: Bool = false
    ) -> JSONValue {
        let (base, local, server) = (MemberTable(base), MemberTable(local), MemberTable(server))
        var members: [JSONValue.Member] = []
        for name in server.names + local.names.filter({ server[$0] == nil }) {
            let value: JSONValue?
            if isTop, merge.systemFields.has(name) {
                value = merge.systemFields.merged(name, local: local[name], server: server[name])
            } else {
                steps.append(steps.isEmpty ? name : "." + name)
                value = field(base: base[name], local: local[name], server: server[name], at: paths[name])
                steps.removeLast()
            }
            if let value { members.append(.init(name, value)) }
        }
        return .object(members)
    }

    /// What the merge has here; nil where it has nothing.
    private mutating func field(base: JSONValue?, local: JSONValue?, server: JSONValue?, at paths: PathTree) -> JSONValue? {
        // Objects need no comparison first: an unchanged side gives way member by member just the same.
        if paths.rule == nil, let local = local?.members, let server = server?.members {
            return object(base: base?.members ?? [], local: local, server: server, at: paths)
        }
        if JSONValue.same(local, server) || JSONValue.same(local, base) { return server }
        if JSONValue.same(server, base) { return local }
        let conflict = ThreeWayMerge.FieldConflict(path: steps.joined(), base: base, local: local, server: server)
        if let rule = paths.rule {
            let verdict = rule.decide(conflict, hasBase: hasBase)
            if verdict != .pass { return settle(conflict, by: rule.name, verdict) }
        }
        if let local = local?.members, let server = server?.members {
            return object(base: base?.members ?? [], local: local, server: server, at: paths)
        }
        if let key = paths.key, let merged = keyed(conflict, by: key, at: paths.ofElements) { return merged }
        return settle(conflict, by: ThreeWayMerge.Decision.laterWriter, .pass)
    }

    /// Notes who won, and gives what the merge has here.
    private mutating func settle(
        _ conflict: ThreeWayMerge.FieldConflict, by rule: String, _ verdict: ThreeWayMerge.Verdict
    ) -> JSONValue? {
        let (value, winner): (JSONValue?, ThreeWayMerge.Decision.Winner) =
            switch verdict {
            case .local: (conflict.local, .local)
            case .server: (conflict.server, .server)
            case .value(let value): (value, .both)
            case .remove: (nil, .both)
            case .pass: merge.laterWriter == .local ? (conflict.local, .local) : (conflict.server, .server)
            }
        decisions.append(.init(path: conflict.path, rule: rule, winner: winner))
        return value
    }

    /// Arrays merged element by element; nil when one of them can't be.
    private mutating func keyed(_ conflict: ThreeWayMerge.FieldConflict, by key: String, at paths: PathTree) -> JSONValue? {
        guard let local = conflict.local?.elements, let server = conflict.server?.elements,
            let base = KeyedElements(conflict.base?.elements ?? [], by: key), let local = KeyedElements(local, by: key),
            let server = KeyedElements(server, by: key)
        else { return nil }
        var elements: [JSONValue] = []
        for id in server.order + local.order.filter({ server[$0] == nil }) {
            steps.append("[\(id.shown)]")
            if let element = field(base: base[id], local: local[id], server: server[id], at: paths) { elements.append(element) }
            steps.removeLast()
        }
        return .array(elements)
    }
}

extension JSONValue {
    /// Whether two fields, or the lack of them, are the same.
    static func same(_ one: JSONValue?, _ other: JSONValue?) -> Bool {
        guard let one, let other else { return one == nil && other == nil }
        return one.means(other)
    }

    var exactNumber: ExactDecimal? {
        if case .number(let text) = self { return ExactDecimal(text) }
        return nil
    }
}
