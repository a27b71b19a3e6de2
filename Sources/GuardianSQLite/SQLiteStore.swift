internal import GRDB
public import GuardianCore
internal import Synchronization

/// A store in one SQLite file: WAL, `synchronous=FULL`, group commit. Safe for several processes on one machine.
///
/// Every transaction reaches the disk before its caller hears of it: an enqueue because it was promised; a claim because the mark
/// "may have been sent" must outlive a power cut (a later change of the payload gets a new key by it); a settle because outcomes are told
/// to the app. Claims and settlements travel in one transaction, so that costs one fsync a batch.
public final class SQLiteStore: Sendable {
    public struct Configuration: Sendable {
        /// The file, such as `guardian-data/guardian.sqlite`. Made with mode 0600 in a directory of mode 0700.
        public var path: String
        /// How operations line up. A store that was written with another ordering is lined up anew at opening.
        public var ordering: Ordering
        /// Looks only; the file must exist.
        public var readOnly: Bool
        /// Milliseconds to wait for another process's write; 10 s by default.
        public var busyTimeoutMs: Int
        /// Connections that read at once; 2 by default.
        public var readers: Int
        /// For the test that a store which is not durable refuses to start.
        package var synchronous = "FULL"

        public init(path: String, ordering: Ordering = .entity, readOnly: Bool = false, busyTimeoutMs: Int = 10_000, readers: Int = 2) {
            self.path = path
            self.ordering = ordering
            self.readOnly = readOnly
            self.busyTimeoutMs = busyTimeoutMs
            self.readers = readers
        }
    }

    public let configuration: Configuration
    let pool: DatabasePool
    let queue: CommitQueue
    let presence: ProcessorPresence
    /// How far stale lines were swept.
    let sweptLines = Mutex(Int64.min)
    let sweptEntities = Mutex(Int64.min)
    private let ordering: Mutex<Ordering>

    var currentOrdering: Ordering { ordering.withLock { $0 } }

    private init(_ configuration: Configuration, _ pool: DatabasePool) {
        self.configuration = configuration
        self.pool = pool
        ordering = Mutex(configuration.ordering)
        queue = CommitQueue(pool: pool, path: configuration.path)
        presence = ProcessorPresence(storePath: configuration.path)
    }

    /// Opens the store, makes it or brings its schema up to date. Throws a ``StoreError`` that says what to do; the file is then as it was.
    public static func open(_ configuration: Configuration) throws(StoreError) -> SQLiteStore {
        do {
            if !configuration.readOnly { try Disk.prepare(path: configuration.path) }
            try lookBeforeWriting(configuration)
            let pool = try DatabasePool(path: configuration.path, configuration: connections(configuration))
            let store = SQLiteStore(configuration, pool)
            if !configuration.readOnly { try Migrations.all.migrate(pool) }
            try pool.writeWithoutTransaction { db in try makeDurable(db, configuration) }
            try store.lineUp()
            return store
        } catch {
            throw StoreError(error, path: configuration.path)
        }
    }

    /// Copies the log back into the file and ends all connections. Writes that wait are answered first.
    public func close() throws(StoreError) {
        queue.close()
        do {
            // What can't be copied now (another process reads) stays in the log, and is as safe there.
            if !configuration.readOnly { try pool.writeWithoutTransaction { db in _ = try db.checkpoint(.passive) } }
            try pool.close()
        } catch { throw StoreError(error, path: configuration.path) }
    }

    /// How commits reach the disk, as the writer's connection answers: `journal_mode` and `synchronous` (2 is FULL).
    public func durability() async throws(StoreError) -> (journal: String, synchronous: Int) {
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
    public static func freeBytes(at path: String) -> Int64? { Disk.freeBytes(at: path) }

    /// Permission bits of a file or directory; nil when it can't be asked.
    public static func mode(of path: String) -> UInt32? { Disk.mode(of: path) }

    /// Copies the write-ahead log back into the file and empties it; waits for other writers.
    public func checkpoint() async throws(StoreError) {
        do {
            try await pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
        } catch {
            throw StoreError(error, path: configuration.path)
        }
    }

    static func connections(_ configuration: Configuration) -> GRDB.Configuration {
        var connections = GRDB.Configuration()
        connections.readonly = configuration.readOnly
        connections.busyMode = .timeout(Double(configuration.busyTimeoutMs) / 1000)
        connections.maximumReaderCount = configuration.readers
        connections.label = "GuardianSync"
        connections.prepareDatabase { db in
            try db.execute(sql: "PRAGMA cache_size = -2000")
            #if canImport(Darwin)
                try db.execute(sql: "PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1")
            #endif
        }
        return connections
    }

    /// Opening a pool writes to the file. A store that is damaged or of a newer version must stay as it is, so it is read first.
    static func lookBeforeWriting(_ configuration: Configuration) throws {
        guard Disk.size(of: configuration.path) ?? 0 > 0 else { return }
        var reading = connections(configuration)
        reading.readonly = true
        let known = Set(Migrations.all.migrations)
        try DatabaseQueue(path: configuration.path, configuration: reading).read { db in
            guard try db.tableExists("grdb_migrations") else { return }
            let found = try String.fetchAll(
                db, sql: "SELECT identifier FROM grdb_migrations WHERE identifier GLOB 'guardian-*' ORDER BY identifier DESC")
            if let newer = found.first(where: { !known.contains($0) }) { throw StoreError.newerVersion(found: newer) }
            guard try db.tableExists("guardian_books") else { return }
            for table in ["books", "lock", "setting", "upstream"] { _ = try Row.fetchOne(db, sql: "SELECT * FROM guardian_\(table)") }
        }
    }

    /// Pages in the WAL (16 MiB) at which it is copied back into the file. Four times SQLite's default: pages that many commits write,
    /// such as those of the heads, are copied once for all of them.
    private static let checkpointPages = 4000

    /// GRDB sets `synchronous = NORMAL` on a pool's writer, which would answer before the disk has it. Sets FULL, and asks whether it took.
    private static func makeDurable(_ db: Database, _ configuration: Configuration) throws {
        if configuration.readOnly { return }
        try db.execute(
            sql: """
                PRAGMA synchronous = \(configuration.synchronous);
                PRAGMA cache_size = -8000;
                PRAGMA wal_autocheckpoint = \(checkpointPages);
                PRAGMA journal_size_limit = \(CommitQueue.logLimit);
                """)
        let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? -1
        guard synchronous >= 2 else { throw StoreError.notDurable("`PRAGMA synchronous` is \(synchronous), not FULL (2)") }
        let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? ""
        guard journal == "wal" else { throw StoreError.notDurable("`PRAGMA journal_mode` is \(journal), not wal") }
    }

    /// Lines the rows up anew when the ordering has changed since they were written.
    private func lineUp() throws {
        let wanted = configuration.ordering
        let stored = try pool.read { db in try String.fetchOne(db, sql: "SELECT value FROM guardian_setting WHERE name = 'ordering'") }
        guard stored != wanted.rawValue, !configuration.readOnly else { return }
        _ = try pool.writeWithoutTransaction { db in
            let transaction = WriteTransaction(db)
            try transaction.begin()
            do {
                if stored != nil { _ = try Self.rebuild(transaction, ordering: wanted) }
                try db.execute(sql: "INSERT OR REPLACE INTO guardian_setting VALUES ('ordering', ?)", arguments: [wanted.rawValue])
                try transaction.commit(keepsKnowledge: false)
            } catch {
                transaction.rollback()
                throw error
            }
        }
    }

    func adopt(_ ordering: Ordering) { self.ordering.withLock { $0 = ordering } }

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
            let insert = try transaction.statement("INSERT INTO guardian_setting VALUES ('device_id', ?1)")
            insert.bind(1, fresh as String?)
            try insert.run()
            return fresh
        }
    }
}

extension SQLiteStore: EnqueueStore, DeliveryStore, LockStore, InspectStore, ExplainStore, RepairStore, OptimisticStore {}
