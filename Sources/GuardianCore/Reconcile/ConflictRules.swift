/// Which policy settles the conflicts of which operations: by operation and entity type, as routes are found.
public struct ConflictRules: Sendable, Equatable {
    private var policies: [String: ConflictPolicy] = [:]

    /// What holds for an operation that nothing is said about; `manual` by default.
    public var standard: ConflictPolicy

    public init(standard: ConflictPolicy = .standard) { self.standard = standard }

    /// Sets the policy of one pair; `*` stands for every operation or entity type.
    public mutating func set(_ policy: ConflictPolicy, operation: String = "*", entity: String = "*") {
        policies[operation + " " + entity] = policy
    }

    /// The exact pair's, else one with a wildcard, else the standard.
    public func policy(for operation: Operation) -> ConflictPolicy {
        guard !policies.isEmpty else { return standard }
        let (type, entity) = (operation.type, operation.entity.type)
        return policies["\(type) \(entity)"] ?? policies["* \(entity)"] ?? policies["\(type) *"] ?? policies["* *"] ?? standard
    }

    /// Functions can't be compared: two sets of rules are equal when the same pairs have policies of the same names.
    public static func == (one: ConflictRules, other: ConflictRules) -> Bool {
        one.standard.name == other.standard.name && one.policies.mapValues(\.name) == other.policies.mapValues(\.name)
    }
}
