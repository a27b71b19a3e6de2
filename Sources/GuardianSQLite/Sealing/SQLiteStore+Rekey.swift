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
        var isWhole = false
        while !isWhole {
            isWhole = true
            for table in SealedTable.all {
                var after = Int64.min
                while true {
                    let from = after
                    // Looked for in a snapshot: a walk past rows that are in order holds up no writer.
                    var keys = try await read { db in try Self.staleKeys(table, head, after: from, db) }
                    guard let last = keys.last else { break }
                    after = last
                    isWhole = false
                    while !keys.isEmpty {
                        let next = keys
                        let (seen, rows) = try await queue.write(.growth) { transaction in try Self.rekey(table, head, next, transaction) }
                        keys.removeFirst(seen)
                        done.rows += Int64(rows)
                        if rows > 0 { progress(done.rows) }
                    }
                }
            }
            // A whole walk that found nothing: no value is left under another key, and nobody writes one.
        }
        try await queue.write { transaction in try SealTable.forgetOthers(than: id, transaction) }
        try await wipe()
        return done
    }

    /// The next rows with a value that is not as it is to be, ``rowsAtOnce`` at most.
    private static func staleKeys(_ table: SealedTable, _ head: [UInt8]?, after: Int64, _ db: Database) throws -> [Int64] {
        let find = try RawStatement(db, table.selectStaleKeys)
        defer { find.reset() }
        find.bind(1, after)
        bind(head, to: find)
        find.bind(3, rowsAtOnce)
        var keys: [Int64] = []
        while try find.step() { keys.append(find.int(0)) }
        return keys
    }

    private static func bind(_ head: [UInt8]?, to find: RawStatement) {
        if let head { head.withUnsafeBytes { find.bind(2, copying: $0) } } else { find.bind(2, nil as Int64?) }
    }

    /// Writes those of `keys` anew that are stale still, up to ``bytesAtOnce``. Returns how many were looked at, one at least, and how many
    /// were written.
    private static func rekey(
        _ table: SealedTable, _ head: [UInt8]?, _ keys: [Int64], _ transaction: WriteTransaction
    ) throws -> (seen: Int, rows: Int) {
        let update = try transaction.statement(table.update)
        var (seen, rows, bytes) = (0, 0, 0)
        for key in keys {
            if bytes >= bytesAtOnce { break }
            seen += 1
            guard let texts = try texts(table, head, key, transaction) else { continue }
            bytes += texts.reduce(0) { $0 + ($1.text?.utf8.count ?? 0) }
            update.bind(1, key)
            for (index, value) in texts.enumerated() { update.bind(Int32(index + 2), try transaction.stored(value.text, value.place)) }
            try update.run()
            rows += 1
        }
        return (seen, rows)
    }

    /// What stands in the columns of a row, and where each value belongs; nil when none of it is stale.
    private static func texts(
        _ table: SealedTable, _ head: [UInt8]?, _ key: Int64, _ transaction: WriteTransaction
    ) throws -> [(text: String?, place: Sealer.Place)]? {
        let find = try transaction.statement(table.selectStale)
        defer { find.reset() }
        find.bind(1, key)
        bind(head, to: find)
        guard try find.step() else { return nil }
        var texts: [(text: String?, place: Sealer.Place)] = []
        for (index, column) in table.columns.enumerated() {
            let place = table.place(find, column)
            texts.append((text: try find.text(Int32(index + 2), transaction.vault, place), place: place))
        }
        return texts
    }

    /// Writes the file anew and empties the log, when something was in it that is sealed now, or sealed otherwise.
    private func wipe() async throws(StoreError) {
        let isDue = try await read { db in try SealTable.mustWipe(db) }
        guard isDue else { return }
        do {
            let path = configuration.path
            try await pool.writeWithoutTransaction { db in try Self.vacuum(db, path: path) }
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
                if try await pool.writeWithoutTransaction({ [queue] db in try queue.checkpointer.emptyOnce(db) }) { return }
            } catch {
                throw StoreError(error, path: configuration.path)
            }
            guard ContinuousClock.now < deadline else {
                throw .unavailable("everything is sealed, but the log can't be emptied while another process reads; run it again")
            }
            do { try await Task.sleep(for: .milliseconds(100)) } catch { throw .unavailable("interrupted; run it again") }
        }
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
                INSERT INTO guardian_seal (key_id, at, active) VALUES (?, unixepoch() * 1000, 1)
                    ON CONFLICT (key_id) DO UPDATE SET active = 1;
                INSERT OR IGNORE INTO guardian_setting (name, value) VALUES ('seal_salt', lower(hex(randomblob(16))));
                INSERT OR REPLACE INTO guardian_setting (name, value) SELECT 'seal_wipe', '1' FROM guardian_books WHERE accepted > 0;
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
