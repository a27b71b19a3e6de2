import Synchronization

/// Tells events to every sink and every reader. A slow reader loses the oldest of its own backlog; it never slows delivery.
final class EventHub: Sendable {
    /// Events kept for a reader that does not keep up.
    static let backlog = 4096

    private struct State {
        var readers: [Int: AsyncStream<Event>.Continuation] = [:]
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
        for reader in readers { reader.yield(event) }
    }

    func subscribe() -> AsyncStream<Event> {
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(Self.backlog))
        let number = state.withLock { state in
            state.nextReader += 1
            state.readers[state.nextReader] = continuation
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

    func finish() {
        let readers = state.withLock { state in
            defer { state.readers = [:] }
            return state.readers
        }
        for reader in readers.values { reader.finish() }
    }
}
