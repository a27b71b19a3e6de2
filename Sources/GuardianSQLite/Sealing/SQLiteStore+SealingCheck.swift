internal import GRDB
public import GuardianCore

/// Looks whether sealed values can be opened: to SQLite one that has changed on the disk is as good as any.
extension SQLiteStore {
    /// What is wrong with sealed values: those that can't be opened.
    static func sealingProblems(_ db: Database, _ vault: Vault) throws -> [String] { try OpenedValues(db, vault).problems }

    /// Whether the file holds sealed values that can't be opened, and which; nil when it holds none. Opens every one.
    ///
    /// Throws ``StoreError/wrongKey(_:)`` when a key of the store is not here, and when not one value can be opened: then it is no row that
    /// has changed, but what all are sealed with, and nothing is gained by leaving all of them behind.
    package static func sealingDamage(_ configuration: Configuration) throws(StoreError) -> String? {
        do {
            let vault = Vault(configuration.sealing)
            try vault.load()
            var reading = connections(configuration)
            reading.readonly = true
            let queue = try DatabaseQueue(path: configuration.path, configuration: reading)
            let found = try queue.read { db -> OpenedValues? in
                try vault.check(try Vault.ids(db))
                guard try db.tableExists("guardian_seal"), try db.tableExists("guardian_setting") else { return nil }
                vault.use(salt: try Vault.salt(db))
                return try OpenedValues(db, vault)
            }
            try queue.close()
            guard let found, found.broken > 0 else { return nil }
            guard found.opened > 0 || found.broken == 1 else {
                throw StoreError.wrongKey(
                    "nothing in the store's \(found.broken) sealed rows can be opened: its salt (in guardian_setting) has changed; "
                        + "restore a backup (`guardian restore`), the store was not touched")
            }
            return found.problems.first
        } catch {
            throw StoreError(error, path: configuration.path)
        }
    }
}

private struct OpenedValues {
    /// Values that open where they stand.
    var opened = 0
    /// Rows with one that does not.
    var broken = 0
    /// For people.
    var problems: [String] = []

    /// Reads all of the tables that the schema has, which may be an older one.
    init(_ db: Database, _ vault: Vault) throws {
        for known in SealedTable.all where try db.tableExists(known.name) {
            var table = known
            let present = Set(try db.columns(in: known.name).map(\.name))
            table.columns.removeAll { !present.contains($0.name) }
            guard !table.columns.isEmpty else { continue }
            let find = try RawStatement(db, table.selectSealed)
            defer { find.reset() }
            let before = broken
            while try find.step() { try look(at: find, table, vault) }
            if broken > before { problems.append("rows of \(table.name) that can't be opened, changed or moved: \(broken - before)") }
        }
    }

    private mutating func look(at row: RawStatement, _ table: SealedTable, _ vault: Vault) throws {
        var isBroken = false
        for (index, column) in table.columns.enumerated() where row.isBlob(Int32(index + 2)) {
            let text = try row.readableText(Int32(index + 2), vault, table.place(row, column))
            if text == nil { isBroken = true } else { opened += 1 }
        }
        if isBroken { broken += 1 }
    }
}
