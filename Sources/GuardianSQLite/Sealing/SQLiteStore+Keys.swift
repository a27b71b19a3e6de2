internal import GRDB
public import GuardianCore
internal import GuardianPrivacy

extension SQLiteStore {
    /// The id of the key that is written under; nil for a store in clear.
    package func sealKey() async throws(StoreError) -> String? {
        try await read { db in try SealTable.active(db)?.description }
    }

    /// The id of the first of the keys that were given; nil when none was.
    package var givenKey: String? { vault.current?.id.description }

    /// The processors of other processes that are alive. Which keys they have nobody can tell.
    package var otherProcessors: [String] { presence.others() }

    /// Whether the file may hold what people wrote otherwise than it would be written now: in clear, under an older key, or on a free page.
    /// `rekey` ends that. Reads the whole store when it does not.
    public func needsRekey() async throws(StoreError) -> Bool {
        try await read { db in
            if try SealTable.mustWipe(db) { return true }
            let head = try SealTable.active(db).map { Sealer.head(of: $0) }
            return try SealedTable.all.contains { try $0.hasStale(db, head) }
        }
    }

    /// Looks that every key of the store is here; makes the first one given the one that is written under, where that is wanted.
    func openSealed(isNew: Bool) throws {
        let (ids, active, salt) = try pool.read { db in (try Vault.ids(db), try SealTable.active(db), try Vault.salt(db)) }
        try vault.check(ids)
        vault.use(salt: salt)
        guard let current = vault.current?.id, active != current, !configuration.readOnly, configuration.adoptsKey || isNew else { return }
        try pool.writeWithoutTransaction { db in
            let transaction = WriteTransaction(db, vault)
            try transaction.begin()
            do {
                try SealTable.activate(current, transaction)
                try transaction.commit(keepsKnowledge: false)
            } catch {
                transaction.rollback()
                throw error
            }
            vault.use(salt: try Vault.salt(db))
        }
    }
}

extension SealedTable {
    /// Whether a row has a value that is not sealed under the key of that head, or, for nil, not in clear.
    fileprivate func hasStale(_ db: Database, _ head: [UInt8]?) throws -> Bool {
        let find = try RawStatement(db, selectStaleKeys)
        defer { find.reset() }
        find.bind(1, Int64.min)
        if let head { head.withUnsafeBytes { find.bind(2, copying: $0) } } else { find.bind(2, nil as Int64?) }
        find.bind(3, 1 as Int)
        return try find.step()
    }
}
