internal import GRDB
internal import GuardianCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Group commit: writes that wait together share one transaction, and so one fsync.
///
/// Jobs run in the order in which they came, in one `BEGIN IMMEDIATE … COMMIT`; each caller hears back after the commit is on disk. When
/// one job of a group fails, the group is rolled back and each of its jobs runs again in a transaction of its own, so that a bad one
/// harms no other. A job must therefore have no effect but on the database.
final class CommitQueue: Sendable {
    /// Jobs in one transaction at most.
    private static let groupLimit = 512
    /// Bytes that the log keeps when it begins anew, and from which on the writer makes it do so: a reader that never pauses would otherwise
    /// let it grow without end.
    static let logLimit: Int64 = 64 << 20
    /// Groups from one look at the log to the next.
    private static let groupsToLook = 64

    /// How long the writer waits for callers it has just answered to come again, in nanoseconds: an eighth of what the last commit took, and
    /// this at most.
    private static let gatherNanoseconds: UInt64 = 60_000

    struct Job {
        let body: (WriteTransaction) throws -> Void
        let finish: (StoreError?) -> Void
        let kind: Kind
        /// What it appends, where that may go in together with what others append.
        var appending: Appending?
    }

    /// What a write may assume and what it leaves behind.
    enum Kind {
        /// Takes a few operations in: committed by its caller's own thread where that is free.
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
        var groups = 0
    }

    private let pool: DatabasePool
    // Jobs are closures over caller-local boxes that only the writer touches until `finish`; the queue hands each over once.
    private let state = Mutex(Unchecked(State()))
    // Touched on the writer's queue only.
    private let transaction = Mutex<Unchecked<WriteTransaction?>>(Unchecked(nil))
    private let path: String
    private let vault: Vault
    private let space: DiskSpace

    init(pool: DatabasePool, path: String, vault: Vault, space: DiskSpace) {
        self.space = space
        self.vault = vault
        self.pool = pool
        self.path = path
    }

    /// Runs `body` in the next group; returns after the commit is on disk.
    ///
    /// A short one that meets an idle queue is committed by its caller's own thread: two changes of thread less, at the price of a thread
    /// of the caller's pool that waits for one fsync (docs/decisions/0009-a-lone-caller-commits-itself.md).
    func write<Value: Sendable>(
        _ kind: Kind = .repair, _ body: @escaping @Sendable (WriteTransaction) throws -> Value
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
                    }, kind: kind))
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
                    kind: .shortEnqueue, appending: appending))
        }
        return try result.get()
    }

    private enum Start { case none, own, writers }

    private func submit(_ job: Job) {
        let unchecked = Unchecked(job)
        let start = state.withLock { state -> Start in
            state.value.waiting.append(unchecked.value)
            guard !state.value.isDraining else { return .none }
            state.value.isDraining = true
            return job.kind == .shortEnqueue && state.value.lastNanoseconds < Self.shortNanoseconds ? .own : .writers
        }
        switch start {
        case .none: break
        case .own:
            let isDone = pool.unsafeReentrantWrite { db in drainOnce(db) }
            if !isDone { drainAll() }
        case .writers: drainAll()
        }
    }

    private func drainAll() { pool.asyncWriteWithoutTransaction { [self] db in drain(db) } }

    private func takeGroup() -> [Job] {
        state.withLock { state -> Unchecked<[Job]> in
            if state.value.waiting.isEmpty {
                state.value.isDraining = false
                return Unchecked([])
            }
            let group = Array(state.value.waiting.prefix(Self.groupLimit))
            state.value.waiting.removeFirst(group.count)
            return Unchecked(group)
        }.value
    }

    /// One group, the caller's own job in it. False when others wait already.
    private func drainOnce(_ db: Database) -> Bool {
        guard let transaction = transaction(on: db) else { return true }
        run(takeGroup(), in: transaction)
        return state.withLock { state in
            guard state.value.waiting.isEmpty else { return false }
            state.value.isDraining = false
            return true
        }
    }

    private func drain(_ db: Database) {
        guard let transaction = transaction(on: db) else { return }
        var last = 0
        while true {
            if last > 1 { gather(last) }
            let group = takeGroup()
            if group.isEmpty { return }
            last = group.count
            run(group, in: transaction)
        }
    }

    /// The one transaction, made at first use; on the writer's queue only.
    private func transaction(on db: Database) -> WriteTransaction? {
        transaction.withLock { held in
            if held.value == nil { held.value = WriteTransaction(db, vault) }
            return Unchecked(held.value)
        }.value
    }

    /// Lets the callers of the last group come back before the next one is closed.
    private func gather(_ count: Int) {
        let start = Self.nanoseconds()
        let limit = min(Self.gatherNanoseconds, state.withLock { $0.value.lastNanoseconds } / 8)
        while state.withLock({ $0.value.waiting.count }) < count, Self.nanoseconds() - start < limit { sched_yield() }
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func run(_ group: [Job], in transaction: WriteTransaction) {
        do {
            let start = Self.nanoseconds()
            try transaction.begin()
            try perform(group, in: transaction)
            try transaction.commit(keepsKnowledge: group.allSatisfy { $0.kind.keepsKnowledge })
            let took = Self.nanoseconds() - start
            state.withLock { $0.value.lastNanoseconds = took }
            for job in group { job.finish(nil) }
            boundLog(transaction.db)
        } catch {
            transaction.rollback()
            if group.count > 1 {
                for job in group { run([job], in: transaction) }
                return
            }
            let failure = StoreError(error, path: path)
            // Each piece of the reserve is given once, so this ends.
            if DiskSpace.isFull(failure), group[0].kind.mayUseReserve, space.release() { return run(group, in: transaction) }
            return group[0].finish(failure)
        }
        if space.wantsCheckpoint() { copyBack(transaction.db) }
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
        do { _ = try db.checkpoint(.passive) } catch {
            // What can't be copied stays in the log, and is as safe there.
            if DiskSpace.isFull(StoreError(error, path: path)), space.release() { copyBack(db) }
        }
    }

    /// Copies all of the log back once it is too long, and waits for readers to let it begin anew: what arrives meanwhile reads the file.
    private func boundLog(_ db: Database) {
        let isTime = state.withLock { state in
            state.value.groups += 1
            return state.value.groups % Self.groupsToLook == 0
        }
        guard isTime, let size = Disk.size(of: path + "-wal"), size > Self.logLimit else { return }
        // Busy readers: the next look tries again.
        do { _ = try db.checkpoint(.restart) } catch {}
    }

    /// Ends the prepared statements, so that the connection can close.
    func close() { transaction.withLock { $0.value = nil } }
}

/// Says that its value crosses threads under a rule that the compiler can't see; the rule stands where it is used.
struct Unchecked<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}

private final class Box<Value> {
    var value: Value?
}
