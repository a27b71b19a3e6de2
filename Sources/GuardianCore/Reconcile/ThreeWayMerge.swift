/// A three-way merge of one entity, field by field: what it was (base), what the user made of it (local), what the server has.
///
/// - A field that changed on one side only takes that side. To be added and to be removed are changes too.
/// - Changed to the same on both sides: that value. Equality is ``JSONValue/means(_:)``.
/// - Changed differently on both sides: objects merge member by member; anything else goes by the ``Rule`` of its path, and without one
///   to ``laterWriter``.
/// - A rule named for an object or an array decides it as a whole: a position is taken from one side, never mixed of two.
/// - Arrays are one value, unless `keys` names the member that tells their elements apart. Then elements are matched by it and merged
///   like fields, in the server's order, those that only the local side has behind them. An array that has an element without the key,
///   or two with the same, is one value again.
/// - ``systemFields`` are the server's, at the top level; `id` stays the local one when the server has none.
/// - Without a base nothing is known to have been removed: what one side has is kept, and where both differ the rule decides.
///
/// The merged object has the server's member order, local additions behind it; each name once. Merging the result again, with the
/// server's state as base, gives the result. Pure: no clock, no chance, no I/O. Its stack is bounded: an entity that nests deeper than
/// ``JSONScanner/maximumDepth``, which no parser here lets in, is taken whole from the later writer.
public struct ThreeWayMerge: Sendable {
    /// Who may be the later writer: `local`, what the user made; `server`, what the upstream has.
    public enum Side: String, Sendable, CaseIterable {
        case local, server
    }

    /// Who has the last word where both sides changed a field and no rule speaks; `.local` by default, for the pending edit is the later.
    public var laterWriter: Side
    /// Whose last word is the server's, at the top level; ``SystemFields/standard`` by default.
    public var systemFields: SystemFields
    let paths: PathTree

    /// - Parameters:
    ///   - laterWriter: See ``laterWriter``; `.local` by default.
    ///   - rules: By path: `name`, or `vitals.pulse` for the member `pulse` of the object `vitals`. The elements of a keyed array add
    ///     nothing to a path: `readings.value`. A name that has a dot in it can't be reached.
    ///   - keys: For the path of an array, the member that tells its elements apart: `["readings": "id"]`. Its value is a text, a number
    ///     or a boolean. A rule for the same path goes first.
    ///   - systemFields: Whose last word is the server's, at the top level.
    public init(
        laterWriter: Side = .local, rules: [String: Rule] = [:], keys: [String: String] = [:], systemFields: SystemFields = .standard
    ) {
        self.laterWriter = laterWriter
        self.systemFields = systemFields
        var paths = PathTree()
        for (path, rule) in rules { paths.edit(path) { $0.rule = rule } }
        for (path, key) in keys { paths.edit(path) { $0.key = key } }
        self.paths = paths
    }

    /// Merges objects. Where local or server is no object, or one of the three is too deep, the later writer's is taken whole.
    public func merged(base: JSONValue?, local: JSONValue, server: JSONValue) -> Merged {
        var run = MergeRun(merge: self, hasBase: base != nil)
        guard let localMembers = local.members, let serverMembers = server.members, local.isWithinDepth, server.isWithinDepth,
            base?.isWithinDepth ?? true
        else {
            let decision = Decision(path: "", rule: Decision.laterWriter, winner: laterWriter == .local ? .local : .server)
            return Merged(value: laterWriter == .local ? local : server, decisions: [decision])
        }
        let value = run.object(base: base?.members ?? [], local: localMembers, server: serverMembers, at: paths, isTop: true)
        return Merged(value: value, decisions: run.decisions)
    }
}

extension ThreeWayMerge {
    /// What came out, and which fields were no one side's alone to decide.
    public struct Merged: Sendable, Equatable {
        /// The merged entity; where it was taken whole from one side, that side as it is.
        public var value: JSONValue
        /// In the order of the merged object.
        public var decisions: [Decision]

        /// For tests: a merge makes its own.
        public init(value: JSONValue, decisions: [Decision]) {
            self.value = value
            self.decisions = decisions
        }
    }

    /// One field that both sides had changed, and who won.
    public struct Decision: Sendable, Equatable {
        /// The rule's name where no rule was given, or the one given does not fit the values.
        public static let laterWriter = "later_writer"

        /// Whose value stands: that of `local`, of `server`, or of neither alone.
        public enum Winner: String, Sendable, CaseIterable {
            case local, server
            /// Neither side's value: a sum, a union, or what a function made.
            case both
        }

        /// Names with dots between them, an element of a keyed array in brackets: `readings[7].value`. Empty for the whole entity.
        public var path: String
        /// ``Rule/name``, or ``laterWriter``.
        public var rule: String
        /// Whose value stands now.
        public var winner: Winner

        /// For tests: a merge makes its own.
        public init(path: String, rule: String, winner: Winner) {
            self.path = path
            self.rule = rule
            self.winner = winner
        }
    }
}
