internal import GuardianCore
internal import Synchronization

/// Group commit: calls that wait together share one transaction, and so one round trip and one fsync.
///
/// Two groups may be under way at once, each on a session of its own. When a group fails for a reason of its content, its calls are
/// written again one by one, so that a bad one harms no other.
final class EnqueueQueue: Sendable {
    /// Operations of one group at most; a call that has more is a group by itself.
    private static let groupLimit = 1000
    private static let mostAtOnce = 2

    struct Waiting {
        let operations: [Operation]
        let finish: (Result<[Receipt], StoreError>) -> Void
    }

    /// One group on its way; used by one thread at a time.
    final class Group: @unchecked Sendable {
        // Handed on by the pool's queue.
        var calls: [Waiting] = []
        /// The answer to an earlier try was lost: what is stored already may be ours.
        var isDoubtful = false
        var repetitions = 20
        var isAlone = false
    }

    private struct State: @unchecked Sendable {
        // The closures are called once, by whoever took them out.
        var waiting: [Waiting] = []
        var running = 0
    }

    private let state = Mutex(State())

    /// Puts a call in line; returns whether one more group is to be started.
    func put(_ call: Waiting) -> Bool {
        let box = Unchecked(call)
        return state.withLock { state in
            state.waiting.append(box.value)
            guard state.running < Self.mostAtOnce else { return false }
            state.running += 1
            return true
        }
    }

    /// The next group; nil when none waits, and one runs less.
    func take() -> Group? {
        state.withLock { state -> Unchecked<Group?> in
            guard let first = state.waiting.first else {
                state.running -= 1
                return Unchecked(nil)
            }
            let group = Group()
            group.calls = [first]
            var count = first.operations.count
            var taken = 1
            for call in state.waiting.dropFirst() {
                count += call.operations.count
                guard count <= Self.groupLimit else { break }
                group.calls.append(call)
                taken += 1
            }
            state.waiting.removeFirst(taken)
            return Unchecked(group)
        }.value
    }
}

/// A value that its owner hands from one thread to another without sharing it.
struct Unchecked<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}
