public import GuardianCore
internal import Synchronization

/// A store in a PostgreSQL database that processors on many machines share.
///
/// Up to ``Configuration/processors`` deliver at once, each with a seat of its own in place of the one lock: an owner, an epoch and a lease
/// that heartbeats renew by the database's clock. A line has one head and one claim whoever asks (`FOR UPDATE SKIP LOCKED`), and every write
/// after a claim is refused once its seat is gone. What a dead processor held goes back when its lease has ended; at once when it died on
/// the same machine as whoever looks.
///
/// Every commit is durable (`synchronous_commit`), and a store whose server says otherwise is refused.
public final class PostgresStore: Sendable {
    /// Whose time leases go by.
    public enum LeaseClock: Sendable {
        /// The server's, so that processors whose clocks differ agree.
        case database
        /// The caller's `now`: for tests in virtual time.
        case caller
    }

    /// Which database, how many connections and processors, and whose clock.
    public struct Configuration: Sendable {
        /// Its `pool=` and `processors=` count where the initializer is given none of its own.
        public var address: DatabaseAddress
        /// How operations line up; nil as they do already, by entity in a new store. A store that was written with another ordering is
        /// lined up anew at opening, and refused while somebody delivers from it.
        public var ordering: Ordering?
        /// Looks only; the schema must be there.
        public var readOnly: Bool
        /// Connections of this process, 2…64; 4 by default, and one more that listens.
        public var connections: Int
        /// Processors that may deliver at once; 1000 by default. With 1 it behaves as a store in a file does.
        public var processors: Int
        /// ``LeaseClock/database`` by default.
        public var leaseClock: LeaseClock
        /// Milliseconds that a call waits for a database that is away; 10 s by default.
        public var patienceMs: Int64
        /// How the connections are named in `pg_stat_activity`.
        public var applicationName: String

        /// nil takes what the address says, else the default; what is out of range becomes the nearest value within.
        public init(
            address: DatabaseAddress, ordering: Ordering? = nil, readOnly: Bool = false, connections: Int? = nil, processors: Int? = nil,
            leaseClock: LeaseClock = .database, patienceMs: Int64 = 10_000, applicationName: String = "guardian"
        ) {
            self.address = address
            self.ordering = ordering
            self.readOnly = readOnly
            self.connections = min(max(connections ?? address.pool ?? 4, 2), 64)
            self.processors = max(processors ?? address.processors ?? 1000, 1)
            self.leaseClock = leaseClock
            self.patienceMs = patienceMs
            self.applicationName = applicationName
        }
    }

    /// A claim that was handed out.
    struct Handed { var line: Int64, epoch: Int64 }

    /// A settlement that was written, and what came of it.
    struct Untold { var epoch: Int64, done: Exchanged }

    /// What this process knows of its own claims.
    struct Memory {
        var handed: [Int64: Handed] = [:]
        /// Epochs whose last exchange may have been committed without our hearing of it.
        var doubtful: Set<Int64> = []
        /// Settlements that somebody's open transaction kept from being written, by number, and how often since one was last waited for
        /// longer.
        var postponed: [Int64: Int] = [:]
        /// Exchanges with such settlements.
        var lateExchanges = 0
        /// What was settled by itself, by number, until it is told: the rest of its exchange may have failed.
        var untold: [Int64: Untold] = [:]
        /// The tenant that had its turn last, by priority.
        var cursors: [Int: String] = [:]
        /// How far entities were swept.
        var sweptEntities = Int64.min
        /// How far changes that have ended were swept.
        var sweptChanges = OptimisticRow.Place.first
        /// A switch of user is going on, page by page.
        var isSigningIn = false
        /// Some feature is in use that is settled one by one.
        var settlesOneByOne = false
        /// The last version of the upstream's health that was seen, by epoch.
        var healthSeen: [Int64: Int64] = [:]
        /// Owners that have taken a seat and not given it back.
        var seated: Set<String> = []

        /// The claims of a seat are over.
        mutating func forgetClaims(of epoch: Int64) {
            handed = handed.filter { $0.value.epoch != epoch }
            postponed = postponed.filter { handed[$0.key] != nil }
            untold = untold.filter { $0.value.epoch != epoch }
            doubtful.remove(epoch)
        }
    }

    /// As it was opened with: an ordering of nil says nothing of how the store lines up.
    public let configuration: Configuration
    let pool: SessionPool
    let enqueues = EnqueueQueue()
    let memory = Mutex(Memory())
    /// Owners that a test has declared dead.
    let declaredDead = Mutex<Set<String>>([])
    /// Owners that have ended here without having given their seats back.
    let left = Mutex<Set<String>>([])
    private let ordering: Mutex<Ordering>
    private let listener = Mutex<Listener?>(nil)

    /// How operations line up in this store, as of when it was opened.
    package func ordering() async throws(StoreError) -> Ordering { currentOrdering }

    var currentOrdering: Ordering { ordering.withLock { $0 } }

    private init(_ configuration: Configuration, _ pool: SessionPool) {
        self.configuration = configuration
        self.pool = pool
        ordering = Mutex(configuration.ordering ?? .entity)
    }

    /// Connects, and makes the tables or brings them up to date, under a lock that others respect. Throws a ``StoreError`` that says what
    /// to do; the database is then as it was.
    public static func open(_ configuration: Configuration) async throws(StoreError) -> PostgresStore {
        var policy = SessionPool.Policy()
        policy.size = configuration.connections
        policy.patienceMs = configuration.patienceMs
        policy.applicationName = configuration.applicationName
        let store = PostgresStore(configuration, SessionPool(configuration.address, policy: policy))
        do throws(StoreError) {
            try await store.pool.with(isRepeatable: true, patienceMs: 600_000) { connection in
                try examine(connection)
                try Migrations.migrate(connection, mayWrite: !configuration.readOnly)
            }
            try await store.lineUp()
            return store
        } catch {
            store.pool.close()
            throw error
        }
    }

    /// Ends all connections; calls that wait are answered first.
    public func close() {
        listener.withLock { listener in
            listener?.stop()
            listener = nil
        }
        pool.close()
    }

    /// Hears of what other processes enqueue; `wake` is called from a thread of the store's own, maybe for nothing. A pooled address can't
    /// listen: there a processor finds out at its next poll.
    public func listen(_ wake: @escaping @Sendable () -> Void) {
        let made = Listener(configuration.address, applicationName: configuration.applicationName + "-listen", wake: wake)
        listener.withLock { listener in
            listener?.stop()
            listener = made
        }
    }

    /// Whether it listens now.
    package var isListening: Bool { listener.withLock { $0?.isListening ?? false } }

    /// For tests in which several processors share this process: `owner` is gone, as if its process had died.
    package func processDied(owner: String) { _ = declaredDead.withLock { $0.insert(owner) } }

    private static let durability = SQL(
        """
        SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'),
            current_setting('server_version_num')::bigint, pg_is_in_recovery(), current_setting('server_encoding')
        """)

    /// What commits are worth on this server: `fsync`, `synchronous_commit` and `full_page_writes`.
    package func durability() async throws(StoreError) -> (fsync: String, synchronousCommit: String, fullPageWrites: String) {
        try await pool.with(isRepeatable: true) { connection in
            guard let row = try connection.look(Call(Self.durability)).first else { throw ServerFailure.lost("no answer") }
            return (row.text(0) ?? "", row.text(1) ?? "", row.text(2) ?? "")
        }
    }

    private static func examine(_ connection: Connection) throws {
        guard let row = try connection.look(Call(durability)).first else { throw ServerFailure.lost("no answer") }
        guard row.int(3) >= 130_000 else { throw StoreError.unavailable("the server's version is older than PostgreSQL 13") }
        guard !row.bool(4) else { throw StoreError.unavailable("the server is a standby; name all hosts in the URL, as in //a,b/app") }
        // In any other encoding some texts can't be stored; of SQL_ASCII the server converts nothing.
        let encoding = row.text(5) ?? "?"
        guard ["UTF8", "SQL_ASCII"].contains(encoding) else {
            throw StoreError.unavailable("the database's encoding is \(encoding); create it with ENCODING 'UTF8' TEMPLATE template0")
        }
        guard row.text(0) == "on" else { throw StoreError.notDurable("the server's `fsync` is \(row.text(0) ?? "?"), not on") }
        guard row.text(1) != "off" else { throw StoreError.notDurable("the server's `synchronous_commit` is off") }
    }

    private static let anyAlias = SQL("SELECT 1 FROM guardian_alias LIMIT 1")

    /// Lines the rows up anew when another ordering is wanted than they were written with.
    private func lineUp() async throws(StoreError) {
        let wanted = configuration.ordering
        let isReadOnly = configuration.readOnly
        let now = SystemClock().now.wall
        let found = try await pool.with(isRepeatable: true, patienceMs: 3_600_000) { [self] connection in
            try Write.run(on: connection, lockMs: Self.lineUpMs) { write in
                let stored = try write.setting("ordering").flatMap(Ordering.init(rawValue:))
                // An older build, which may go on beside this one for a while, keeps aliases of creates that came by SQL without saying so.
                if try !isReadOnly && !write.uses(.localIDs) && write.first(Self.anyAlias) != nil { try write.use(.localIDs) }
                guard let wanted = wanted ?? (stored == nil ? .entity : nil), stored != wanted, !isReadOnly else { return stored }
                if let stored {
                    try clearSeats(stored, wanted, now, write)
                    _ = try Self.rebuild(write, ordering: wanted)
                }
                try Self.save(ordering: wanted, write)
                return wanted
            }
        }
        adopt(found ?? .entity)
    }

    /// Whoever delivers goes by the lines that are there: they must not change under it. What those who have gone hold is given back first,
    /// while it still leads its line.
    func clearSeats(_ stored: Ordering, _ wanted: Ordering, _ now: Timestamp, _ write: Write) throws {
        guard try !vacateAll(write, now) else { return }
        throw StoreError.unavailable(
            "it is lined up by `ordering: \(stored.rawValue)` and in use; stop what delivers from it before using it with \(wanted.rawValue)"
        )
    }

    private static let saveOrdering = SQL(
        "INSERT INTO guardian_setting VALUES ('ordering', $1) ON CONFLICT (name) DO UPDATE SET value = $1")

    static func save(ordering: Ordering, _ write: Write) throws { write.later(saveOrdering, .text(ordering.rawValue)) }

    func adopt(_ ordering: Ordering) { self.ordering.withLock { $0 = ordering } }

    /// Writes in one transaction.
    func write<Value: Sendable>(
        _ lane: SessionPool.Lane = .normal, isRepeatable: Bool = false, _ body: @escaping @Sendable (Write) throws -> Value
    ) async throws(StoreError) -> Value {
        try await pool.with(lane, isRepeatable: isRepeatable) { connection in try Write.run(on: connection, body) }
    }

    /// Looks in one snapshot; never waits for writers.
    func look<Value: Sendable>(
        _ lane: SessionPool.Lane = .normal, patienceMs: Int32 = 30_000, _ body: @escaping @Sendable (Write) throws -> Value
    ) async throws(StoreError) -> Value {
        try await pool.with(lane, isRepeatable: true, patienceMs: patienceMs) { connection in try Write.look(on: connection, body) }
    }

    private static let findDevice = SQL("SELECT value FROM guardian_setting WHERE name = 'device_id'")
    private static let saveDevice = SQL("INSERT INTO guardian_setting VALUES ('device_id', $1) ON CONFLICT (name) DO NOTHING")

    /// The fleet's name (a UUID v4), made once and kept (spec section 5, `X-Device-Id`).
    public func deviceID() async throws(StoreError) -> String {
        var random = SystemRandomNumberGenerator()
        let fresh = UniqueID.v4(using: &random).description
        return try await write(isRepeatable: true) { write in
            if let known = try write.first(Self.findDevice)?.text(0) { return known }
            write.later(Self.saveDevice, .text(fresh))
            return try write.first(Self.findDevice)?.text(0) ?? fresh
        }
    }
}

extension PostgresStore: EnqueueStore, DeliveryStore, LockStore, InspectStore, ExplainStore, RepairStore, OptimisticStore {}
