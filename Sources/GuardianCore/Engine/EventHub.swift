import Synchronization

/// Tells events to every sink and every reader. A slow reader loses the oldest of its own backlog; it never slows delivery. Its readers end
/// with it.
final class EventHub: Sendable {
    /// Events kept for a reader that does not keep up.
    static let backlog = 4096

    private struct Reader {
        var continuation: AsyncStream<Event>.Continuation
        var missed: MissedEvents?
    }

    private struct State {
        var readers: [Int: Reader] = [:]
        var nextReader = 0
    }

    private let sinks: [any EventSink]
    private let state = Mutex(State())
    private let hasReaders = Atomic<Bool>(false)

    init(sinks: [any EventSink]) { self.sinks = sinks }

    /// Whether telling would reach anyone.
    var isHeard: Bool { !sinks.isEmpty || hasReaders.load(ordering: .relaxed) }

    func tell(_ event: Event, about subject: Event.Subject? = nil, at time: Timestamp) {
        for sink in sinks { sink.record(event, about: subject, at: time) }
        guard hasReaders.load(ordering: .relaxed) else { return }
        // Not under the lock: to yield takes the reader's task, which may be ending just now and wait for this lock.
        let readers = state.withLock { Array($0.readers.values) }
        for reader in readers { if case .dropped = reader.continuation.yield(event) { reader.missed?.add() } }
    }

    /// `backlog` is how many events are kept for a reader that does not keep up; `missed` counts those that were not.
    func subscribe(backlog: Int = EventHub.backlog, missed: MissedEvents? = nil) -> AsyncStream<Event> {
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(backlog))
        let number = state.withLock { state in
            state.nextReader += 1
            state.readers[state.nextReader] = Reader(continuation: continuation, missed: missed)
            hasReaders.store(true, ordering: .relaxed)
            return state.nextReader
        }
        continuation.onTermination = { [weak self] _ in
            guard let self else { return }
            self.state.withLock { state in
                state.readers[number] = nil
                self.hasReaders.store(!state.readers.isEmpty, ordering: .relaxed)
            }
        }
        return stream
    }

    deinit {
        let readers = state.withLock { Array($0.readers.values) }
        for reader in readers { reader.continuation.finish() }
    }
}

/// How many events one reader has lost because it did not keep up.
package final class MissedEvents: Sendable {
    private let count = Atomic<Int>(0)

    package init() {}

    func add() { count.add(1, ordering: .relaxed) }

    /// Those since the last call.
    package func take() -> Int { count.exchange(0, ordering: .relaxed) }
}
