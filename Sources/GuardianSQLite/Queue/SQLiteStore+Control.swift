internal import GRDB
public import GuardianCore

/// What outlives a restart beside the operations: what is known of the upstream, and why delivery stands still.
extension SQLiteStore {
    static func save(_ health: OriginHealth, _ transaction: WriteTransaction) throws {
        let upsert = try transaction.statement(
            """
            INSERT OR REPLACE INTO guardian_upstream (only, open_until, hold_until, trips, plague_since, plague_status)
            VALUES (1, ?1, ?2, ?3, ?4, ?5)
            """)
        upsert.bind(1, health.openUntil)
        upsert.bind(2, health.holdUntil)
        upsert.bind(3, health.trips)
        upsert.bind(4, health.plagueSince)
        upsert.bind(5, health.plagueStatus.map { Int64($0) })
        try upsert.run()
    }

    static func save(_ pause: Pause, _ active: Bool, _ transaction: WriteTransaction) throws {
        let write = try transaction.statement(
            active ? "INSERT OR IGNORE INTO guardian_pause (reason) VALUES (?1)" : "DELETE FROM guardian_pause WHERE reason = ?1")
        write.bind(1, pause.rawValue as String?)
        try write.run()
        if pause == .upgrade, !active { try save(refusedVersion: nil, transaction) }
    }

    /// Keeps which version of the app met the 426 behind a pause for an upgrade.
    static func save(refusedVersion version: String?, _ transaction: WriteTransaction) throws {
        guard let version else {
            try transaction.statement("DELETE FROM guardian_setting WHERE name = 'refused_version'").run()
            return
        }
        let save = try transaction.statement("INSERT OR REPLACE INTO guardian_setting (name, value) VALUES ('refused_version', ?1)")
        save.bind(1, version as String?)
        try save.run()
    }

    static func pauses(_ transaction: WriteTransaction) throws -> Set<Pause> {
        let find = try transaction.statement("SELECT reason FROM guardian_pause")
        var found: Set<Pause> = []
        while try find.step() { if let pause = find.text(0).flatMap(Pause.init(rawValue:)) { found.insert(pause) } }
        return found
    }

    public func setPause(_ pause: Pause, to active: Bool) async throws(StoreError) {
        try await queue.write { transaction in try Self.save(pause, active, transaction) }
    }

    public func loadControl() async throws(StoreError) -> Control {
        try await read { db in
            var control = Control()
            if let row = try Row.fetchOne(
                db, sql: "SELECT open_until, hold_until, trips, plague_since, plague_status FROM guardian_upstream")
            {
                var health = OriginHealth(
                    openUntil: (row[0] as Int64?).map { Timestamp(milliseconds: $0) },
                    holdUntil: (row[1] as Int64?).map { Timestamp(milliseconds: $0) }, trips: row[2])
                health.plagueSince = (row[3] as Int64?).map { Timestamp(milliseconds: $0) }
                health.plagueStatus = row[4]
                control.health = health
            }
            if let hash = try String.fetchOne(db, sql: "SELECT value FROM guardian_setting WHERE name = 'signed_in'") {
                control.signedIn = .principal(hash)
            }
            control.pauses = Set(try String.fetchAll(db, sql: "SELECT reason FROM guardian_pause").compactMap(Pause.init(rawValue:)))
            control.refusedVersion = try String.fetchOne(db, sql: "SELECT value FROM guardian_setting WHERE name = 'refused_version'")
            control.processed = try Int64.fetchOne(db, sql: "SELECT processed FROM guardian_books") ?? 0
            return control
        }
    }
}
