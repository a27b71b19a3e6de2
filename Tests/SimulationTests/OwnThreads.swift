import Foundation
import GuardianTesting

/// Threads for worlds, which never suspend: on the pool that all tests share they would leave nobody else a turn.
final class OwnThreads: TaskExecutor {
    static let shared = OwnThreads()

    private let queue = DispatchQueue(label: "guardian.tests.worlds", attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    /// Runs `body` there.
    static func run<Value: Sendable>(_ body: @Sendable () async -> Value) async -> Value {
        await withTaskExecutorPreference(shared) { await body() }
    }
}

extension SimulatedWorld {
    /// Runs on threads of its own.
    func runAside() async -> Report {
        await OwnThreads.run {
            var world = self
            return await world.run()
        }
    }
}
