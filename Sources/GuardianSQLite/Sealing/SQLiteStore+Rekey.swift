internal import GRDB
public import GuardianCore
internal import GuardianPrivacy

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Sealing a store that was not, under another key, or no more: in small transactions, beside writers, and to be killed at any moment.
///
/// 1. The wanted key becomes the one that every writer writes under; one without it is refused from there on (``Vault``).
/// 2. What stands under another is sealed anew, some rows a transaction, the oldest first. What is done is skipped when it begins anew.
/// 3. When nothing is left the old keys are forgotten: the store opens without them.
/// 4. The file is written anew and the log emptied, so that no free page holds what was there before.
extension SQLiteStore {
    /// What a rekeying has done.
    public struct Rekeying: Sendable, Equatable {
        /// Rows that were written anew.
        public var rows: Int64 = 0
        /// The key that everything is sealed under now, as its id; nil for a store in clear.
        public var key: String?
    }

    private static let rowsAtOnce = 200
    private static let bytesAtOnce = 4 << 20

    /// Brings every value under the current key, or in clear with `unseals`. `progress` hears how many rows are done.
    public func rekey(unseals: Bool, progress: @Sendable (Int64) -> Void) async throws(StoreError) -> Rekeying {
        guard unseals || vault.current != nil else { throw .wrongKey("no key was given to seal the store under (seal.key_file)") }
        let id = unseals ? nil : vault.current?.id
        try await queue.write { transaction in try SealTable.activate(id, transaction) }
        var done = Rekeying(key: id?.description)
        let head = id.map { Sealer.head(of: $0) }
        while true {
            let before = done.rows
            for table in SealedTable.all {
                var after: Int64? = Int64.min
                while let from = after {
                    let (rows, last) = try await queue.write(.growth) { transaction in try Self.rekey(table, head, after: from, transaction)
                    }
                    done.rows += Int64(rows)
                    after = last
                    if rows > 0 { progress(done.rows) }
                }
            }
            // A whole walk that found nothing: no value is left under another key, and nobody writes one.
            if done.rows == before { break }
        }
        try await queue.write { transaction in try SealTable.forgetOthers(than: id, transaction) }
        try await wipe()
        return done
    }

    /// Returns how many rows were written, and after which one to go on; nil at the end.
    private static func rekey(
        _ table: SealedTable, _ head: [UInt8]?, after: Int64, _ transaction: WriteTransaction
    ) throws -> (rows: Int, last: Int64?) {
        let find = try transaction.statement(table.select)
        find.bind(1, after)
        if let head { head.withUnsafeBytes { find.bind(2, copying: $0) } } else { find.bind(2, nil as Int64?) }
        find.bind(3, rowsAtOnce)
        var found: [(key: Int64, values: [Stored])] = []
        var bytes = 0
        while bytes < bytesAtOnce, try find.step() {
            var values: [Stored] = []
            for (index, column) in table.columns.enumerated() {
                let text = try find.text(Int32(index + 2), transaction.vault, table.place(find, column))
                bytes += text?.utf8.count ?? 0
                values.append(try transaction.stored(text, table.place(find, column)))
            }
            found.append((find.int(0), values))
        }
        find.reset()
        let update = try transaction.statement(table.update)
        for (key, values) in found {
            update.bind(1, key)
            for (index, value) in values.enumerated() { update.bind(Int32(index + 2), value) }
            try update.run()
        }
        return (found.count, found.last?.key)
    }

    /// Writes the file anew and empties the log, when something was in it that is sealed now, or sealed otherwise.
    private func wipe() async throws(StoreError) {
        let isDue = try await read { db in try SealTable.mustWipe(db) }
        guard isDue else { return }
        do {
            try await pool.writeWithoutTransaction { db in
                // The copy that SQLite makes meanwhile holds what is sealed already; it may be as large as the store.
                try db.execute(sql: "PRAGMA temp_store = DEFAULT; VACUUM; PRAGMA temp_store = MEMORY")
            }
        } catch {
            throw StoreError(error, path: configuration.path)
        }
        try await emptyLog()
        try await queue.write { transaction in try SealTable.wiped(transaction) }
    }

    /// Waits for readers of other processes; their snapshots end with what they read.
    private func emptyLog() async throws(StoreError) {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                let left = try await pool.writeWithoutTransaction { db in
                    try Int.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") ?? 1
                }
                if left == 0 { return }
            } catch {
                throw StoreError(error, path: configuration.path)
            }
            guard ContinuousClock.now < deadline else {
                throw .unavailable("everything is sealed, but the log can't be emptied while another process reads; run it again")
            }
            do { try await Task.sleep(for: .milliseconds(100)) } catch { throw .unavailable("interrupted; run it again") }
        }
    }

    /// What is wrong with sealed values: those that can't be opened.
    static func sealingProblems(_ db: Database, _ vault: Vault) throws -> [String] {
        var problems: [String] = []
        for table in SealedTable.all {
            let find = try RawStatement(db, table.selectSealed)
            defer { find.reset() }
            var broken = 0
            while try find.step() {
                do {
                    for (index, column) in table.columns.enumerated() {
                        _ = try find.text(Int32(index + 2), vault, table.place(find, column))
                    }
                } catch is StoreError {
                    broken += 1
                }
            }
            if broken > 0 { problems.append("rows of \(table.name) that can't be opened, changed or moved: \(broken)") }
        }
        return problems
    }
}

/// Which keys the store's values may be sealed under (`guardian_seal`).
enum SealTable {
    static func active(_ db: Database) throws -> SealKey.ID? {
        try Data.fetchOne(db, sql: "SELECT key_id FROM guardian_seal WHERE active = 1").flatMap { SealKey.ID(bytes: Array($0)) }
    }

    /// From now on everybody writes under `id`, or in clear for nil.
    static func activate(_ id: SealKey.ID?, _ transaction: WriteTransaction) throws {
        let db = transaction.db
        guard try active(db) != id else { return }
        try db.execute(sql: "UPDATE guardian_seal SET active = 0")
        transaction.knownSealing = nil
        guard let id else { return }
        try db.execute(
            sql: """
                INSERT INTO guardian_seal VALUES (?, unixepoch() * 1000, 1) ON CONFLICT (key_id) DO UPDATE SET active = 1;
                INSERT OR IGNORE INTO guardian_setting VALUES ('seal_salt', lower(hex(randomblob(16))));
                INSERT OR REPLACE INTO guardian_setting SELECT 'seal_wipe', '1' FROM guardian_books WHERE accepted > 0;
                """, arguments: [Data(id.bytes)])
    }

    static func forgetOthers(than id: SealKey.ID?, _ transaction: WriteTransaction) throws {
        transaction.knownSealing = nil
        guard let id else { return try transaction.db.execute(sql: "DELETE FROM guardian_seal") }
        try transaction.db.execute(sql: "DELETE FROM guardian_seal WHERE key_id <> ?", arguments: [Data(id.bytes)])
    }

    static func mustWipe(_ db: Database) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM guardian_setting WHERE name = 'seal_wipe')") ?? false
    }

    static func wiped(_ transaction: WriteTransaction) throws {
        try transaction.db.execute(sql: "DELETE FROM guardian_setting WHERE name = 'seal_wipe'")
    }
}
