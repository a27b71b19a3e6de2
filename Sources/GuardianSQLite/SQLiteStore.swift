internal import GRDB
public import GuardianCore
public import GuardianPrivacy
internal import Synchronization

/// A store in one SQLite file: WAL, `synchronous=FULL`, group commit. Safe for several processes on one machine.
///
/// Every transaction reaches the disk before its caller hears of it: an enqueue because it was promised; a claim because the mark
/// "may have been sent" must outlive a power cut (a later change of the payload gets a new key by it); a settle because outcomes are told
/// to the app. Claims and settlements travel in one transaction, so that costs one fsync a batch.
public final class SQLiteStore: Sendable {
    /// Which file, with which keys, and how it is used.
    public struct Configuration: Sendable {
        /// The file, such as `guardian-data/guardian.sqlite`. Made with mode 0600 in a directory of mode 0700.
        public var path: String
        /// How operations line up; nil as they do already, by entity in a new store. A store that was written with another ordering is
        /// lined up anew at opening, and refused while somebody delivers from it.
        public var ordering: Ordering?
        /// Looks only; the file must exist.
        public var readOnly: Bool
        /// Milliseconds to wait for another process's write; 10 s by default.
        public var busyTimeoutMs: Int
        /// Connections that read at once, 1 at least; 2 by default.
        public var readers: Int
        /// Where the keys come from that payloads, bases, error bodies and known states are sealed under; nil stores them in clear, and refuses
        /// a store that is sealed.
        public var sealing: (any SealKeySource)?
        /// Whether a store that is there goes over to the first of the keys when it is opened. Without, it stays under its own, so that
        /// nobody who has it open is refused; a store that this opening makes is sealed all the same.
        public var adoptsKey = true
        /// What room is kept on the volume.
        public var disk = DiskPolicy()
        /// How long a page of a search looks for more before it ends as it is.
        package var searchPatience = SearchRun.patience
        /// For the test that a store which is not durable refuses to start.
        package var synchronous = "FULL"

        /// Opens nothing. ``sealing``, ``adoptsKey`` and ``disk`` are set on what it returns.
        public init(path: String, ordering: Ordering? = nil, readOnly: Bool = false, busyTimeoutMs: Int = 10_000, readers: Int = 2) {
            self.path = path
            self.ordering = ordering
            self.readOnly = readOnly
            self.busyTimeoutMs = busyTimeoutMs
            self.readers = readers
        }
    }

    /// As it was opened with: an ordering of nil says nothing of how the store lines up.
    public let configuration: Configuration
    let pool: DatabasePool
    let queue: CommitQueue
    let presence: ProcessorPresence
    let vault: Vault
    let space: DiskSpace
    let openFiles = OpenFiles()
    /// How far stale lines were swept.
    let sweptLines = Mutex(Int64.min)
    let sweptEntities = Mutex(Int64.min)
    let sweptChanges = Mutex(OptimisticRow.Place.first)
    /// What is known of blocks of rows, for searches.
    let zones = Mutex(SearchZones())
    /// How long a page of a search looks for more.
    var searchPatience: Duration { configuration.searchPatience }

    private init(_ configuration: Configuration, _ pool: DatabasePool, _ vault: Vault) {
        self.vault = vault
        space = DiskSpace(storePath: configuration.path, policy: configuration.disk)
        self.configuration = configuration
        self.pool = pool
        queue = CommitQueue(
            pool: pool, path: configuration.path, busyTimeoutMs: configuration.busyTimeoutMs, vault: vault, space: space, files: openFiles,
            checkpointer: Checkpointer(
                path: configuration.path, configuration: Self.connections(configuration), busyTimeoutMs: configuration.busyTimeoutMs))
        presence = ProcessorPresence(storePath: configuration.path, space: space)
    }

    /// Opens the store, makes it or brings its schema up to date. Throws a ``StoreError`` that says what to do; the file is then as it was.
    ///
    /// An empty file is made a store as one that is not there; but where what stands beside it says that it had more in it, it is damaged.
    ///
    /// On a full volume the reserve of an earlier start makes room: settling must go on.
    public static func open(_ configuration: Configuration) throws(StoreError) -> SQLiteStore {
        let reserve = Reserve(storePath: configuration.path)
        // One that is made here is empty until there is room for its first page.
        let isMissing = Disk.size(of: configuration.path) == nil
        while true {
            do throws(StoreError) { return try openOnce(configuration, isMissing: isMissing) } catch {
                guard DiskSpace.isFull(error), !configuration.readOnly, reserve.release(of: reserve.held) else { throw error }
            }
        }
    }

    private static func openOnce(_ configuration: Configuration, isMissing: Bool) throws(StoreError) -> SQLiteStore {
        do {
            let files = StoreFiles(path: configuration.path)
            if !configuration.readOnly { try files.finishReplacing() }
            if !isMissing, let emptied = files.emptied { throw StoreError.corrupt(emptied) }
            let isNew = !files.exists
            if !configuration.readOnly { try Disk.prepare(path: configuration.path) }
            let vault = Vault(configuration.sealing)
            try vault.load()
            try lookBeforeWriting(configuration, vault)
            let pool = try DatabasePool(path: configuration.path, configuration: connections(configuration))
            let store = SQLiteStore(configuration, pool, vault)
            if !configuration.readOnly { try Migrations.all.migrate(pool) }
            try pool.writeWithoutTransaction { db in
                try makeDurable(db, configuration)
                guard !configuration.readOnly else { return }
                store.openFiles.note(db)
                try store.queue.checkpointer.begin(db, logBytes: store.space.limits.checkpointBytes)
            }
            if !configuration.readOnly { try store.queue.checkpointer.open() }
            try store.lineUp()
            try store.openSealed(isNew: isNew)
            return store
        } catch {
            throw StoreError(error, path: configuration.path)
        }
    }

    /// Copies the log back into the file, as far as that can be done now, and ends all connections. Writes that wait are answered first.
    public func close() throws(StoreError) {
        queue.close()
        do {
            if !configuration.readOnly {
                pool.writeWithoutTransaction { db in
                    // What can't be copied now (another process reads or copies, no room, a disk that fails) stays in the log, and is as
                    // safe there.
                    do { try queue.checkpointer.copy(db) } catch {}
                    // Where the lock's holder can't be asked for, all stay.
                    do { presence.end(keeping: try String.fetchOne(db, sql: "SELECT owner FROM guardian_lock")) } catch {}
                }
            }
            queue.checkpointer.close()
            try pool.close()
        } catch { throw StoreError(error, path: configuration.path) }
    }

    /// How commits reach the disk, as the writer's connection answers: `journal_mode` and `synchronous` (2 is FULL).
    package func durability() async throws(StoreError) -> (journal: String, synchronous: Int) {
        do {
            return try await pool.writeWithoutTransaction { db in
                (try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "", try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? -1)
            }
        } catch {
            throw StoreError(error, path: configuration.path)
        }
    }

    /// For tests in which several processors share this process: `owner` is gone, as if its process had died.
    package func processDied(owner: String) { presence.die(owner) }

    /// Bytes that this user can still write on the volume of `path`; nil when it can't be asked.
    package static func freeBytes(at path: String) -> Int64? { Disk.freeBytes(at: path) }

    /// Permission bits of a file or directory; nil when it can't be asked.
    package static func mode(of path: String) -> UInt32? { Disk.mode(of: path) }

    /// Copies the write-ahead log back into the file and empties it; waits for other writers.
    package func checkpoint() async throws(StoreError) {
        do {
            let patienceMs = configuration.busyTimeoutMs
            try await pool.writeWithoutTransaction { [queue] db in try queue.checkpointer.empty(db, patienceMs: patienceMs) }
        } catch {
            throw StoreError(error, path: configuration.path)
        }
    }

    static func connections(_ configuration: Configuration) -> GRDB.Configuration {
        var connections = GRDB.Configuration()
        connections.readonly = configuration.readOnly
        connections.busyMode = .timeout(Double(configuration.busyTimeoutMs) / 1000)
        connections.maximumReaderCount = max(1, configuration.readers)
        connections.label = "GuardianSync"
        connections.prepareDatabase { db in
            // What is sorted or kept for a while never reaches a temporary file.
            try db.execute(sql: "PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY")
            #if canImport(Darwin)
                try db.execute(sql: "PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1")
            #endif
        }
        return connections
    }

    /// Opening a pool writes to the file. A store that is damaged or of a newer version must stay as it is, so it is read first.
    static func lookBeforeWriting(_ configuration: Configuration) throws {
        let vault = Vault(configuration.sealing)
        try vault.load()
        try lookBeforeWriting(configuration, vault)
    }

    private static func lookBeforeWriting(_ configuration: Configuration, _ vault: Vault) throws {
        guard Disk.size(of: configuration.path) ?? 0 > 0 else { return }
        var reading = connections(configuration)
        reading.readonly = true
        try DatabaseQueue(path: configuration.path, configuration: reading).read { db in
            guard try db.tableExists("grdb_migrations") else { return }
            let found = try String.fetchAll(
                db, sql: "SELECT identifier FROM grdb_migrations WHERE identifier GLOB 'guardian-*' ORDER BY identifier DESC")
            if let newer = found.first(where: { !Migrations.known.contains($0) }) { throw StoreError.newerVersion(found: newer) }
            try vault.check(try Vault.ids(db))
            guard try db.tableExists("guardian_books") else { return }
            for table in ["books", "lock", "setting", "upstream"] { _ = try Row.fetchOne(db, sql: "SELECT * FROM guardian_\(table)") }
        }
    }

    /// GRDB sets `synchronous = NORMAL` on a pool's writer, which would answer before the disk has it. Sets FULL, and asks whether it took.
    private static func makeDurable(_ db: Database, _ configuration: Configuration) throws {
        if configuration.readOnly { return }
        try db.execute(
            sql: """
                PRAGMA synchronous = \(configuration.synchronous);
                PRAGMA cache_size = -4000;
                """)
        let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? -1
        guard synchronous >= 2 else { throw StoreError.notDurable("`PRAGMA synchronous` is \(synchronous), not FULL (2)") }
        let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? ""
        guard journal == "wal" else { throw StoreError.notDurable("`PRAGMA journal_mode` is \(journal), not wal") }
    }

    /// Lines the rows up anew when another ordering is wanted than they were written with.
    private func lineUp() throws {
        guard let wanted = configuration.ordering, !configuration.readOnly else { return }
        guard try pool.read({ db in try Self.storedOrdering(db) }) ?? .entity != wanted else { return }
        _ = try pool.writeWithoutTransaction { db in
            let transaction = WriteTransaction(db, vault)
            try transaction.begin()
            do {
                let stored = try transaction.ordering()
                if stored != wanted {
                    try clearLock(transaction, stored, wanted)
                    _ = try Self.rebuild(transaction, ordering: wanted)
                }
                try transaction.save(wanted)
                try transaction.commit(keepsKnowledge: false)
            } catch {
                transaction.rollback()
                throw error
            }
        }
    }

    /// nil where nobody has said.
    static func storedOrdering(_ db: Database) throws -> Ordering? {
        try String.fetchOne(db, sql: "SELECT value FROM guardian_setting WHERE name = 'ordering'").flatMap(Ordering.init(rawValue:))
    }

    /// How operations line up in this store.
    package func ordering() async throws(StoreError) -> Ordering { try await read { db in try Self.storedOrdering(db) ?? .entity } }

    /// Whoever delivers goes by the heads that are there: they must not change under it. What one that has gone held is given back first,
    /// while it still leads its line, and whoever wakes up is fenced off.
    func clearLock(_ transaction: WriteTransaction, _ stored: Ordering, _ wanted: Ordering) throws {
        let now = SystemClock().now.wall
        let holder = try Self.holder(transaction)
        let isDead = holder.map { presence.isDead($0.fence.owner) } ?? false
        let hasLeft = holder.map { presence.hasLeft($0.fence.owner) } ?? false
        if let holder, !isDead, abs(now.milliseconds - holder.heartbeatAt.milliseconds) < Self.quietMs {
            throw StoreError.unavailable(
                "it is lined up by `ordering: \(stored.rawValue)` and in use; stop what delivers from it before using it with \(wanted.rawValue)"
            )
        }
        _ = try Self.returnClaims(transaction, now, isCrash: isDead && !hasLeft)
        try transaction.statement("UPDATE guardian_lock SET epoch = epoch + 1").run()
    }

    /// Milliseconds without a heartbeat after which a holder that is not known to be dead counts as gone; the default of `lock.stale_after`.
    private static let quietMs: Int64 = 120_000

    /// Reads in a snapshot of its own; never waits for writers.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(StoreError) -> Value {
        do { return try await pool.read(body) } catch { throw StoreError(error, path: configuration.path) }
    }

    /// The device's name (a UUID v4), made once and kept (spec section 5, `X-Device-Id`).
    public func deviceID() async throws(StoreError) -> String {
        var random = SystemRandomNumberGenerator()
        let fresh = UniqueID.v4(using: &random).description
        return try await queue.write { transaction in
            let find = try transaction.statement("SELECT value FROM guardian_setting WHERE name = 'device_id'")
            defer { find.reset() }
            if try find.step(), let known = find.text(0) { return known }
            let insert = try transaction.statement("INSERT INTO guardian_setting (name, value) VALUES ('device_id', ?1)")
            insert.bind(1, fresh as String?)
            try insert.run()
            return fresh
        }
    }
}

extension SQLiteStore: EnqueueStore, DeliveryStore, LockStore, InspectStore, ExplainStore, RepairStore, OptimisticStore {}
