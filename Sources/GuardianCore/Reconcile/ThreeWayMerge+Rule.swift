extension ThreeWayMerge {
    /// Who decides a field that both sides changed differently.
    ///
    /// A rule that does not fit the values (`max` of two texts, a sum where one side removed the field) leaves it to the later writer.
    /// Numbers are exact at any length: nothing goes through a floating-point type.
    public enum Rule: Sendable {
        /// Always the local side, also where it has removed the field.
        case local
        /// Always the server, also where it has removed the field.
        case server
        /// The greater of two numbers.
        case max
        /// The lesser of two numbers.
        case min
        /// For counters: the server's number and what the local side added to the base. A field that the base lacks counts from 0; without
        /// any base the rule does not fit, for the local number may include the server's.
        case sum
        /// For arrays: the server's elements, then those that only the local side has; each once. Nothing is ever removed.
        case union
        /// For arrays that are sets: as `union`, without what either side took out of the base.
        case set
        /// The app's own.
        case custom(@Sendable (FieldConflict) -> Verdict)

        /// In configuration: `local`, `server`, `max`, `min`, `sum`, `union` or `set`. A function comes from code only.
        package init?(name: String) {
            switch name {
            case "local": self = .local
            case "server": self = .server
            case "max": self = .max
            case "min": self = .min
            case "sum": self = .sum
            case "union": self = .union
            case "set": self = .set
            default: return nil
            }
        }

        /// `custom` for a function, else the word that configuration uses; told as ``Decision/rule``.
        public var name: String {
            switch self {
            case .local: "local"
            case .server: "server"
            case .max: "max"
            case .min: "min"
            case .sum: "sum"
            case .union: "union"
            case .set: "set"
            case .custom: "custom"
            }
        }
    }

    /// One field that both sides changed differently; nil stands for a side that does not have it.
    public struct FieldConflict: Sendable, Equatable {
        /// As in ``Decision/path``.
        public var path: String
        /// What it was when the user began; nil too when there is no base at all.
        public var base: JSONValue?
        /// What the user made of it.
        public var local: JSONValue?
        /// What the upstream has.
        public var server: JSONValue?

        /// For tests of a ``Rule/custom(_:)``: a merge makes its own.
        public init(path: String, base: JSONValue?, local: JSONValue?, server: JSONValue?) {
            self.path = path
            self.base = base
            self.local = local
            self.server = server
        }
    }

    /// What a rule makes of a field.
    public enum Verdict: Sendable, Equatable {
        /// The local value, or that the local side has none.
        case local
        /// The server's value, or that the server has none.
        case server
        /// Another value than either; told as ``Decision/Winner/both``.
        case value(JSONValue)
        /// No such field; told as ``Decision/Winner/both``.
        case remove
        /// The rule does not fit: up to the later writer.
        case pass
    }
}

extension ThreeWayMerge.Rule {
    func decide(_ field: ThreeWayMerge.FieldConflict, hasBase: Bool) -> ThreeWayMerge.Verdict {
        switch self {
        case .local: .local
        case .server: .server
        case .max, .min: extreme(of: field)
        case .sum: Self.sum(of: field, hasBase: hasBase)
        case .union: Self.elements(of: field, keepsRemoved: true)
        case .set: Self.elements(of: field, keepsRemoved: false)
        case .custom(let function): function(field)
        }
    }

    private func extreme(of field: ThreeWayMerge.FieldConflict) -> ThreeWayMerge.Verdict {
        guard let local = field.local?.exactNumber, let server = field.server?.exactNumber else { return .pass }
        let isLocal = if case .max = self { local > server } else { local < server }
        return isLocal ? .local : .server
    }

    private static func sum(of field: ThreeWayMerge.FieldConflict, hasBase: Bool) -> ThreeWayMerge.Verdict {
        let base = field.base == nil && hasBase ? ExactDecimal("0") : field.base?.exactNumber
        guard let base, let local = field.local?.exactNumber, let server = field.server?.exactNumber,
            let sum = ExactDecimal.sum([server, local, base.negated])
        else { return .pass }
        return .value(.number(sum.text))
    }

    private static func elements(of field: ThreeWayMerge.FieldConflict, keepsRemoved: Bool) -> ThreeWayMerge.Verdict {
        guard let local = field.local?.elements, let server = field.server?.elements else { return .pass }
        let base = Set((field.base?.elements ?? []).map(\.meaning))
        var taken: Set<[UInt8]?> = []
        func kept(_ elements: [JSONValue], besides other: [JSONValue]) -> [JSONValue] {
            let removed = keepsRemoved ? [] : base.subtracting(other.map(\.meaning))
            return elements.filter { element in
                let meaning = element.meaning
                return !removed.contains(meaning) && taken.insert(meaning).inserted
            }
        }
        return .value(.array(kept(server, besides: local) + kept(local, besides: server)))
    }
}
