import Dispatch
import GRDB
import GuardianCore
import GuardianSQLite
import Testing

/// A lone caller commits on its own thread (docs/decisions/0009), which it must not keep for others.
@Suite struct LoneCallerTests {
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
}
