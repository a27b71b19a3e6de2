extension Upcaster {
    /// A caster in words instead of code: what the configuration key `upcasters` says.
    ///
    /// A path names a member of the payload: `a`, or `a.b` for the member `b` of the object `a`. A name that has a dot in it can't be
    /// reached, nor can what is in an array. What is done, in this order:
    /// 1. Members under the old names of `rename` are taken out, the deepest first; one that is not there is passed over.
    /// 2. Members in `remove` go. So `rename: [old.x: x], remove: [old]` keeps `x` and drops the rest of `old`.
    /// 3. What was taken out is put under its new name, at the end of its object. All move at once, so two may swap names. A name that
    ///    something else has already fails the cast: nothing is overwritten.
    /// 4. Each constant of `set` is put where no member has that name; null counts as a member.
    ///
    /// Steps 3 and 4 make the objects on their way; where something other than an object stands in it, the cast fails.
    public static func declarative(
        entity: String, from: Int, to: Int, rename: [String: String] = [:], set: [String: JSONValue] = [:], remove: [String] = []
    ) -> Upcaster {
        let edits = Edits(rename: rename, set: set, remove: remove)
        return Upcaster(entity: entity, from: from, to: to) { try edits.made(to: $0) }
    }
}

/// Names from the outermost object inwards. The shorter comes first, so that an object is made before what goes into it.
private struct Path: Sendable, Comparable {
    let text: String
    let names: [String]

    init(_ text: String) {
        self.text = text
        names = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    }

    static func < (one: Path, other: Path) -> Bool { (one.names.count, one.text) < (other.names.count, other.text) }
}

private struct Edits: Sendable {
    struct Move: Sendable {
        let old: Path
        let new: Path
    }

    struct Constant: Sendable {
        let path: Path
        let value: JSONValue
    }

    let moves: [Move]
    let removals: [Path]
    let constants: [Constant]

    init(rename: [String: String], set: [String: JSONValue], remove: [String]) {
        moves = rename.map { Move(old: Path($0.key), new: Path($0.value)) }.sorted { $0.old > $1.old }
        removals = remove.map { Path($0) }
        constants = set.map { Constant(path: Path($0.key), value: $0.value) }.sorted { $0.path < $1.path }
    }

    func made(to payload: JSONValue) throws(SyncError) -> JSONValue {
        var payload = payload
        var taken: [(move: Move, value: JSONValue)] = []
        for move in moves {
            if let value = payload.take(move.old.names[...]) { taken.append((move, value)) }
        }
        for path in removals { _ = payload.take(path.names[...]) }
        for (move, value) in taken.sorted(by: { $0.move.new < $1.move.new }) {
            guard try put(value, at: move.new, in: &payload) else {
                throw .validation(field: move.new.text, constraint: "is there already, so \(move.old.text) can't be renamed to it")
            }
        }
        for constant in constants { _ = try put(constant.value, at: constant.path, in: &payload) }
        return payload
    }

    private func put(_ value: JSONValue, at path: Path, in payload: inout JSONValue) throws(SyncError) -> Bool {
        switch payload.put(value, at: path.names[...]) {
        case .done: return true
        case .occupied: return false
        case .blocked: throw .validation(field: path.text, constraint: "can't be put there: something on its way is no object")
        }
    }
}

extension JSONValue {
    fileprivate enum Put { case done, occupied, blocked }

    /// Takes out what stands at a path; nil when nothing does. Of members that share a name all go, and the last one counts.
    fileprivate mutating func take(_ path: ArraySlice<String>) -> JSONValue? {
        guard let name = path.first, case .object(var members) = self else { return nil }
        guard let index = members.lastIndex(where: { $0.name == name }) else { return nil }
        let taken: JSONValue?
        if path.count == 1 {
            taken = members[index].value
            members.removeAll { $0.name == name }
        } else {
            taken = members[index].value.take(path.dropFirst())
        }
        self = .object(members)
        return taken
    }

    /// Puts a value where nothing stands yet, and makes the objects on the way.
    fileprivate mutating func put(_ value: JSONValue, at path: ArraySlice<String>) -> Put {
        guard let name = path.first, case .object(var members) = self else { return .blocked }
        let index = members.lastIndex { $0.name == name }
        if path.count == 1 {
            guard index == nil else { return .occupied }
            members.append(Member(name, value))
        } else if let index {
            let put = members[index].value.put(value, at: path.dropFirst())
            guard put == .done else { return put }
        } else {
            var made = JSONValue.object([])
            _ = made.put(value, at: path.dropFirst())
            members.append(Member(name, made))
        }
        self = .object(members)
        return .done
    }
}
