internal import GRDB
internal import GuardianCore

/// What a transaction adds to the tallies; written once, before its commit.
struct TallyChange {
    private struct Row: Hashable {
        var kind: Tally.Kind
        var labels: Tally.Labels
    }

    private var counts: [Row: Int64] = [:]
    /// The rows that the table has; nil until somebody asks.
    private var known: Set<Row>?

    private static let all = SQL("SELECT kind, operation_type, entity_type, error_class, count FROM guardian_tally")
    private static let upsert = SQL(
        """
        INSERT INTO guardian_tally (kind, operation_type, entity_type, error_class, count) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (kind, operation_type, entity_type, error_class) DO UPDATE SET count = count + ?5
        """)

    mutating func add(_ kind: Tally.Kind, _ labels: Tally.Labels, by count: Int64, in transaction: WriteTransaction) throws {
        var row = Row(kind: kind, labels: labels)
        if counts[row] == nil {
            var rows = try known ?? Self.rows(transaction)
            if !rows.contains(row) {
                let told = rows.count { $0.kind == kind && $0.labels != $0.labels.rest }
                if told >= Tally.mostLabels { row.labels = labels.rest }
                rows.insert(row)
            }
            known = rows
        }
        counts[row, default: 0] += count
    }

    mutating func save(in transaction: WriteTransaction) throws {
        guard !counts.isEmpty else { return }
        let write = try transaction.statement(Self.upsert)
        for (row, count) in counts {
            write.bind(1, row.kind.rawValue)
            write.bind(2, row.labels.operationType as String?)
            write.bind(3, row.labels.entityType as String?)
            write.bind(4, row.labels.errorClass as String?)
            write.bind(5, count)
            try write.run()
        }
        counts.removeAll(keepingCapacity: true)
    }

    /// Forgets what an abandoned transaction has counted, and the rows that it would have made.
    mutating func drop() {
        if !counts.isEmpty { known = nil }
        counts.removeAll(keepingCapacity: true)
    }

    mutating func forget() { known = nil }

    private static func rows(_ transaction: WriteTransaction) throws -> Set<Row> {
        let find = try transaction.statement(all)
        var found: Set<Row> = []
        while try find.step() {
            guard let tally = read(find) else { continue }
            found.insert(Row(kind: tally.kind, labels: tally.labels))
        }
        return found
    }

    /// All rows, as they are on disk.
    static func read(_ db: Database) throws -> [Tally] {
        let find = try RawStatement(db, all.text)
        var found: [Tally] = []
        while try find.step() { if let tally = read(find) { found.append(tally) } }
        return found
    }

    private static func read(_ row: RawStatement) -> Tally? {
        guard let kind = Tally.Kind(rawValue: Int(row.int(0))) else { return nil }
        let labels = Tally.Labels(operationType: row.text(1) ?? "", entityType: row.text(2) ?? "", errorClass: row.text(3) ?? "")
        return Tally(kind, labels: labels, count: row.int(4))
    }
}
