/// Something for each route, by operation and entity type, as routes are found; `*` stands for every operation or entity type.
///
/// An operation goes by the route that fits it best, and by no other: that of its own pair, else of its entity type, else of its operation,
/// else of everything.
package struct RoutePairs<Value: Sendable>: Sendable {
    private struct Pair: Hashable, Sendable {
        var operation: String
        var entity: String
    }

    private var values: [Pair: Value] = [:]

    package init() {}

    /// Of every route, in no order.
    package var all: [Value] { Array(values.values) }

    /// Of the route that says just this pair.
    package subscript(operation: String, entity: String) -> Value? {
        get { values[Pair(operation: operation, entity: entity)] }
        set { values[Pair(operation: operation, entity: entity)] = newValue }
    }

    /// Of the route that an operation of this pair goes by.
    package func best(_ operation: String, _ entity: String) -> Value? {
        if values.isEmpty { return nil }
        return self[operation, entity] ?? self["*", entity] ?? self[operation, "*"] ?? self["*", "*"]
    }
}

extension RoutePairs: Equatable where Value: Equatable {}
