import AsyncHTTPClient
import NIOCore
import NIOPosix
import Synchronization

/// Cancels attempts whose time is up, from their start to the last byte of the answer.
///
/// The HTTP client's own deadline ends with the answer's head, and a timer for each attempt costs more than the rest of its bookkeeping; so
/// one repeated task looks at all attempts under way. An attempt ends at most ``tick`` after its time.
final class AttemptTimer: Sendable {
    static let tick = TimeAmount.milliseconds(20)

    /// A handle may be cancelled from any thread while its task lives: each is cancelled under the lock only, and takes itself out before
    /// its task ends. Cancellation handlers of the attempt, the app's among them, run under it too: like all of those they must not wait.
    private struct Entry: @unchecked Sendable {
        var task: UnsafeCurrentTask?
        var request: HTTPClient.Task<IncomingAnswer>?
        var deadline: NIODeadline
        var isLate = false
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        var next = 0
        var ticking: RepeatedTask?
        var isStopped = false
    }

    private let state = Mutex(State())

    /// Runs `body` in a task of its own and cancels that when `milliseconds` are over. Says whether they were.
    func bound<Value: Sendable>(milliseconds: Int64, _ body: @Sendable () async -> Value) async -> (Value, isLate: Bool) {
        let deadline = NIODeadline.now() + .milliseconds(milliseconds)
        async let bounded = withUnsafeCurrentTask { task in
            let number = add(Entry(task: task, deadline: deadline))
            let value = await body()
            return (value, remove(number))
        }
        return await bounded
    }

    /// Cancels `request` when `deadline` has come; returns a number to ``remove(_:)`` it by.
    func add(_ request: HTTPClient.Task<IncomingAnswer>, until deadline: NIODeadline) -> Int {
        add(Entry(request: request, deadline: deadline))
    }

    /// Whether it had been cancelled for its time.
    func remove(_ number: Int) -> Bool { state.withLock { $0.entries.removeValue(forKey: number)?.isLate ?? false } }

    private func add(_ entry: Entry) -> Int {
        state.withLock { state in
            state.next += 1
            state.entries[state.next] = entry
            if state.ticking == nil, !state.isStopped {
                state.ticking = MultiThreadedEventLoopGroup.singleton.any().scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick)
                {
                    [weak self] task in
                    if let self { self.sweep(task) } else { task.cancel() }
                }
            }
            return state.next
        }
    }

    private func sweep(_ ticking: RepeatedTask) {
        let now = NIODeadline.now()
        let late = state.withLock { state in
            if state.entries.isEmpty {
                ticking.cancel()
                state.ticking = nil
            }
            var late: [HTTPClient.Task<IncomingAnswer>] = []
            for (number, entry) in state.entries where !entry.isLate && entry.deadline <= now {
                state.entries[number]?.isLate = true
                entry.task?.cancel()
                if let request = entry.request { late.append(request) }
            }
            return late
        }
        for request in late { request.cancelLater() }
    }

    func stop() {
        state.withLock { state in
            state.ticking?.cancel()
            state.ticking = nil
            state.isStopped = true
        }
    }
}
