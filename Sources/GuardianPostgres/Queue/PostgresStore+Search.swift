public import GuardianCore

extension PostgresStore: SearchStore {
    /// Pages that one call looks through at most, for what the database can't tell (the shape of a failure).
    private static let mostPages = 20

    private static let newest = SQL("SELECT coalesce(max(seq), 0) FROM guardian_operation")
    private static let lines = SQL("SELECT count(*) FROM guardian_line")

    public func search(_ search: OperationSearch) async throws(StoreError) -> SearchPage {
        try await pool.with(.long, isRepeatable: true, patienceMs: 120_000) { connection in
            let size = search.shape == nil ? search.limit + 1 : 1000
            var found: [Operation] = []
            var bytes = 0
            var cursor = search.cursor
            for _ in 0..<Self.mostPages {
                let rows = try connection.look(SearchQuery(search, cursor: cursor).page(limit: size))
                for row in rows {
                    let operation = try OperationRow.read(row)
                    guard search.fits(operation) else { continue }
                    guard found.count < search.limit, bytes < SearchPage.mostBytes else {
                        return SearchPage(operations: found, next: found.last?.seq)
                    }
                    bytes += operation.carriedBytes
                    found.append(operation)
                }
                guard let last = rows.last, rows.count == size || last.int(OperationRow.count) >= SearchPage.mostBytes else {
                    return SearchPage(operations: found, next: nil)
                }
                cursor = last.int(0)
                if bytes >= SearchPage.mostBytes { break }
            }
            // More may follow: the next call goes on from here.
            return SearchPage(operations: found, next: cursor)
        }
    }

    public func count(_ search: OperationSearch) async throws(StoreError) -> Int64 {
        var all = search
        (all.cursor, all.isNewestFirst, all.limit, all.includesPayload) = (nil, false, 1000, false)
        guard all.shape == nil else {
            var total: Int64 = 0
            while true {
                let page = try await self.search(all)
                total += Int64(page.operations.count)
                guard let next = page.next else { return total }
                all.cursor = next
            }
        }
        let query = SearchQuery(all, cursor: nil)
        return try await pool.with(.long, isRepeatable: true, patienceMs: 600_000) { connection in
            try connection.look(query.count).first?.int(0) ?? 0
        }
    }

    public func newestSeq() async throws(StoreError) -> Int64 {
        try await pool.with(isRepeatable: true) { connection in try connection.look(Call(Self.newest)).first?.int(0) ?? 0 }
    }

    public func indexEntries() async throws(StoreError) -> Int64 {
        try await pool.with(.long, isRepeatable: true, patienceMs: 120_000) { connection in
            try connection.look(Call(Self.lines)).first?.int(0) ?? 0
        }
    }

    private static let waiting = SQL(
        """
        SELECT \(OperationRow.columns.replacing("l.claimed_at", with: "NULL::bigint")), l.due_at, (
            SELECT count(*) FROM (SELECT 1 FROM guardian_operation f
                WHERE f.line = l.line AND f.follows AND f.status = 0 AND f.seq <> l.head LIMIT \(BlockedKey.mostCounted)) c)
        FROM guardian_line l JOIN guardian_operation o ON o.seq = l.head
        WHERE l.state = 0 AND l.due_at > 0 AND l.due_at > $1 AND l.priority <= $2
            AND (l.priority < $2 OR (l.due_at, l.head) > ($3, $4))
        ORDER BY l.priority DESC, l.due_at, l.head LIMIT $5
        """)

    public func blockedKeys(at now: Timestamp, after place: BlockedKey.Place?, limit: Int) async throws(StoreError) -> [BlockedKey] {
        try await pool.with(.long, isRepeatable: true, patienceMs: 120_000) { connection in
            let values: [Parameter] = [
                .int(max(now.milliseconds, 0)), .int32(place?.priority ?? Int(Int32.max)), .int(place?.due ?? 0), .int(place?.seq ?? 0),
                .int(Int64(limit)),
            ]
            return try connection.look(Call(Self.waiting, values)).map { row in
                let head = try OperationRow.read(row)
                let due = row.int(OperationRow.count)
                let reason: BlockedKey.Reason =
                    switch due {
                    case Parking.awaiting: .awaiting
                    case Parking.due: .principal
                    default: head.nextRetryAt == nil ? .notBefore : .backoff
                    }
                return BlockedKey(
                    head: head, reason: reason, behind: Int(row.int(OperationRow.count + 1)),
                    place: .init(priority: head.priority, due: due, seq: head.seq))
            }
        }
    }
}
