internal import Foundation
internal import GRDB
internal import GuardianCore
internal import GuardianPrivacy

/// Brings what is readable of a damaged store over into a new one, row by row, so that nothing has to be understood but the schema.
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
    /// Sealed values that a row can do without: the ledger is there to know an id again, an operation is delivered without what was said of
    /// it, and the app is told how its change ended, be the snapshot lost or not.
    private static let spare: Set = [
        "guardian_ledger.answer", "guardian_operation.error_message", "guardian_operation.server_state", "guardian_optimistic.original",
        "guardian_optimistic_ending.original", "guardian_optimistic_ending.state", "guardian_optimistic_ending.error_message",
    ]

    private let old: Database
    private let new: Database
    private let vault: Vault
    private var report: SalvageReport
    private var seqs: Set<Int64> = []
    /// The ids of the keys that the old store named; empty where that can't be read.
    private var named: Set<Data> = []

    private init(_ old: Database, _ new: Database, _ vault: Vault, _ report: SalvageReport) {
        self.old = old
        self.new = new
        self.vault = vault
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
                        try old.execute(sql: "PRAGMA cell_size_check = ON; PRAGMA query_only = ON")
                        var run = SalvageRun(old, new, fresh.vault, report)
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

    private mutating func bringOver(_ now: Timestamp) throws {
        let made = try Data.fetchOne(new, sql: "SELECT key_id FROM guardian_seal WHERE active = 1")
        for table in Self.tables {
            do { report.rows[table] = try copy(table) } catch let error as DatabaseError where Self.isOfTheSource(error) {
                report.rows[table] = report.rows[table] ?? 0
            }
            if table == "guardian_seal" { try keepSeal(besides: made) }
        }
        report.recovered = seqs.count
        nameLost()
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
        named = Set(try Data.fetchAll(new, sql: "SELECT key_id FROM guardian_seal"))
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
        let insert = try new.makeStatement(
            sql: "INSERT OR REPLACE INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(places))")
        var count = 0
        if try !hasRowids(table) {
            // Tables without rowids are small; what an error cuts off comes from the other end.
            for order in ["ASC", "DESC"] {
                let cursor = try Row.fetchCursor(old, sql: "SELECT \(columns.joined(separator: ", ")) FROM \(table) ORDER BY 1 \(order)")
                do {
                    while let row = try cursor.next() {
                        try insert.execute(arguments: StatementArguments(row.databaseValues))
                        count += 1
                    }
                    return count
                } catch let error as DatabaseError where Self.isOfTheSource(error) { continue }
            }
            return count
        }
        var reader = TableReader(old, table: table, columns: columns)
        let isQueue = table == "guardian_operation"
        let sealed = SealedTable.all.first { $0.name == table }
        let (keys, known) = (vault, named)
        // The settings have come over by now, and the salt with them.
        if sealed != nil { keys.use(salt: try Vault.salt(new)) }
        var found: Set<Int64> = []
        try reader.read(upTo: highest(table)) { rowid, row in
            guard !isQueue || Self.isWhole(row) else { return }
            var values = Array(row.databaseValues.dropFirst())
            for name in sealed.map({ Self.unopened(row, $0, keys, known) }) ?? [] {
                guard Self.spare.contains("\(table).\(name)"), let place = columns.firstIndex(of: name) else { return }
                values[place] = .null
            }
            try insert.execute(arguments: StatementArguments(values))
            count += 1
            if isQueue { found.insert(rowid) }
        }
        if isQueue { seqs = found }
        return count
    }

    /// Whether rows are found by a number, as `TableReader` finds them. Asked of the new schema, so that no table can be forgotten here.
    private func hasRowids(_ table: String) throws -> Bool {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ? AND upper(sql) LIKE '%WITHOUT ROWID%'"
        return try Int.fetchOne(new, sql: sql, arguments: [table]) == 0
    }

    private func highest(_ table: String) throws -> Int64 {
        for sql in ["SELECT max(rowid) FROM \(table)", "SELECT next_seq * 4 + 1000000 FROM guardian_books"] {
            do { if let value = try Int64.fetchOne(old, sql: sql) { return value } } catch {}
        }
        return 1 << 40
    }

    /// Whether a row of the queue says what an operation needs: anything else is damage that has slipped through.
    private static func isWhole(_ row: Row) -> Bool {
        func bytes(_ name: String) -> Int? { (row[name] as DatabaseValue?).flatMap { Data.fromDatabaseValue($0)?.count } }
        guard bytes("idempotency_key") == 16, bytes("trace_id") == 16, let status = Int64.fromDatabaseValue(row["status"]),
            (0...2).contains(status), String.fromDatabaseValue(row["operation_type"]) != nil,
            String.fromDatabaseValue(row["entity_type"]) != nil, String.fromDatabaseValue(row["entity_id"]) != nil
        else { return false }
        for name in ["payload", "base"] {
            guard case .string(let text)? = (row[name] as DatabaseValue?)?.storage else { continue }
            do throws(JSONScanner.Defect) { try JSONScanner.checkObject(text) } catch { return false }
        }
        let id: DatabaseValue = row["id"]
        switch id.storage {
        case .blob(let data): return data.count == 16
        case .string(let text): return !text.isEmpty
        default: return false
        }
    }

    /// The columns of a row whose sealed values do not open where they stand. One whose key is not here can't be told, and counts as whole,
    /// unless the store has never named that key.
    private static func unopened(_ row: Row, _ table: SealedTable, _ vault: Vault, _ named: Set<Data>) -> [String] {
        var found: [String] = []
        let binding = (row[table.binding] as DatabaseValue?) ?? .null
        for column in table.columns {
            guard case .blob(let sealed)? = (row[column.name] as DatabaseValue?)?.storage else { continue }
            let place =
                table.isNamed
                ? column.kind.at(String.fromDatabaseValue(binding) ?? "") : column.kind.at(Int64.fromDatabaseValue(binding) ?? 0)
            do { _ = try sealed.withUnsafeBytes { try vault.open($0, at: place) } } catch {
                let id = sealed.withUnsafeBytes { Sealer.keyID(of: $0) }.map { Data($0.bytes) }
                let isForeign = !named.isEmpty && id.map { !named.contains($0) } ?? true
                if case .wrongKey = StoreError(error, path: ""), !isForeign { continue }
                found.append(column.name)
            }
        }
        return found
    }

    /// The index of ids names operations whose rows are gone.
    private mutating func nameLost() {
        var named: Set<Int64> = []
        for order in ["ASC", "DESC"] {
            do {
                let find = try RawStatement(
                    old,
                    "SELECT id, seq FROM guardian_operation INDEXED BY sqlite_autoindex_guardian_operation_1 ORDER BY id \(order)")
                while try find.step() {
                    let seq = find.int(1)
                    guard !seqs.contains(seq), named.insert(seq).inserted else { continue }
                    report.lost.append(.init(seq: seq, id: try find.operationID(0)))
                }
                break
            } catch {
                // From the other end, then; what neither reaches has no name left.
                continue
            }
        }
        report.lost.sort { $0.seq < $1.seq }
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
