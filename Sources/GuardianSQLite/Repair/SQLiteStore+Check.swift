internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public func check() async throws(StoreError) -> CheckReport {
        try await read { [vault] db in try Self.checkReport(db, vault) }
    }

    /// Counts and looks at all that is in `db`; without a vault, whatever is sealed stays unread.
    static func checkReport(_ db: Database, _ vault: Vault? = nil) throws -> CheckReport {
        var problems = try String.fetchAll(db, sql: "PRAGMA integrity_check(20)").filter { $0 != "ok" }.map { "integrity: \($0)" }
        func expect(_ what: String, _ sql: String) throws {
            let count = try Int64.fetchOne(db, sql: sql) ?? 0
            if count != 0 { problems.append("\(what): \(count)") }
        }
        try expect(
            "lines without exactly one head",
            "SELECT count(*) FROM (SELECT 1 FROM guardian_operation WHERE status < 2 GROUP BY line HAVING sum(head) <> 1)")
        try expect(
            "claimed operations that are not the head of their line",
            """
            SELECT count(*) FROM guardian_claim c LEFT JOIN guardian_operation o ON o.seq = c.operation
            WHERE o.status IS NOT 0 OR o.head = 0
            """)
        try expect("operations with a status that no row keeps", "SELECT count(*) FROM guardian_operation WHERE status NOT IN (0, 2)")
        try expect(
            "failed operations that still stand in a line", "SELECT count(*) FROM guardian_operation WHERE status = 2 AND head = 1")
        try expect(
            "followers that the one before them does not know",
            """
            SELECT count(*) FROM guardian_operation o LEFT JOIN guardian_operation p ON p.seq = o.previous AND p.status < 2
            WHERE o.status < 2 AND o.head = 0 AND (p.next IS NOT o.seq OR p.line IS NOT o.line)
            """)
        try expect(
            "operations whose next one is not behind them",
            """
            SELECT count(*) FROM guardian_operation o LEFT JOIN guardian_operation n ON n.seq = o.next AND n.status < 2
            WHERE o.next IS NOT NULL AND (o.status = 2 OR n.head IS NOT 0 OR n.previous IS NOT o.seq)
            """)
        try expect(
            "pending operations before an older one",
            "SELECT count(*) FROM guardian_operation WHERE status = 0 AND next < seq AND \(Claims.leavesRow)")
        try expect(
            "lines whose end is not known",
            """
            SELECT count(*) FROM guardian_operation o LEFT JOIN guardian_line l ON l.line = o.line
            WHERE o.status < 2 AND o.next IS NULL AND l.last IS NOT o.seq
            """)
        for (what, sql) in aliasChecks { try expect(what, sql) }
        if let vault { problems += try sealingProblems(db, vault) }
        try expect("numbers given twice", "SELECT count(*) FROM guardian_operation WHERE seq >= (SELECT next_seq FROM guardian_books)")
        var counts: [Int64: Int64] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT status, count(*) FROM guardian_operation GROUP BY status") {
            counts[row[0]] = row[1]
        }
        let books = try Self.books(db)
        let report = CheckReport(
            pending: (counts[0] ?? 0) - books.processing, processing: books.processing, failed: counts[2] ?? 0, books: books,
            problems: problems)
        if report.gap != 0 {
            problems.append("the books do not balance: accepted \(report.books.accepted), unaccounted for \(report.gap)")
        }
        if report.failed != report.books.failed {
            problems.append("the books say \(report.books.failed) failed operations; there are \(report.failed)")
        }
        var complete = report
        complete.problems = problems
        return complete
    }

    public func rebuildIndex(ordering: Ordering?) async throws(StoreError) -> Int {
        try await queue.write { [self] transaction in
            try transaction.statement("REINDEX").run()
            let stored = try transaction.ordering()
            let wanted = ordering ?? stored
            if wanted != stored { try clearLock(transaction, stored, wanted) }
            let changed = try Self.rebuild(transaction, ordering: wanted)
            try transaction.save(wanted)
            return changed
        }
    }

    /// Computes `line` and `head` of every row anew, a thousand rows at a time, and from which number on none is given. Returns how many
    /// were wrong.
    static func rebuild(_ transaction: WriteTransaction, ordering: Ordering) throws -> Int {
        var changed = 0
        var after: Int64 = 0
        let rows = try transaction.statement(
            "SELECT seq, line, entity_type, entity_id, ordering_key, entity_line FROM guardian_operation WHERE seq > ?1 ORDER BY seq LIMIT 1000"
        )
        let update = try transaction.statement("UPDATE guardian_operation SET line = ?2, entity_line = ?3 WHERE seq = ?1")
        while true {
            rows.bind(1, after)
            var wrong: [(seq: Int64, line: Int64, entityLine: Int64?)] = []
            var count = 0
            while try rows.step() {
                count += 1
                after = rows.int(0)
                let entity = EntityKey(type: rows.text(2) ?? "", id: rows.text(3) ?? "")
                let line = ordering.line(for: rows.text(4) ?? entity.orderingKey)
                let own = Line.of(entity)
                let entityLine = own == line ? nil : own
                if line != rows.int(1) || entityLine != rows.optionalInt(5) { wrong.append((after, line, entityLine)) }
            }
            for (seq, line, entityLine) in wrong {
                update.bind(1, seq)
                update.bind(2, line)
                update.bind(3, entityLine)
                try update.run()
            }
            changed += wrong.count
            if count < 1000 { break }
        }
        // The claimed one leads its line; where none is claimed, the oldest does.
        try transaction.db.execute(
            sql: """
                DROP TABLE IF EXISTS temp.place;
                CREATE TEMP TABLE place AS SELECT seq, line,
                    lag(seq) OVER standing AS previous, lead(seq) OVER standing AS next
                FROM guardian_operation WHERE status < 2 WINDOW standing AS (PARTITION BY line ORDER BY \(Claims.leavesRow), seq);
                CREATE UNIQUE INDEX temp.place_seq ON place(seq);
                """)
        defer { do { try transaction.db.execute(sql: "DROP TABLE temp.place") } catch {} }
        changed += try transaction.run(
            "UPDATE guardian_operation SET head = 0, next = NULL WHERE status = 2 AND (head = 1 OR next IS NOT NULL)")
        changed += try transaction.run(
            "DELETE FROM guardian_claim WHERE operation NOT IN (SELECT seq FROM temp.place WHERE previous IS NULL)")
        changed += try transaction.run(
            """
            UPDATE guardian_operation SET head = p.previous IS NULL, previous = p.previous, next = p.next FROM temp.place p
            WHERE p.seq = guardian_operation.seq AND (head <> (p.previous IS NULL) OR guardian_operation.next IS NOT p.next
                OR p.previous IS NOT NULL AND guardian_operation.previous IS NOT p.previous)
            """)
        // Entries of lines in which nobody stands are no mistake, but one whose row stands in another line now could be taken for one.
        _ = try transaction.run("DELETE FROM guardian_line WHERE line NOT IN (SELECT line FROM temp.place)")
        changed += try transaction.run(
            """
            INSERT INTO guardian_line (line, last) SELECT line, seq FROM temp.place WHERE next IS NULL
            ON CONFLICT (line) DO UPDATE SET last = excluded.last WHERE last <> excluded.last
            """)
        try transaction.statement("UPDATE guardian_books SET failed = (SELECT count(*) FROM guardian_operation WHERE status = 2)").run()
        // No number is given twice: neither one that is stored, nor one that the ledger remembers.
        changed += try transaction.run(
            """
            WITH given(most) AS (
                SELECT max((SELECT coalesce(max(seq), 0) FROM guardian_operation), (SELECT coalesce(max(seq), 0) FROM guardian_ledger)))
            UPDATE guardian_books SET next_seq = (SELECT most FROM given) + 1 WHERE next_seq <= (SELECT most FROM given)
            """)
        return changed
    }
}
