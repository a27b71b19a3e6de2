/// Which policy settles the conflicts of which operations: by operation and entity type, as routes are found.
public struct ConflictRules: Sendable, Equatable {
    private var policies: [String: ConflictPolicy] = [:]

    /// What holds for an operation that nothing is said about; `manual` by default.
    public var standard: ConflictPolicy

    /// One policy for all, until ``set(_:operation:entity:)`` says more.
    public init(standard: ConflictPolicy = .standard) { self.standard = standard }

    /// Sets the policy of one pair; `*` stands for every operation or entity type.
    public mutating func set(_ policy: ConflictPolicy, operation: String = "*", entity: String = "*") {
        policies[operation + " " + entity] = policy
    }

    /// The exact pair's, else one with a wildcard, else the standard.
    package func policy(for operation: Operation) -> ConflictPolicy {
        guard !policies.isEmpty else { return standard }
        let (type, entity) = (operation.type, operation.entity.type)
        return policies["\(type) \(entity)"] ?? policies["* \(entity)"] ?? policies["\(type) *"] ?? policies["* *"] ?? standard
    }

    /// Whether the base of an operation decides what is written over what others have changed: without it a merge takes every field of the
    /// payload for changed, and an app's function may. A create is merged without it; a delete without it is left to a person.
    func needsBase(_ operation: Operation) -> Bool {
        switch policy(for: operation) {
        case .merge: operation.type != "create" && operation.type != "delete"
        case .custom: true
        case .serverWins, .clientWins, .manual: false
        }
    }

    /// Functions can't be compared: two sets of rules are equal when the same pairs have policies of the same names.
    public static func == (one: ConflictRules, other: ConflictRules) -> Bool {
        one.standard.name == other.standard.name && one.policies.mapValues(\.name) == other.policies.mapValues(\.name)
    }
}
