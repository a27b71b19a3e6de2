public import GuardianCore

extension PostgresStore {
    private static let sums = SQL(
        """
        SELECT sum(accepted)::bigint, sum(processed)::bigint, sum(coalesced)::bigint, sum(cancelled)::bigint, sum(expired)::bigint,
            sum(cleared)::bigint, sum(failed)::bigint, sum(processing)::bigint, count(stripe)
        FROM (
            SELECT stripe, accepted, processed, coalesced, cancelled, expired, cleared, failed, processing FROM guardian_books
            UNION ALL SELECT NULL, accepted, 0, 0, 0, 0, 0, failed, 0 FROM guardian_books_app
        ) b
        """)
    private static let findOne = SQL("SELECT \(OperationRow.columns) FROM \(OperationRow.source) WHERE o.id = $1")
    private static let countAll = SQL("SELECT count(*) FROM guardian_operation")
    private static let oldest = SQL("SELECT enqueued_at FROM guardian_operation WHERE status = 0 ORDER BY seq LIMIT 1")

    public func books() async throws(StoreError) -> Books { try await look { try Self.books($0) } }

    static func books(_ write: Write) throws -> Books {
        guard let row = try write.first(sums), row.int(8) > 0 else { throw StoreError.corrupt("the books are missing") }
        var books = Books()
        books.accepted = row.int(0)
        books.processed = row.int(1)
        books.coalesced = row.int(2)
        books.cancelled = row.int(3)
        books.expired = row.int(4)
        books.cleared = row.int(5)
        books.failed = row.int(6)
        books.processing = row.int(7)
        return books
    }

    public func accountingGap() async throws(StoreError) -> Int64 {
        try await look(.long, patienceMs: 600_000) { write in
            let books = try Self.books(write)
            let rows = try write.first(Self.countAll)?.int(0) ?? 0
            return books.pending + books.processing + books.failed - rows
        }
    }

    public func operation(_ id: OperationID) async throws(StoreError) -> Operation? {
        try await pool.with(isRepeatable: true) { connection in
            try connection.look(Call(Self.findOne, [.id(id)])).first.map { try OperationRow.read($0) }
        }
    }

    public func list(_ filter: OperationFilter) async throws(StoreError) -> [Operation] {
        try await pool.with(.long, isRepeatable: true, patienceMs: 600_000) { connection in
            var conditions = ["o.seq > $1"]
            var values: [Parameter] = [.int(filter.afterSeq)]
            func add(_ condition: String, _ value: Parameter?) {
                guard let value else { return }
                values.append(value)
                conditions.append("\(condition) $\(values.count)")
            }
            switch filter.status {
            case .pending: conditions.append("o.status = 0 AND l.line IS NULL")
            case .processing: conditions.append("l.line IS NOT NULL")
            case .failed: conditions.append("o.status = 2")
            case nil: break
            }
            add("o.operation_type =", filter.operationType.map { .text($0) })
            add("o.entity_type =", filter.entityType.map { .text($0) })
            add("o.entity_id =", filter.entityID.map { .text($0) })
            add("o.trace_id =", filter.traceID.map { .uuid($0) })
            add("o.enqueued_at >=", filter.since.map { .time($0) })
            add("o.enqueued_at <", filter.until.map { .time($0) })
            let columns = filter.includesPayload ? OperationRow.columns : OperationRow.columnsWithoutPayload
            let text = """
                SELECT \(columns) FROM \(OperationRow.source) WHERE \(conditions.joined(separator: " AND "))
                ORDER BY o.seq LIMIT \(filter.limit)
                """
            return try connection.look(Call(SQL(text), values, isPrepared: false)).map { try OperationRow.read($0) }
        }
    }

    /// As what an app has enqueued for a change that was rolled back with what it depends on is counted.
    private static let refused = Tally.Labels.other(.dependency)
    private static let allTallies = SQL(
        """
        SELECT kind, operation_type, entity_type, error_class, sum(count)::bigint
        FROM (
            SELECT kind, operation_type, entity_type, error_class, count FROM guardian_tally
            UNION ALL
            SELECT \(Tally.Kind.failed.rawValue), '\(refused.operationType)', '\(refused.entityType)', '\(refused.errorClass)', failed
            FROM guardian_books_app WHERE failed <> 0
        ) t
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 5 DESC, 2, 3, 4
        """)

    /// Beyond ``Tally/mostLabels`` of a kind, the rarest are told together.
    public func tallies() async throws(StoreError) -> [Tally] {
        try await pool.with(isRepeatable: true) { connection in
            var found: [Tally] = []
            var told: [Tally.Kind: Int] = [:]
            for row in try connection.look(Call(Self.allTallies)) {
                guard let kind = Tally.Kind(rawValue: Int(row.int(0))) else { continue }
                var labels = Tally.Labels(
                    operationType: row.text(1) ?? "", entityType: row.text(2) ?? "", errorClass: row.text(3) ?? "")
                told[kind, default: 0] += 1
                if told[kind, default: 0] > Tally.mostLabels { labels = labels.rest }
                if let place = found.firstIndex(where: { $0.kind == kind && $0.labels == labels }) {
                    found[place].count += row.int(4)
                } else {
                    found.append(Tally(kind, labels: labels, count: row.int(4)))
                }
            }
            return found
        }
    }

    private static let touch = SQL("UPDATE guardian_books SET stripe = stripe WHERE stripe = $1")

    public func probeWrite() async throws(StoreError) {
        try await pool.with(isRepeatable: true) { connection in
            _ = try connection.run([Write.bounds(on: connection), Call(Self.touch, [.int32(connection.stripe)])])
        }
    }

    public func oldestPending() async throws(StoreError) -> Timestamp? {
        try await pool.with(isRepeatable: true) { connection in try connection.look(Call(Self.oldest)).first?.time(0) }
    }
}
