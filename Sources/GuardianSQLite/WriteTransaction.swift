internal import GRDB
internal import GRDBSQLite
internal import GuardianCore

/// One transaction of the writer: statements that stay prepared, and counters that are written once, before the commit.
final class WriteTransaction {
    let db: Database
    let vault: Vault
    /// What must still stand where it was when a transaction begins; nil where the store has just been opened.
    private let files: OpenFiles?
    /// Room for the row that is being written.
    let bytes = RowBytes()
    private var statements: [String: RawStatement] = [:]
    private var hot: [ObjectIdentifier: RawStatement] = [:]
    private var change = BooksChange()
    private var tookSeqs = false
    private var tallies = TallyChange()

    /// The version of the file for which the schema is known to be this build's.
    private var checkedAt: UInt32?

    // What was asked for once holds in later transactions too, as long as nobody else has written to the file.

    /// The version of the file at the last commit whose knowledge may be kept.
    private var learntAt: UInt32?
    /// The greatest id of the ledger.
    private var newestRemembered: Remembered?
    private var nextSeq: Int64?
    /// Whether the table `entity` has rows.
    var knowsEntities: Bool?
    /// Whether the table `feed` has rows.
    var knownFeed: Bool?
    /// Whether the tables `alias` and `guardian_open_create` have rows.
    var knownAliases: Bool?
    var knownOpenCreates: Bool?
    /// What a claim need not pass over again.
    var claimed = ClaimedHeads()
    /// How operations line up.
    private var knownOrdering: Ordering?
    /// What is written under.
    var knownSealing: Sealing?

    private static let beginning = SQL("BEGIN IMMEDIATE")
    private static let committing = SQL("COMMIT")
    private static let readSeq = SQL("SELECT next_seq FROM guardian_books")
    private static let saveBooks = SQL(
        """
        UPDATE guardian_books SET accepted = accepted + ?1, processed = processed + ?2, cancelled = cancelled + ?3, expired = expired + ?4,
            cleared = cleared + ?5, failed = failed + ?6, next_seq = max(next_seq, ?7), coalesced = coalesced + ?8
        """)
    private static let rememberID = SQL(
        """
        INSERT INTO guardian_ledger (id, seq, idempotency_key, at, ending, merged_into, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (id) DO NOTHING
        """)
    private static let readOrdering = SQL("SELECT value FROM guardian_setting WHERE name = 'ordering'")
    private static let newestID = SQL("SELECT max(id) FROM guardian_ledger")
    private static let newestMigration = SQL("SELECT max(identifier) FROM grdb_migrations WHERE identifier GLOB 'guardian-*'")

    init(_ db: Database, _ vault: Vault, _ files: OpenFiles? = nil) {
        self.db = db
        self.vault = vault
        self.files = files
    }

    /// What the transaction adds to each counter.
    struct BooksChange: Equatable {
        var accepted: Int64 = 0
        var processed: Int64 = 0
        var cancelled: Int64 = 0
        var expired: Int64 = 0
        var cleared: Int64 = 0
        var failed: Int64 = 0
        var coalesced: Int64 = 0
    }

    func statement(_ sql: String) throws -> RawStatement {
        if let made = statements[sql] { return made }
        let made = try RawStatement(keptBy: db, sql)
        statements[sql] = made
        return made
    }

    func statement(_ sql: SQL) throws -> RawStatement {
        if let made = hot[ObjectIdentifier(sql)] { return made }
        let made = try RawStatement(keptBy: db, sql.text)
        hot[ObjectIdentifier(sql)] = made
        return made
    }

    /// Runs a statement that is not worth keeping. Returns how many rows it changed.
    func run(_ sql: String) throws -> Int { try RawStatement(db, sql).run() }

    func count(_ apply: (inout BooksChange) -> Void) { apply(&change) }

    /// The next `count` running numbers; returns the first.
    func takeSeqs(_ count: Int) throws -> Int64 {
        if nextSeq == nil {
            let books = try statement(Self.readSeq)
            defer { books.reset() }
            guard try books.step() else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the books are missing") }
            nextSeq = books.int(0)
        }
        let taken = nextSeq ?? 0
        nextSeq = taken + Int64(count)
        tookSeqs = true
        return taken
    }

    /// How operations line up, as the store has it: another process may have lined them up anew.
    func ordering() throws -> Ordering {
        if let knownOrdering { return knownOrdering }
        let find = try statement(Self.readOrdering)
        defer { find.reset() }
        let ordering = try find.step() ? find.text(0).flatMap(Ordering.init(rawValue:)) ?? .entity : .entity
        knownOrdering = ordering
        return ordering
    }

    func save(_ ordering: Ordering) throws {
        let save = try statement("INSERT OR REPLACE INTO guardian_setting (name, value) VALUES ('ordering', ?1)")
        save.bind(1, ordering.rawValue as String?)
        try save.run()
        knownOrdering = ordering
    }

    /// Counts an outcome under its labels.
    func tally(_ kind: Tally.Kind, _ labels: Tally.Labels, by count: Int64 = 1) throws {
        try tallies.add(kind, labels, by: count, in: self)
    }

    /// Throws what keeps the transaction from beginning; none is open then.
    func begin() throws {
        change = BooksChange()
        tallies.drop()
        tookSeqs = false
        try statement(Self.beginning).run()
        let version = fileVersion()
        do {
            try files?.check(db)
            if checkedAt == nil || checkedAt != version { try checkSchema() }
        } catch {
            rollback()
            throw error
        }
        if learntAt == nil || learntAt != version { forget() }
        (checkedAt, learntAt) = (version, nil)
    }

    /// Throws ``StoreError/newerVersion(found:)`` when a newer build has brought the schema up to date since this one opened the store:
    /// what this one writes may break rules that it does not know.
    func checkSchema() throws {
        let find = try statement(Self.newestMigration)
        defer { find.reset() }
        guard try find.step(), let newest = find.text(0), !Migrations.known.contains(newest) else { return }
        throw StoreError.newerVersion(found: newest)
    }

    /// `keepsKnowledge`: all that was written went through this object's own functions.
    func commit(keepsKnowledge: Bool) throws {
        try saveCounters()
        try statement(Self.committing).run()
        checkedAt = fileVersion()
        if keepsKnowledge { learntAt = checkedAt }
    }

    private func forget() {
        nextSeq = nil
        newestRemembered = nil
        knowsEntities = nil
        knownFeed = nil
        knownAliases = nil
        knownOpenCreates = nil
        claimed = ClaimedHeads()
        tallies.forget()
        knownSealing = nil
        knownOrdering = nil
    }

    /// Changes with every commit to the file, whoever made it; as the open transaction sees it, or the last one saw it
    /// (`SQLITE_FCNTL_DATA_VERSION`).
    private func fileVersion() -> UInt32? {
        var version: UInt32 = 0
        return sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_DATA_VERSION, &version) == SQLITE_OK ? version : nil
    }

    /// Writes what the transaction adds to the books; the last thing before a commit, also of somebody else's.
    func saveCounters() throws {
        if change != BooksChange() || tookSeqs {
            let update = try statement(Self.saveBooks)
            update.bind(1, change.accepted)
            update.bind(2, change.processed)
            update.bind(3, change.cancelled)
            update.bind(4, change.expired)
            update.bind(5, change.cleared)
            update.bind(6, change.failed)
            update.bind(7, nextSeq ?? 0)
            update.bind(8, change.coalesced)
            try update.run()
        }
        change = BooksChange()
        tookSeqs = false
        try tallies.save(in: self)
    }

    /// After an error. SQLite may have rolled back by itself (a full disk), so "no transaction is active" is expected here.
    ///
    /// A statement that was left between two rows holds on to what it reads, over the rollback too: the next transaction could not write
    /// once somebody else has, and the statement would go on from its old place. So all of them end here.
    func rollback() {
        for made in statements.values { made.reset() }
        for made in hot.values { made.reset() }
        do { try statement("ROLLBACK").run() } catch {}
    }

    /// Keeps the id of an operation that leaves the queue for the ledger's window: enqueued again, it adds nothing.
    func remember(_ id: OperationID, seq: Int64, key: UniqueID, _ ending: Ending, _ now: Timestamp) throws {
        newestRemembered = nil
        let insert = try statement(Self.rememberID)
        insert.bind(1, id)
        insert.bind(2, seq)
        insert.bind(3, key)
        insert.bind(4, now)
        try EndingColumns.bind(ending, of: seq, to: insert, from: 5, self)
        try insert.run()
    }

    /// The ledger has got more than ``remember(_:seq:key:_:_:)`` was told of.
    func forgetNewest() { newestRemembered = nil }

    private enum Remembered {
        case nothing
        case textsOnly
        case upTo(UniqueID)
    }

    /// Whether the ledger may hold `id`. Ids that the engine mints rise, so one greater than all of the ledger is new without a look.
    func mayRemember(_ id: OperationID) throws -> Bool {
        switch (try newest(), id) {
        case (.nothing, _), (.textsOnly, .uuid): false
        case (_, .text): true
        case (.upTo(let newest), .uuid(let id)): id.high < newest.high || id.high == newest.high && id.low <= newest.low
        }
    }

    private func newest() throws -> Remembered {
        if let newestRemembered { return newestRemembered }
        let find = try statement(Self.newestID)
        defer { find.reset() }
        var found = Remembered.nothing
        // Blobs sort behind texts.
        if try find.step(), !find.isNull(0) {
            if case .uuid(let id) = try find.operationID(0) { found = .upTo(id) } else { found = .textsOnly }
        }
        newestRemembered = found
        return found
    }
}
