internal import GuardianCore
internal import Synchronization

/// Group commit: calls that wait together share one transaction, and so one round trip and one fsync.
///
/// Two groups may be under way at once, each on a session of its own. When a group fails for a reason of its content, its calls are
/// written again one by one, so that a bad one harms no other.
///
/// A call that adds to a line which somebody's open transaction holds (an app's own, with `guardian_enqueue`) is *held up*: it waits aside
/// until its deadline, with all that add to the lines of such calls, and one session tries them one after the other. So a transaction
/// that is left open keeps a group waiting once, and after that only those that have to do with its keys. Once those have been tried,
/// whoever came meanwhile and has to do with none that is held up still is written in groups again.
final class EnqueueQueue: Sendable {
    /// Operations of one group at most; a call that has more, or more bytes than one statement carries, is a group by itself.
    private static let groupLimit = 1000
    private static let mostAtOnce = 2

    struct Waiting {
        let operations: [Operation]
        /// Whether each of them is written by itself: it may be folded, or points to others.
        let isEach: Bool
        let ordering: Ordering
        /// Until when it may be held up, in steady milliseconds.
        let deadline: Int64
        /// The answer to an earlier try was lost: what is stored already may be its own.
        var isDoubtful = false
        let finish: (Result<[Receipt], StoreError>) -> Void

        var lines: Set<Int64> { Set(operations.map { ordering.line(for: $0) }) }
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
        var heldUp: [Waiting] = []
        /// The lines of all that are held up, those that are being tried included.
        var heldLines: Set<Int64> = []
        /// Those of calls that were found held up while others were tried.
        var foundLines: Set<Int64> = []

        /// Takes a group to be written, if one more may be under way.
        mutating func mayStart() -> Bool {
            guard running < EnqueueQueue.mostAtOnce, !waiting.isEmpty else { return false }
            running += 1
            return true
        }
    }

    private let state = Mutex(State())

    /// Puts a call in line; returns whether one more group is to be started.
    func put(_ call: Waiting) -> Bool {
        let box = Unchecked(call)
        return state.withLock { state in
            if !state.heldLines.isEmpty {
                let lines = box.value.lines
                if !lines.isDisjoint(with: state.heldLines) {
                    state.heldUp.append(box.value)
                    state.heldLines.formUnion(lines)
                    return false
                }
            }
            state.waiting.append(box.value)
            return state.mayStart()
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
            var (count, bytes) = (first.operations.count, StatementBytes.of(first.operations))
            var taken = 1
            for call in state.waiting.dropFirst() {
                count += call.operations.count
                bytes += StatementBytes.of(call.operations)
                guard count <= Self.groupLimit, bytes <= StatementBytes.limit else { break }
                group.calls.append(call)
                taken += 1
            }
            state.waiting.removeFirst(taken)
            return Unchecked(group)
        }.value
    }

    // MARK: Held up

    /// Whether some call that is held up adds to one of the lines of these operations.
    func holdsUp(_ operations: [Operation], _ ordering: Ordering) -> Bool {
        state.withLock { state in operations.contains { state.heldLines.contains(ordering.line(for: $0)) } }
    }

    /// Puts calls aside that met somebody's open transaction; returns whether they are to be tried from now on.
    func holdUp(_ calls: [Waiting]) -> Bool {
        let box = Unchecked(calls)
        return state.withLock { state in
            let isFirst = state.heldLines.isEmpty
            state.heldUp += box.value
            for call in box.value { state.foundLines.formUnion(call.lines) }
            state.heldLines.formUnion(state.foundLines)
            return isFirst
        }
    }

    /// All that are held up, to be tried.
    func takeHeldUp() -> [Waiting] {
        state.withLock { state -> Unchecked<[Waiting]> in
            defer {
                state.heldUp = []
                state.foundLines = []
            }
            return Unchecked(state.heldUp)
        }.value
    }

    /// Takes those back that are held up still. Of those that came meanwhile, what has to do with none of them is written with all others,
    /// and keeps its place before whoever came later. Returns whether there are any left, and whether one more group is to be started.
    func putBack(heldUp calls: [Waiting]) -> (isHeldUp: Bool, startsGroup: Bool) {
        let box = Unchecked(calls)
        return state.withLock { state in
            let newer = state.heldUp
            state.heldUp = box.value
            state.heldLines = box.value.reduce(into: state.foundLines) { $0.formUnion($1.lines) }
            for call in newer {
                let lines = call.lines
                if lines.isDisjoint(with: state.heldLines) {
                    state.waiting.append(call)
                } else {
                    state.heldUp.append(call)
                    state.heldLines.formUnion(lines)
                }
            }
            return (isHeldUp: !state.heldUp.isEmpty, startsGroup: state.mayStart())
        }
    }
}

/// A value that its owner hands from one thread to another without sharing it.
struct Unchecked<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}
