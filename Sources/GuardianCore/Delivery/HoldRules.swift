/// Whom an answer makes wait that asks to wait: 429, or any with `Retry-After`.
public enum HoldScope: String, Sendable, CaseIterable {
    /// Every operation, whichever way it goes; the default.
    case origin
    /// Operations that go by the same route, and nobody else.
    case route
}

/// Which routes wait by themselves when the upstream asks one of their operations to wait: by operation and entity type, as routes are
/// found.
///
/// Every route belongs in it, those that make the whole origin wait too: an operation goes by the one that fits it best, and by no other.
/// A transport says it of its routes (``Transport/holds``). For APIs whose limits are of single resources; where they are of the caller,
/// one route that goes on only adds to what is refused.
public struct HoldRules: Sendable, Equatable {
    private struct Rule: Sendable, Equatable {
        var scope: HoldScope
        /// Its pair, as it is told.
        var route: String
    }

    private var rules = RoutePairs<Rule>()
    private var holdsRoutes = false

    /// The whole origin waits, for every operation.
    public init() {}

    /// Sets what holds for the route of one pair; `*` stands for every operation or entity type.
    public mutating func set(_ scope: HoldScope, operation: String = "*", entity: String = "*") {
        rules[operation, entity] = Rule(scope: scope, route: "\(operation) \(entity)")
        holdsRoutes = rules.all.contains { $0.scope == .route }
    }

    /// The route of an operation that waits by itself, by its pair such as `update room` or `* *`; nil where the whole origin waits.
    package func route(of operation: Operation) -> String? {
        guard holdsRoutes, let rule = rules.best(operation.type, operation.entity.type), rule.scope == .route else { return nil }
        return rule.route
    }
}
