public import GuardianCore

extension PostgresStore {
    /// What is wrong, as a count for each sentence.
    private static let checks: [(what: String, sql: String)] = [
        (
            "lines whose head is not there",
            """
            SELECT count(*) FROM guardian_line l LEFT JOIN guardian_operation o ON o.seq = l.head AND o.line = l.line AND o.status = 0
            WHERE o.seq IS NULL
            """
        ),
        (
            "operations in a line that has no row",
            """
            SELECT count(*) FROM guardian_operation o LEFT JOIN guardian_line l ON l.line = o.line WHERE o.status = 0 AND l.line IS NULL
            """
        ),
        (
            "followers that their line does not find",
            """
            SELECT count(*) FROM guardian_operation o JOIN guardian_line l ON l.line = o.line
            WHERE o.status = 0 AND NOT o.follows AND l.head <> o.seq
            """
        ),
        (
            "lines whose end is not known",
            """
            SELECT count(*) FROM guardian_line l WHERE l.tail <> coalesce((SELECT o.seq FROM guardian_operation o
                WHERE o.line = l.line AND o.follows AND o.status = 0 AND o.seq <> l.head ORDER BY o.seq DESC LIMIT 1), l.head)
            """
        ),
        (
            "lines that do not know whether anybody stands behind their head",
            """
            SELECT count(*) FROM guardian_line l WHERE NOT l.joined AND EXISTS (SELECT 1 FROM guardian_operation o
                WHERE o.line = l.line AND o.follows AND o.status = 0 AND o.seq <> l.head)
            """
        ),
        (
            "heads that are due at another time than their operation",
            """
            SELECT count(*) FROM guardian_line l JOIN guardian_operation o ON o.seq = l.head
            WHERE l.state = 0 AND (l.due_at, l.priority) <> (o.due_at, o.priority)
            """
        ),
        (
            "claims of nobody",
            """
            SELECT count(*) FROM guardian_line l LEFT JOIN guardian_processor p ON p.epoch = l.epoch WHERE l.state = 1 AND p.epoch IS NULL
            """
        ),
        (
            "claims that the books do not know",
            """
            SELECT abs((SELECT count(*) FROM guardian_line WHERE state = 1) - (SELECT sum(processing) FROM guardian_books))::bigint
            """
        ),
        (
            "operations that wait for no create",
            """
            SELECT count(*) FROM guardian_operation o
            WHERE o.status = 0 AND (o.due_at = \(Parking.awaiting)) <> (EXISTS (SELECT 1 FROM guardian_reference r WHERE r.seq = o.seq))
            """
        ),
        (
            "references of operations that do not wait",
            """
            SELECT count(*) FROM guardian_reference r LEFT JOIN guardian_operation o ON o.seq = r.seq
                LEFT JOIN guardian_line l ON l.line = o.line AND l.head = o.seq AND l.state = 1
            WHERE o.seq IS NULL OR l.line IS NOT NULL
            """
        ),
        (
            "references to creates that are gone",
            """
            SELECT count(*) FROM guardian_reference r WHERE NOT EXISTS (SELECT 1 FROM guardian_open_create c
                WHERE c.entity_type = r.entity_type AND c.entity_id = r.entity_id AND c.seq < r.seq)
            """
        ),
        (
            "creates that are waited for and not stored",
            """
            SELECT count(*) FROM guardian_open_create c LEFT JOIN guardian_operation o ON o.seq = c.seq
            WHERE o.entity_type IS DISTINCT FROM c.entity_type OR o.entity_id IS DISTINCT FROM c.entity_id
            """
        ),
        (
            "numbers given twice",
            "SELECT count(*) FROM guardian_operation WHERE seq > (SELECT last_value FROM guardian_seq)"
        ),
        (
            "ids that are stored and remembered",
            "SELECT count(*) FROM guardian_operation o JOIN guardian_ledger g ON g.id = o.id"
        ),
    ]

    private static let counts = SQL(
        """
        SELECT count(*) FILTER (WHERE o.status = 0 AND l.line IS NULL), count(*) FILTER (WHERE l.line IS NOT NULL),
            count(*) FILTER (WHERE o.status = 2) FROM \(OperationRow.source)
        """)

    public func check() async throws(StoreError) -> CheckReport {
        try await look(.long, patienceMs: 3_600_000) { write in
            var problems: [String] = []
            for (what, sql) in Self.checks {
                let count = try write.rows(text: sql).first?.int(0) ?? 0
                if count != 0 { problems.append("\(what): \(count)") }
            }
            let counts = try write.first(Self.counts)
            var report = CheckReport(
                pending: counts?.int(0) ?? 0, processing: counts?.int(1) ?? 0, failed: counts?.int(2) ?? 0, books: try Self.books(write),
                problems: [])
            if report.gap != 0 {
                problems.append("the books do not balance: accepted \(report.books.accepted), unaccounted for \(report.gap)")
            }
            if report.failed != report.books.failed {
                problems.append("the books say \(report.books.failed) failed operations; there are \(report.failed)")
            }
            report.problems = problems
            return report
        }
    }

    public func rebuildIndex(ordering wanted: Ordering?) async throws(StoreError) -> Int {
        let now = SystemClock().now.wall
        let (changed, ordering) = try await pool.with(.long, isRepeatable: true, patienceMs: 3_600_000) {
            [self] connection -> (Int, Ordering) in
            try Write.run(on: connection, lockMs: Self.lineUpMs) { write in
                let stored = try write.ordering()
                let ordering = wanted ?? stored
                if stored != ordering { try clearSeats(stored, ordering, now, write) }
                let changed = try Self.rebuild(write, ordering: ordering)
                try Self.save(ordering: ordering, write)
                return (changed, ordering)
            }
        }
        adopt(ordering)
        return changed
    }

    /// Milliseconds that lining up waits for those who write. Longer than the server's `deadlock_timeout` (1 s), for that is when an
    /// autovacuum that is in the way gives up.
    static let lineUpMs = 1500
    private static let stopWriters = SQL("LOCK TABLE guardian_line, guardian_operation, guardian_books_app IN SHARE ROW EXCLUSIVE MODE")
    private static let page = SQL(
        """
        SELECT seq, line, entity_type, entity_id, ordering_key, entity_line FROM guardian_operation WHERE seq > $1 ORDER BY seq LIMIT 1000
        """)
    private static let move = SQL(
        """
        UPDATE guardian_operation o SET line = m.line, entity_line = m.entity_line
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS m(seq, line, entity_line) WHERE o.seq = m.seq
        """)
    /// The claimed one leads its line; where none is claimed, the oldest does. The last is the last of those behind it.
    private static let rebuildLines = """
        CREATE TEMP TABLE guardian_place ON COMMIT DROP AS
            SELECT DISTINCT ON (o.line) o.line, o.seq AS head,
                coalesce(max(o.seq) OVER (PARTITION BY o.line ORDER BY (c.line IS NULL), o.seq
                    ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), o.seq) AS tail,
                count(*) OVER (PARTITION BY o.line) > 1 AS joined, o.due_at, o.priority,
                o.expires_at, o.crashes, o.ordering_key, c.epoch, c.claimed_at, o.updated_at
            FROM guardian_operation o LEFT JOIN guardian_line c ON c.head = o.seq AND c.state = 1
            WHERE o.status = 0 ORDER BY o.line, (c.line IS NULL), o.seq
        """
    private static let countWrong = """
        SELECT count(*) FROM guardian_place p FULL JOIN guardian_line l ON l.line = p.line
        WHERE (p.head, p.tail, p.due_at, p.priority) IS DISTINCT FROM (l.head, l.tail, l.due_at, l.priority) OR p.joined AND NOT l.joined
        """
    private static let fillLines = """
        INSERT INTO guardian_line (line, head, tail, joined, due_at, updated_at, priority, state, suspect, tenant, expires_at, epoch,
            claimed_at)
        SELECT line, head, tail, joined, due_at, updated_at, priority, CASE WHEN epoch IS NULL THEN 0 ELSE 1 END, coalesce(crashes, 0) > 0,
            CASE WHEN $1 THEN '' ELSE guardian_tenant(ordering_key) END, expires_at, epoch, claimed_at FROM guardian_place
        """
    private static let followers = """
        UPDATE guardian_operation o SET follows = true FROM guardian_place p
        WHERE p.line = o.line AND o.status = 0 AND p.head <> o.seq AND NOT o.follows
        """
    private static let countFailed = """
        UPDATE guardian_books b SET failed = CASE WHEN stripe = 0 THEN (SELECT count(*) FROM guardian_operation WHERE status = 2) ELSE 0 END,
            processing = CASE WHEN stripe = 0 THEN (SELECT count(*) FROM guardian_line WHERE state = 1) ELSE 0 END
        """

    /// Computes the lines anew from the operations. Returns how many rows were wrong.
    static func rebuild(_ write: Write, ordering: Ordering) throws -> Int {
        do { try write.rows(stopWriters) } catch let failure as ServerFailure where failure.state == ServerFailure.busy {
            // Not tried again at once: whoever writes stands behind the one that waits.
            throw StoreError.unavailable("a transaction that is open elsewhere holds part of the queue; end it, then line it up anew")
        }
        var changed = 0
        var after: Int64 = 0
        while true {
            let rows = try write.rows(page, .int(after))
            var wrong: [(seq: Int64, line: Int64, entityLine: Int64?)] = []
            for row in rows {
                after = row.int(0)
                let entity = EntityKey(type: row.text(2) ?? "", id: row.text(3) ?? "")
                let line = ordering.line(for: row.text(4) ?? entity.orderingKey)
                let own = Line.of(entity)
                let entityLine = own == line ? nil : own
                if line != row.int(1) || entityLine != row.optionalInt(5) { wrong.append((after, line, entityLine)) }
            }
            if !wrong.isEmpty {
                write.later(move, .ints(wrong.map(\.seq)), .ints(wrong.map(\.line)), .ints(wrong.map(\.entityLine)))
            }
            changed += wrong.count
            if rows.count < 1000 { break }
        }
        try write.rows(text: rebuildLines)
        changed += Int(try write.rows(text: countWrong).first?.int(0) ?? 0)
        try write.rows(text: "DELETE FROM guardian_line")
        try write.rows(text: fillLines, .bool(ordering == .strict))
        changed += try write.rows(text: followers).changed
        try carryOver(write)
        try write.rows(text: countFailed)
        return changed
    }
}
