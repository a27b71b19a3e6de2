internal import GRDB
internal import GuardianCore

/// One transaction of the writer: statements that stay prepared, and counters that are written once, before the commit.
final class WriteTransaction {
    let db: Database
    private var statements: [String: RawStatement] = [:]
    private var change = BooksChange()
    private var nextSeq: Int64?

    init(_ db: Database) { self.db = db }

    /// What the transaction adds to each counter.
    struct BooksChange: Equatable {
        var accepted: Int64 = 0
        var processed: Int64 = 0
        var cancelled: Int64 = 0
        var expired: Int64 = 0
        var cleared: Int64 = 0
        var failed: Int64 = 0
    }

    func statement(_ sql: String) throws -> RawStatement {
        if let made = statements[sql] { return made }
        let made = try RawStatement(db, sql)
        statements[sql] = made
        return made
    }

    func count(_ apply: (inout BooksChange) -> Void) { apply(&change) }

    /// The next running number. Read once a transaction: another process may have given some since.
    func takeSeq() throws -> Int64 {
        if nextSeq == nil {
            let books = try statement("SELECT next_seq FROM books")
            defer { books.reset() }
            guard try books.step() else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the books are missing") }
            nextSeq = books.int(0)
        }
        let taken = nextSeq ?? 0
        nextSeq = taken + 1
        return taken
    }

    /// Gives the last number back, when nothing was stored under it.
    func returnSeq() { nextSeq = nextSeq.map { $0 - 1 } }

    func begin() throws {
        change = BooksChange()
        nextSeq = nil
        try statement("BEGIN IMMEDIATE").run()
    }

    func commit() throws {
        if change != BooksChange() || nextSeq != nil {
            let update = try statement(
                """
                UPDATE books SET accepted = accepted + ?1, processed = processed + ?2, cancelled = cancelled + ?3, expired = expired + ?4,
                    cleared = cleared + ?5, failed = failed + ?6, next_seq = max(next_seq, ?7)
                """)
            update.bind(1, change.accepted)
            update.bind(2, change.processed)
            update.bind(3, change.cancelled)
            update.bind(4, change.expired)
            update.bind(5, change.cleared)
            update.bind(6, change.failed)
            update.bind(7, nextSeq ?? 0)
            try update.run()
        }
        try statement("COMMIT").run()
    }

    /// After an error. SQLite may have rolled back by itself (a full disk), so "no transaction is active" is expected here.
    func rollback() {
        do { try statement("ROLLBACK").run() } catch {}
    }

    /// Keeps the id of an operation that leaves the queue for the ledger's window: enqueued again, it adds nothing.
    func remember(_ id: OperationID, seq: Int64, key: UniqueID, _ now: Timestamp) throws {
        let insert = try statement("INSERT INTO ledger (id, seq, idempotency_key, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING")
        insert.bind(1, id)
        insert.bind(2, seq)
        insert.bind(3, key)
        insert.bind(4, now)
        try insert.run()
    }

    /// The row with the lowest `seq` of a line without a head becomes its head.
    func promote(line: Int64) throws {
        let update = try statement(
            """
            UPDATE operation SET head = 1 WHERE seq =
                (SELECT seq FROM operation INDEXED BY operation_line WHERE line = ?1 AND status < 2 ORDER BY seq LIMIT 1)
            """)
        update.bind(1, line)
        try update.run()
    }

    /// The pending head `seq` makes way when an older operation of its line (one that a person retried) waits behind it.
    func yieldHead(line: Int64, seq: Int64) throws {
        let oldest = try statement(
            "SELECT seq FROM operation INDEXED BY operation_line WHERE line = ?1 AND status < 2 ORDER BY seq LIMIT 1")
        oldest.bind(1, line)
        defer { oldest.reset() }
        guard try oldest.step(), oldest.int(0) != seq else { return }
        oldest.reset()
        let demote = try statement("UPDATE operation SET head = 0 WHERE seq = ?1")
        demote.bind(1, seq)
        try demote.run()
        try promote(line: line)
    }
}
