internal import GuardianCore

/// One batch of operations for `guardian_put`: each goes to the end of its line.
struct Insertion {
    let operations: [Operation]
    private let lines: [Int64]
    private let isStrict: Bool
    /// When each is due, where that is not by its `notBefore`.
    private let dues: [Int64?]

    private static let put = SQL(
        """
        SELECT guardian_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
            $25, $26, $27, $28, $29, $30)
        """)

    /// No id may stand there twice.
    init(_ operations: [Operation], ordering: Ordering, dues: [Int64?]? = nil) {
        self.operations = operations
        lines = operations.map { ordering.line(for: $0) }
        isStrict = ordering == .strict
        self.dues = dues ?? operations.map { _ in nil }
    }

    /// `isPlain`: nothing is known of local ids; refused by the server where they are in use.
    func call(isPlain: Bool, stripe: Int) -> Call {
        // The first and last of each line in the batch, by rising lines: that is the order of locks.
        var places: [Int64: (first: Int, last: Int)] = [:]
        for (place, line) in lines.enumerated() { places[line, default: (place, place)].last = place }
        let sorted = places.sorted { $0.key < $1.key }
        var slots = [Int](repeating: 0, count: operations.count)
        for (number, entry) in sorted.enumerated() { slots[entry.value.first] = number + 1 }
        let heads = sorted.map { operations[$0.value.first] }
        let due = (0..<operations.count).map { dues[$0] ?? operations[$0].notBefore.map { max(0, $0.milliseconds) } }
        func rare<Value>(_ values: [Value?]) -> [Value?]? { values.contains { $0 != nil } ? values : nil }
        let entityLines = operations.indices.map { place -> Int64? in
            guard isStrict || operations[place].customOrderingKey != nil else { return nil }
            let own = Line.of(operations[place].entity)
            return own == lines[place] ? nil : own
        }
        let tenants = isStrict ? [] : heads.map { $0.customOrderingKey.flatMap { Tenant.of($0) } }
        return Call(
            Self.put,
            [
                .bool(isPlain), .int32(stripe), .id(least), .ids(operations.map(\.id)), .uuids(operations.map(\.idempotencyKey)),
                .uuids(operations.map(\.traceID)), .texts(operations.map(\.type)), .texts(operations.map(\.entity.type)),
                .texts(operations.map(\.entity.id)), .ints(lines), .int32s(slots), .int32s(operations.map(\.priority)),
                .int32s(operations.map(\.schemaVersion)), .ints(operations.map(\.enqueuedAt.milliseconds)),
                .texts(operations.map(\.payload)),
                .ints(sorted.map(\.key)), .int32s(sorted.map { $0.value.first + 1 }), .int32s(sorted.map { $0.value.last + 1 }),
                .int32s(heads.map(\.priority)), .ints(rare(sorted.map { due[$0.value.first] })),
                .ints(rare(heads.map { $0.expiresAt?.milliseconds })), .texts(rare(tenants)),
                .ints(rare(due)), .texts(rare(operations.map(\.customOrderingKey))), .texts(rare(operations.map(\.txnToken))),
                .texts(rare(operations.map(\.principal))), .ints(rare(operations.map { $0.notBefore?.milliseconds })),
                .ints(rare(operations.map { $0.expiresAt?.milliseconds })), .texts(rare(operations.map(\.base))),
                .ints(rare(entityLines)),
            ])
    }

    /// The least id as the server compares them: the ledger need not be asked when all it knows is less.
    private var least: OperationID? {
        operations.map { ($0.id, $0.id.stored) }.min { $0.1.lexicographicallyPrecedes($1.1) }?.0
    }
}

/// Whose operations share the processors fairly: named by an ordering key such as `tenant:acme/invoice/7`; nil for all others, who are
/// one tenant together.
enum Tenant {
    static func of(_ orderingKey: String) -> String? {
        guard orderingKey.hasPrefix("tenant:") else { return nil }
        let name = orderingKey.dropFirst(7).prefix { $0 != "/" }
        return name.isEmpty ? nil : String(name)
    }
}
