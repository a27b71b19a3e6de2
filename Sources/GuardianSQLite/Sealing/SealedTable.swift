internal import GRDB
internal import GuardianPrivacy

/// The columns of one table that hold what a person wrote, and how to find what each value is bound to.
struct SealedTable {
    struct Column {
        var name: String
        var kind: SealedKind
    }

    var name: String
    /// An integer that tells rows apart and never changes.
    var key: String
    /// The column that values are bound to.
    var binding: String
    /// Whether that is a text and not a number.
    var isNamed = false
    var columns: [Column]

    static let all = [
        SealedTable(
            name: "guardian_operation", key: "seq", binding: "seq",
            columns: [
                .init(name: "payload", kind: .payload), .init(name: "base", kind: .base), .init(name: "error_message", kind: .errorMessage),
                .init(name: "server_state", kind: .conflictState),
            ]),
        SealedTable(
            name: "guardian_entity", key: "line", binding: "line",
            columns: [
                .init(name: "state", kind: .entityState), .init(name: "marks", kind: .entityMarks),
            ]),
        SealedTable(
            name: "guardian_optimistic", key: "number", binding: "token", isNamed: true, columns: [.init(name: "original", kind: .original)]
        ),
        SealedTable(
            name: "guardian_optimistic_ending", key: "number", binding: "token", isNamed: true,
            columns: [
                .init(name: "original", kind: .original), .init(name: "state", kind: .endingState),
                .init(name: "error_message", kind: .endingError),
            ]),
        SealedTable(name: "guardian_ledger", key: "number", binding: "seq", columns: [.init(name: "answer", kind: .answer)]),
    ]

    /// A condition on rows with a value that is not as it is to be: sealed under the key whose head is `?2`, or in clear when that is NULL.
    var isStale: String {
        columns.map { column in
            """
            (\(column.name) IS NOT NULL AND CASE WHEN ?2 IS NULL THEN typeof(\(column.name)) = 'blob'
                ELSE typeof(\(column.name)) <> 'blob' OR substr(\(column.name), 1, \(Sealer.headLength)) <> ?2 END)
            """
        }.joined(separator: " OR ")
    }

    /// The keys of the rows after `?1` that are stale, `?3` at most.
    var selectStaleKeys: String { "SELECT \(key) FROM \(name) WHERE \(key) > ?1 AND (\(isStale)) ORDER BY \(key) LIMIT ?3" }

    /// The row of key `?1`, if it is stale: key, binding, values.
    var selectStale: String {
        "SELECT \(key), \(binding), \(columns.map(\.name).joined(separator: ", ")) FROM \(name) WHERE \(key) = ?1 AND (\(isStale))"
    }

    /// All sealed values: key, binding, values.
    var selectSealed: String {
        let sealed = columns.map { "typeof(\($0.name)) = 'blob'" }.joined(separator: " OR ")
        return "SELECT \(key), \(binding), \(columns.map(\.name).joined(separator: ", ")) FROM \(name) WHERE \(sealed)"
    }

    var update: String {
        let sets = columns.enumerated().map { "\($1.name) = ?\($0 + 2)" }.joined(separator: ", ")
        return "UPDATE \(name) SET \(sets) WHERE \(key) = ?1"
    }

    func place(_ row: RawStatement, _ column: Column) -> Sealer.Place {
        isNamed ? column.kind.at(row.text(1) ?? "") : column.kind.at(row.int(1))
    }
}
