import Foundation
import GuardianTesting
import Synchronization

/// Threads for worlds, which never suspend: on the pool that all tests share they would leave nobody else a turn.
final class OwnThreads: TaskExecutor {
    static let shared = OwnThreads()

    /// No more than two, so that the other tests have half of a small machine.
    private let queues = (0..<2).map { DispatchQueue(label: "guardian.tests.worlds.\($0)") }
    private let turn = Atomic<Int>(0)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let queue = queues[turn.add(1, ordering: .relaxed).oldValue % queues.count]
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
