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
    /// How long the writer waits for callers it has just answered to come again, in nanoseconds: a fraction of an fsync.
    private static let gatherNanoseconds: UInt64 = 60_000

    struct Job {
        let body: (WriteTransaction) throws -> Void
        let finish: (StoreError?) -> Void
    }

    private struct State {
        var waiting: [Job] = []
        var isDraining = false
    }

    private let pool: DatabasePool
    // Jobs are closures over caller-local boxes that only the writer touches until `finish`; the queue hands each over once.
    private let state = Mutex(Unchecked(State()))
    // Touched on the writer's queue only.
    private let transaction = Mutex<Unchecked<WriteTransaction?>>(Unchecked(nil))
    private let path: String

    init(pool: DatabasePool, path: String) {
        self.pool = pool
        self.path = path
    }

    /// Runs `body` in the next group; returns after the commit is on disk.
    func write<Value: Sendable>(_ body: @escaping @Sendable (WriteTransaction) throws -> Value) async throws(StoreError) -> Value {
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
                    }))
        }
        return try result.get()
    }

    private func submit(_ job: Job) {
        let unchecked = Unchecked(job)
        let starts = state.withLock { state in
            state.value.waiting.append(unchecked.value)
            guard !state.value.isDraining else { return false }
            state.value.isDraining = true
            return true
        }
        if starts { pool.asyncWriteWithoutTransaction { [self] db in drain(db) } }
    }

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

    private func drain(_ db: Database) {
        let transaction = self.transaction.withLock { held in
            if held.value == nil { held.value = WriteTransaction(db) }
            return Unchecked(held.value)
        }.value
        guard let transaction else { return }
        var last = 0
        while true {
            if last > 1 { gather(last) }
            let group = takeGroup()
            if group.isEmpty { return }
            last = group.count
            run(group, in: transaction)
        }
    }

    /// Lets the callers of the last group come back before the next one is closed.
    private func gather(_ count: Int) {
        let start = Self.nanoseconds()
        while state.withLock({ $0.value.waiting.count }) < count, Self.nanoseconds() - start < Self.gatherNanoseconds { sched_yield() }
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func run(_ group: [Job], in transaction: WriteTransaction) {
        do {
            try transaction.begin()
            for job in group { try job.body(transaction) }
            try transaction.commit()
            for job in group { job.finish(nil) }
        } catch {
            transaction.rollback()
            guard group.count > 1 else {
                group[0].finish(StoreError(error, path: path))
                return
            }
            for job in group { run([job], in: transaction) }
        }
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
