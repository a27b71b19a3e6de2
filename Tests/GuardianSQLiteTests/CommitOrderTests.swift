import Dispatch
import GRDB
import GuardianCore
import GuardianSQLite
import Testing

/// Who commits, and in which order (docs/decisions/0009 and 0044).
@Suite struct CommitOrderTests {
    /// One thread, on which jobs have their turns in the order in which they came.
    private final class OneThread: TaskExecutor {
        private let queue = DispatchQueue(label: "guardian.tests.one")

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            queue.async { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }

    @Test("an enqueue that meets somebody else's write gives its thread back while it waits", .timeLimit(.minutes(1)))
    func givesItsThreadBack() async throws {
        try await withStore { store, path in
            var random = Xoshiro256(seed: 1)
            let new = NewOperation("update", entityType: "room", entityID: "r1", payload: "{}")
            let operation = try Admission().admit(new, at: Timestamp(milliseconds: 1_800_000_000_000), random: &random)
            var configuration = Configuration()
            configuration.allowsUnsafeTransactions = true
            let other = try DatabaseQueue(path: path, configuration: configuration)
            try await other.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
            let thread = OneThread()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask(executorPreference: thread) { _ = try await store.enqueue([operation]) }
                // Has its turn once the thread is free.
                group.addTask(executorPreference: thread) {
                    try await other.writeWithoutTransaction { db in try db.execute(sql: "COMMIT") }
                }
                try await group.waitForAll()
            }
            #expect(try await store.books().pending == 1)
            try other.close()
        }
    }

    @Test("while another process keeps the lock, all who wait hear so together, and not one after the other", .timeLimit(.minutes(1)))
    func hearsTogether() async throws {
        try await withStore { _, path in
            let store = try SQLiteStore.open(.init(path: path, busyTimeoutMs: 500))
            var random = Xoshiro256(seed: 1)
            let now = Timestamp(milliseconds: 1_800_000_000_000)
            let news = (0..<100).map { NewOperation("update", entityType: "room", entityID: "r\($0)", payload: "{}") }
            let operations = try news.map { try Admission().admit($0, at: now, random: &random) }
            var configuration = Configuration()
            configuration.allowsUnsafeTransactions = true
            let other = try DatabaseQueue(path: path, configuration: configuration)
            try await other.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
            let begin = ContinuousClock.now
            let refused = await withTaskGroup(of: Bool.self) { group in
                for operation in operations {
                    group.addTask {
                        do throws(StoreError) { _ = try await store.enqueue([operation]) } catch { return error.name == "unavailable" }
                        return false
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            let took = ContinuousClock.now - begin
            #expect(refused == operations.count)
            // Twice the patience: those that came first, and those that came while they waited. One after the other it is 50 s.
            #expect(took < .seconds(25), "\(took)")
            try await other.writeWithoutTransaction { db in try db.execute(sql: "COMMIT") }
            let receipts = try await store.enqueue(operations)
            #expect(receipts.allSatisfy { $0.outcome == .accepted })
            try other.close()
            try store.close()
        }
    }

    @Test("an enqueue passes an exchange that waits before it", .timeLimit(.minutes(1)))
    func passesExchanges() async throws {
        try await withStore { store, path in
            var random = Xoshiro256(seed: 1)
            let now = Timestamp(milliseconds: 1_800_000_000_000)
            let news = (0..<2).map { NewOperation("update", entityType: "room", entityID: "r\($0)", payload: "{}") }
            let operations = try news.map { try Admission().admit($0, at: now, random: &random) }
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "o", now: now, staleAfterMs: 120_000) else {
                Issue.record("no lock")
                return
            }
            var configuration = Configuration()
            configuration.allowsUnsafeTransactions = true
            let other = try DatabaseQueue(path: path, configuration: configuration)
            try await other.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
            let thread = OneThread()
            let claims = try await withThrowingTaskGroup(of: [Claim].self) { group in
                // The first waits for somebody else's write; meanwhile an exchange comes, and then another enqueue.
                group.addTask(executorPreference: thread) {
                    _ = try await store.enqueue([operations[0]])
                    return []
                }
                group.addTask(executorPreference: thread) { try await store.exchange(Exchange(fence: fence, now: now, normal: 10)).claims }
                group.addTask(executorPreference: thread) {
                    _ = try await store.enqueue([operations[1]])
                    return []
                }
                group.addTask(executorPreference: thread) {
                    try await other.writeWithoutTransaction { db in try db.execute(sql: "COMMIT") }
                    return []
                }
                return try await group.reduce([], +)
            }
            #expect(claims.map(\.seq).sorted() == [1, 2])
            try other.close()
        }
    }
}
