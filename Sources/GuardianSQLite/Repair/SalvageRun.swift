internal import Foundation
internal import GRDB
internal import GuardianCore
internal import GuardianPrivacy

/// Brings what is readable of a damaged store over into a new one, row by row, as SQL. What SQLite finds no way to, because a page
/// above it is damaged, is looked for page by page (``LooseRows``).
///
/// Contents stay as they are, sealed ones too, each of which is opened once: a page of zeroes looks whole to SQLite. Lines and heads are
/// computed anew, the books are made to balance, and what is lost is named.
struct SalvageRun {
    /// Not how far feeds were followed: what they told may be among what is lost, so they are followed anew. What is sealed comes behind the
    /// salt and the names of the keys, by which it is told whether it is whole.
    private static let tables = [
        "guardian_books", "guardian_lock", "guardian_upstream", "guardian_pause", "guardian_setting", "guardian_seal",
        "guardian_operation", "guardian_claim", "guardian_ledger", "guardian_entity", "guardian_optimistic", "guardian_optimistic_ending",
        "guardian_alias", "guardian_open_create", "guardian_reference", "guardian_tally",
    ]
    /// Tables of which an index names every row by a value that the row has too.
    private static let keys = ["guardian_operation": "id", "guardian_ledger": "id", "guardian_optimistic": "token"]

    private let old: Database
    private let new: Database
    private let vault: Vault
    /// nil where not even the schema can be read.
    private let layout: FileLayout?
    private var report: SalvageReport
    /// The ids of operations that were not brought over, by their numbers.
    private var missing: [Int64: DatabaseValue] = [:]
    /// The ids of the keys that the old store named; empty where that can't be read.
    private var sealKeys: Set<Data> = []

    private init(_ old: Database, _ new: Database, _ vault: Vault, _ layout: FileLayout?, _ report: SalvageReport) {
        self.old = old
        self.new = new
        self.vault = vault
        self.layout = layout
        self.report = report
    }

    /// Fills the new store at `fresh` from a copy of the damaged one.
    static func run(from copy: String, to fresh: SQLiteStore, _ report: SalvageReport, now: Timestamp) throws -> SalvageReport {
        var reading = GRDB.Configuration()
        reading.busyMode = .timeout(1)
        let source: DatabaseQueue?
        // Where not even the header can be read there is nothing to bring over.
        do { source = try DatabaseQueue(path: copy, configuration: reading) } catch { source = nil }
        let filled = try fresh.pool.writeWithoutTransaction { new in
            let transaction = WriteTransaction(new, fresh.vault)
            try transaction.begin()
            do {
                var result = report
                if let source {
                    result = try source.inDatabase { old in
                        let layout = layout(old, at: copy)
                        try old.execute(sql: "PRAGMA cell_size_check = ON; PRAGMA query_only = ON")
                        var run = SalvageRun(old, new, fresh.vault, layout, report)
                        try run.bringOver(now)
                        return run.report
                    }
                }
                _ = try SQLiteStore.rebuild(transaction, ordering: transaction.ordering())
                try transaction.commit(keepsKnowledge: false)
                return result
            } catch {
                transaction.rollback()
                throw error
            }
        }
        do { try source?.close() } catch {}
        return filled
    }

    /// The log goes back into the file first, so that the newest of each page stands there. nil when it can't be, or nothing can be read.
    private static func layout(_ old: Database, at copy: String) -> FileLayout? {
        do { _ = try old.checkpoint(.truncate) } catch { return nil }
        return FileLayout(old, path: copy)
    }

    private mutating func bringOver(_ now: Timestamp) throws {
        let made = try Data.fetchOne(new, sql: "SELECT key_id FROM guardian_seal WHERE active = 1")
        for table in Self.tables {
            do { report.rows[table] = try copy(table) } catch let error as DatabaseError where Self.isOfTheSource(error) {
                report.rows[table] = report.rows[table] ?? 0
            }
            if table == "guardian_seal" { try keepSeal(besides: made) }
        }
        report.lost = missing.compactMap { seq, id in Self.operationID(id).map { .init(seq: seq, id: $0) } }.sorted { $0.seq < $1.seq }
        try keepLost(now)
        try dropLoose()
        try balance()
        try new.execute(sql: "UPDATE guardian_lock SET epoch = epoch + 1, owner = NULL")
    }

    /// One key is written under: the old store's own, and where it had none the one that the new store was made with.
    private mutating func keepSeal(besides made: Data?) throws {
        guard report.rows["guardian_seal", default: 0] > 0 else { return }
        // Where the old store names it too, it says by itself whether that one is written under.
        try new.execute(
            sql: """
                DELETE FROM guardian_seal WHERE key_id = :made AND active = 1
                    AND EXISTS (SELECT 1 FROM guardian_seal WHERE key_id <> :made AND active = 1)
                """, arguments: ["made": made])
        sealKeys = Set(try Data.fetchAll(new, sql: "SELECT key_id FROM guardian_seal"))
    }

    private static func isOfTheSource(_ error: DatabaseError) -> Bool {
        [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR, .SQLITE_IOERR].contains(error.resultCode)
    }

    /// Columns that both schemas have.
    private func columns(_ table: String) throws -> [String] {
        let there = Set(try Row.fetchAll(old, sql: "PRAGMA table_info(\(table))").compactMap { $0["name"] as String? })
        return try Row.fetchAll(new, sql: "PRAGMA table_info(\(table))").compactMap { $0["name"] as String? }.filter(there.contains)
    }

    private mutating func copy(_ table: String) throws -> Int {
        let columns = try columns(table)
        guard !columns.isEmpty else { return 0 }
        let places = columns.map { _ in "?" }.joined(separator: ", ")
        let insert = "INSERT OR REPLACE INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(places))"
        guard try hasRowids(table) else { return try copyByKey(table, columns, insert) }
        // The settings have come over by now, and the salt with them.
        if SealedTable.all.contains(where: { $0.name == table }) { vault.use(salt: try Vault.salt(new)) }
        let judge = RowJudge(table, columns, vault, keys: sealKeys)
        var found: Set<Int64> = []
        func take(_ rowid: Int64, _ row: [DatabaseValue]) throws {
            if let values = judge.judged(row), try put(values, insert) { found.insert(rowid) }
        }
        var reader = TableReader(old, table: table, columns: columns)
        try reader.read(avoiding: { layout?.tree(table)?.unreachable ?? [] }) { rowid, row in
            try take(rowid, Array(row.databaseValues.dropFirst()))
        }
        // What SQLite can read may not be whole: the names of operations are asked for in any case.
        let isQueue = table == "guardian_operation"
        guard let key = Self.keys[table], isQueue || reader.failures > 0 else { return found.count }
        let named = indexed(by: key, of: table, besides: found)
        let read = found.count
        if reader.failures > 0, !named.isEmpty, let layout {
            try LooseRows(layout, old, table: table, key: key, named: named)?.read(columns, take)
        }
        if isQueue {
            missing = named.filter { !found.contains($0.key) }
            (report.recovered, report.recoveredFromLoosePages) = (found.count, found.count - read)
        }
        return found.count
    }

    /// Tables without rowids are small; what an error cuts off comes from the other end.
    private func copyByKey(_ table: String, _ columns: [String], _ insert: String) throws -> Int {
        var count = 0
        for order in ["ASC", "DESC"] {
            let cursor = try Row.fetchCursor(old, sql: "SELECT \(columns.joined(separator: ", ")) FROM \(table) ORDER BY 1 \(order)")
            do {
                while let row = try cursor.next() { if try put(Array(row.databaseValues), insert) { count += 1 } }
                return count
            } catch let error as DatabaseError where Self.isOfTheSource(error) { continue }
        }
        return count
    }

    /// false for a row that the new store's schema refuses: then there is no telling what it was.
    private func put(_ values: [DatabaseValue], _ insert: String) throws -> Bool {
        do {
            // A statement that has failed can't be used again: there is another one then.
            try new.cachedStatement(sql: insert).execute(arguments: StatementArguments(values))
            return true
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT { return false }
    }

    /// Whether rows are found by a number, as `TableReader` finds them. Asked of the new schema, so that no table can be forgotten here.
    private func hasRowids(_ table: String) throws -> Bool {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ? AND upper(sql) LIKE '%WITHOUT ROWID%'"
        return try Int.fetchOne(new, sql: sql, arguments: [table]) == 0
    }

    /// What the index of a column says of rows that were not `found`: that column's value, by rowid.
    private func indexed(by key: String, of table: String, besides found: Set<Int64>) -> [Int64: DatabaseValue] {
        let index = "sqlite_autoindex_\(table)_1"
        var named: [Int64: DatabaseValue] = [:]
        for order in ["ASC", "DESC"] {
            do {
                let find = try RawStatement(old, "SELECT \(key), rowid FROM \(table) INDEXED BY \(index) ORDER BY \(key) \(order)")
                while try find.step() {
                    let rowid = find.int(1)
                    guard !found.contains(rowid), named[rowid] == nil else { continue }
                    named[rowid] = find.isBlob(0) ? Data(find.bytes(0)).databaseValue : find.text(0)?.databaseValue
                }
                return named
            } catch {
                // From the other end, then.
                continue
            }
        }
        // And what neither end reaches; what that does not reach either has no name left.
        return layout?.entries(ofIndex: index) { !found.contains($0) }.merging(named) { $1 } ?? named
    }

    /// nil for what no operation has for its id.
    static func operationID(_ value: DatabaseValue) -> OperationID? {
        switch value.storage {
        case .blob(let data): data.withUnsafeBytes { UniqueID(bytes: $0) }.map(OperationID.uuid)
        case .string(let text): text.isEmpty ? nil : .text(text)
        default: nil
        }
    }

    /// What can't be delivered stands in `failed`, with its reason.
    private mutating func keepLost(_ now: Timestamp) throws {
        var random = SystemRandomNumberGenerator()
        let error = SalvageReport.lost(in: report.aside)
        let insert = try RawStatement(
            new,
            """
            INSERT OR IGNORE INTO guardian_operation (seq, id, line, status, head, priority, due_at, idempotency_key, trace_id,
                operation_type, entity_type, entity_id, schema_version, enqueued_at, updated_at, attempt_count, tries, backoff_ms,
                error_class, error_code, error_status, error_message, error_shape)
            VALUES (?1, ?2, 0, 2, 0, 0, 0, ?3, ?4, 'lost', 'unknown', ?5, 1, ?6, ?6, 0, 0, 0, ?7, ?8, ?9, ?10, ?11)
            """)
        for lost in report.lost {
            insert.bind(1, lost.seq)
            insert.bind(2, lost.id)
            insert.bind(3, UniqueID.v4(using: &random))
            insert.bind(4, UniqueID.v4(using: &random))
            insert.bind(5, "seq-\(lost.seq)" as String?)
            insert.bind(6, now.milliseconds)
            SQLiteStore.bind(insert, error, .clear(error.storedMessage), from: 7)
            insert.bind(11, FailureShape(of: error).id)
            try insert.run()
        }
    }

    /// What points to something that was not brought over: waits for a create that is gone end, and what was parked for one goes on.
    private func dropLoose() throws {
        try new.execute(
            sql: """
                \(Migrations.movingClaims)
                DELETE FROM guardian_claim WHERE operation NOT IN (SELECT seq FROM guardian_operation WHERE status = 0);
                DELETE FROM guardian_open_create WHERE NOT EXISTS (SELECT 1 FROM guardian_operation o WHERE o.seq = guardian_open_create.seq
                    AND o.entity_type = guardian_open_create.entity_type AND o.entity_id = guardian_open_create.entity_id);
                DELETE FROM guardian_reference WHERE NOT EXISTS (SELECT 1 FROM guardian_operation o
                        WHERE o.seq = guardian_reference.seq AND o.\(Claims.leavesRow))
                    OR NOT EXISTS (SELECT 1 FROM guardian_open_create c WHERE c.entity_type = guardian_reference.entity_type
                        AND c.entity_id = guardian_reference.entity_id AND c.seq < guardian_reference.seq);
                UPDATE guardian_operation SET due_at = \(Parking.sql(due: Parking.ownDue))
                    WHERE status = 0 AND due_at = \(Parking.awaiting)
                        AND NOT EXISTS (SELECT 1 FROM guardian_reference r WHERE r.seq = guardian_operation.seq);
                UPDATE guardian_operation SET due_at = \(Parking.awaiting)
                    WHERE status = 0 AND EXISTS (SELECT 1 FROM guardian_reference r WHERE r.seq = guardian_operation.seq);
                """)
    }

    /// Accepted is what is there and what is known to be gone.
    private mutating func balance() throws {
        let books = try SQLiteStore.books(new)
        let rows = try Int64.fetchOne(new, sql: "SELECT count(*) FROM guardian_operation") ?? 0
        let gone = books.processed + books.coalesced + books.cancelled + books.expired + books.cleared
        report.lostUnnamed = max(0, books.accepted - rows - gone)
        try new.execute(
            sql: """
                UPDATE guardian_books SET cleared = cleared + :unnamed, accepted = accepted + :surplus,
                    failed = (SELECT count(*) FROM guardian_operation WHERE status = 2),
                    next_seq = max(next_seq, (SELECT coalesce(max(seq), 0) + 1 FROM guardian_operation));
                """, arguments: ["unnamed": report.lostUnnamed, "surplus": max(0, rows + gone - books.accepted)])
    }
}
