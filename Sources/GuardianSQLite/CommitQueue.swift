internal import Dispatch
internal import GRDB
internal import GRDBSQLite
internal import GuardianCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Group commit: writes that wait together share one transaction, and so one fsync.
///
/// Jobs run in one `BEGIN IMMEDIATE … COMMIT`, in the order in which they came, but for short enqueues, which may pass what is longer; each
/// caller hears back after the commit is on disk. When one job of a group fails, the group is rolled back and each of its jobs runs again
/// in a transaction of its own, so that a bad one harms no other. A job must therefore have no effect but on the database. When a
/// transaction can't begin, as another process holds the lock, all who wait for it hear so: none of them is to blame.
final class CommitQueue: Sendable {
    /// Jobs in one transaction at most.
    private static let groupLimit = 512
    /// How long the writer waits for one more caller, in nanoseconds: an eighth of what the last commit took, and this at most. For all of
    /// them it waits a third of that commit.
    private static let patience: UInt64 = 30_000

    struct Job {
        let body: (WriteTransaction) throws -> Void
        let finish: (StoreError?) -> Void
        let kind: Kind
        /// Whether it is done in a moment, but for its commit: by its caller's own thread, where nobody else has anything to write.
        var isShort = false
        /// What it appends, where that may go in together with what others append.
        var appending: Appending?
    }

    /// What a write may assume and what it leaves behind.
    enum Kind {
        /// Takes a few operations in.
        case shortEnqueue
        /// Takes many operations in.
        case enqueue
        /// Exchanges: all its writes go through ``WriteTransaction``'s own functions, as those of the two above do.
        case hot
        /// Anything else; what is known of the tables is asked for anew after it.
        case repair
        /// As that, but it makes the store larger.
        case growth

        var keepsKnowledge: Bool { self != .repair && self != .growth }
        /// Whether it must go on when the volume is full: settling, leases, what people do to make room.
        var mayUseReserve: Bool { self == .hot || self == .repair }
    }

    /// A caller commits its own short write only while a commit takes less than this; longer ones are no load for its thread.
    private static let shortNanoseconds: UInt64 = 2_000_000

    private struct State {
        var waiting: [Job] = []
        var isDraining = false
        /// What the last group took.
        var lastNanoseconds: UInt64 = 0
        /// Jobs of the last group, and those that came while it was written: how many there may be again.
        var lastCount = 0
        /// Whether the writer has a part of the log to copy back.
        var isLogLong = false
        /// Whether the last group let short enqueues pass others.
        var hasLetPass = false
        /// Whether nothing is taken any more.
        var isClosed = false

        /// The next group: in every other one short enqueues pass what is longer, such as an exchange, which then waits for one short commit.
        mutating func takeGroup() -> [Job] {
            // Somebody passes only who stands behind something longer.
            if !hasLetPass, let longer = waiting.firstIndex(where: { $0.kind != .shortEnqueue }),
                waiting[longer...].contains(where: { $0.kind == .shortEnqueue })
            {
                let short = waiting.filter { $0.kind == .shortEnqueue }
                if !short.isEmpty, short.count <= CommitQueue.groupLimit {
                    waiting.removeAll { $0.kind == .shortEnqueue }
                    hasLetPass = true
                    return short
                }
            }
            hasLetPass = false
            let group = Array(waiting.prefix(CommitQueue.groupLimit))
            waiting.removeFirst(group.count)
            return group
        }
    }

    private let pool: DatabasePool
    // Jobs are closures over caller-local boxes that only the writer touches until `finish`; the queue hands each over once.
    private let state = Mutex(Unchecked(State()))
    // Touched on the writer's queue only: its statements belong to the writer's connection.
    private let transaction = Mutex<Unchecked<WriteTransaction?>>(Unchecked(nil))
    private let path: String
    /// Milliseconds that the writer waits for another process's write.
    private let busyTimeoutMs: Int
    private let vault: Vault
    private let space: DiskSpace
    private let files: OpenFiles
    let checkpointer: Checkpointer

    init(
        pool: DatabasePool, path: String, busyTimeoutMs: Int, vault: Vault, space: DiskSpace, files: OpenFiles, checkpointer: Checkpointer
    ) {
        self.checkpointer = checkpointer
        self.files = files
        self.space = space
        self.vault = vault
        self.busyTimeoutMs = busyTimeoutMs
        self.pool = pool
        self.path = path
    }

    /// Runs `body` in the next group; returns after the commit is on disk.
    ///
    /// A short one that meets an idle queue is committed by its caller's own thread: two changes of thread less, at the price of a thread
    /// of the caller's pool that waits for one fsync (docs/decisions/0009-a-lone-caller-commits-itself.md).
    func write<Value: Sendable>(
        _ kind: Kind = .repair, isShort: Bool = false, _ body: @escaping @Sendable (WriteTransaction) throws -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withUnsafeContinuation { continuation in
            let box = Box<Value>()
            submit(
                Job(
                    body: { box.value = try body($0) },
                    finish: { error in
                        if let error {
                            continuation.resume(returning: .failure(error))
                        } else if let value = box.value {
                            continuation.resume(returning: .success(value))
                        } else {
                            continuation.resume(returning: .failure(.unavailable("the write did not run")))
                        }
                    }, kind: kind, isShort: isShort))
        }
        return try result.get()
    }

    /// As `write`, for operations that nothing but their line depends on: those of callers that wait together go in as one batch.
    func append(_ operations: [GuardianCore.Operation]) async throws(StoreError) -> [Receipt] {
        let result: Result<[Receipt], StoreError> = await withUnsafeContinuation { continuation in
            let appending = Appending(operations)
            submit(
                Job(
                    body: { appending.receipts = try SQLiteStore.insert(operations, $0) },
                    finish: { continuation.resume(returning: $0.map(Result.failure) ?? .success(appending.receipts)) },
                    kind: .shortEnqueue, isShort: true, appending: appending))
        }
        return try result.get()
    }

    private enum Start { case none, own, writers, refused }

    private func submit(_ job: Job) {
        let unchecked = Unchecked(job)
        let start = state.withLock { state -> Start in
            guard !state.value.isClosed else { return .refused }
            state.value.waiting.append(unchecked.value)
            guard !state.value.isDraining else { return .none }
            state.value.isDraining = true
            return job.isShort && state.value.lastNanoseconds < Self.shortNanoseconds ? .own : .writers
        }
        switch start {
        case .none: break
        case .own:
            let isDone = pool.unsafeReentrantWrite { db in drainOnce(db) }
            if !isDone { drainAll() }
        case .writers: drainAll()
        case .refused: job.finish(.unavailable("the store is closed"))
        }
    }

    private func drainAll() { pool.asyncWriteWithoutTransaction { [self] db in drain(db) } }

    private func takeGroup() -> [Job] {
        state.withLock { state -> Unchecked<[Job]> in
            if state.value.waiting.isEmpty {
                state.value.isDraining = false
                return Unchecked([])
            }
            return Unchecked(state.value.takeGroup())
        }.value
    }

    /// One group, the caller's own job in it. False when there is more to do for the writer's thread: others wait already, another process
    /// writes, or the log is too long.
    private func drainOnce(_ db: Database) -> Bool {
        if isDone() { return true }
        let transaction = transaction(on: db)
        guard beginAtOnce(transaction) else { return false }
        run(takeGroup(), in: transaction, isBegun: true)
        return state.withLock { state in
            guard state.value.waiting.isEmpty, !state.value.isLogLong else { return false }
            state.value.isDraining = false
            return true
        }
    }

    /// Whether nobody waits any more: closing takes along what does. The draining is over then.
    private func isDone() -> Bool {
        state.withLock { state in
            if state.value.waiting.isEmpty { state.value.isDraining = false }
            return state.value.waiting.isEmpty
        }
    }

    /// Begins, unless that takes waiting. What else is in the way is told to whoever tries next.
    private func beginAtOnce(_ transaction: WriteTransaction) -> Bool {
        guard let connection = transaction.db.sqliteConnection else { return false }
        sqlite3_busy_timeout(connection, 0)
        defer { sqlite3_busy_timeout(connection, Int32(clamping: busyTimeoutMs)) }
        do { try transaction.begin() } catch { return false }
        return true
    }

    private func drain(_ db: Database) {
        var isFirst = true
        while true {
            boundLog(db)
            if !isFirst { gather() }
            isFirst = false
            let group = takeGroup()
            if group.isEmpty { return }
            run(group, in: transaction(on: db))
        }
    }

    /// The one transaction, made at first use; on the writer's queue only.
    private func transaction(on db: Database) -> WriteTransaction {
        transaction.withLock { held in
            if let made = held.value { return Unchecked(made) }
            let made = WriteTransaction(db, vault, files)
            held.value = made
            return Unchecked(made)
        }.value
    }

    /// Lets the callers that were just answered come back, so that they share the next commit with those that came meanwhile. Without it
    /// the callers fall into two halves, each of which waits for the other's commit.
    private func gather() {
        let (count, took) = state.withLock { (min($0.value.lastCount, Self.groupLimit), $0.value.lastNanoseconds) }
        guard count > 1 else { return }
        let start = DispatchTime.now().uptimeNanoseconds
        var (arrived, arrivedAt) = (0, start)
        while true {
            let waiting = state.withLock { $0.value.waiting.count }
            let now = DispatchTime.now().uptimeNanoseconds
            if waiting > arrived { (arrived, arrivedAt) = (waiting, now) }
            if waiting >= count || now - arrivedAt > min(Self.patience, took / 8) || now - start > took / 3 { return }
            sched_yield()
        }
    }

    /// `isBegun`: the transaction is open already. Returns what kept it from beginning, which all of the group have heard then.
    @discardableResult
    private func run(_ group: [Job], in transaction: WriteTransaction, isBegun: Bool = false) -> StoreError? {
        let start = DispatchTime.now().uptimeNanoseconds
        do { if !isBegun { try transaction.begin() } } catch {
            let obstacle = StoreError(error, path: path)
            transaction.rollback()
            if DiskSpace.isFull(obstacle), group.contains(where: { $0.kind.mayUseReserve }), space.release() {
                return run(group, in: transaction)
            }
            for job in group { job.finish(obstacle) }
            return obstacle
        }
        do {
            try perform(group, in: transaction)
            try transaction.commit(keepsKnowledge: group.allSatisfy { $0.kind.keepsKnowledge })
            let took = DispatchTime.now().uptimeNanoseconds - start
            state.withLock { state in
                state.value.lastNanoseconds = took
                state.value.lastCount = group.count + state.value.waiting.count
            }
            for job in group { job.finish(nil) }
            if checkpointer.look() { state.withLock { $0.value.isLogLong = true } }
        } catch {
            transaction.rollback()
            if group.count > 1 {
                runAlone(group, in: transaction)
                return nil
            }
            let failure = StoreError(error, path: path)
            // Each piece of the reserve is given once, so this ends.
            if DiskSpace.isFull(failure), group[0].kind.mayUseReserve, space.release() { return run(group, in: transaction) }
            group[0].finish(failure)
            return nil
        }
        if space.wantsCheckpoint() { copyBack(transaction.db) }
        return nil
    }

    /// Each job in a transaction of its own. What keeps one from beginning keeps those behind it too, and is waited for once; but that
    /// there is no room need not keep one that may use the reserve.
    private func runAlone(_ group: [Job], in transaction: WriteTransaction) {
        var obstacle: StoreError?
        for job in group {
            if let obstacle {
                job.finish(obstacle)
            } else if let met = run([job], in: transaction), !DiskSpace.isFull(met) {
                obstacle = met
            }
        }
    }

    /// Each job in its turn; neighbours that append go in together.
    private func perform(_ group: [Job], in transaction: WriteTransaction) throws {
        var place = 0
        while place < group.count {
            let neighbours = group[place...].prefix { $0.appending != nil }
            if neighbours.count > 1 {
                try Appending.run(neighbours.compactMap(\.appending), in: transaction)
                place += neighbours.count
            } else {
                try group[place].body(transaction)
                place += 1
            }
        }
    }

    /// Copies the log back into the file, so that it does not grow; on the reserve, when there is no other room.
    private func copyBack(_ db: Database) {
        do { try checkpointer.copy(db) } catch {
            // What can't be copied stays in the log, and is as safe there.
            if DiskSpace.isFull(StoreError(error, path: path)), space.release() { copyBack(db) }
        }
    }

    /// Copies back what is left of a log that is too long.
    private func boundLog(_ db: Database) {
        let isLong = state.withLock { state in
            defer { state.value.isLogLong = false }
            return state.value.isLogLong
        }
        if isLong { checkpointer.copyRest(db) }
    }

    /// Takes nothing any more, answers what waits, and ends the prepared statements, so that the connection can close. Whoever enqueues
    /// later hears that the store is closed.
    func close() {
        state.withLock { $0.value.isClosed = true }
        pool.unsafeReentrantWrite { db in
            drain(db)
            transaction.withLock { $0.value = nil }
        }
        checkpointer.waitForCopy()
    }
}

/// Says that its value crosses threads under a rule that the compiler can't see; the rule stands where it is used.
struct Unchecked<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}

private final class Box<Value> {
    var value: Value?
}
