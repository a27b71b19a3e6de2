public import GuardianCore
import Synchronization

/// A sink that keeps every event, in the order in which it was told, and lets a test await the ones it needs.
///
/// It keeps all of them in memory for as long as it lives, so it is meant for tests only.
public final class RecordingSink: EventSink, Recorder {
    /// An event, and when it was told.
    public struct Entry: Sendable, Equatable {
        /// What happened.
        public var event: Event
        /// Wall-clock time of the engine's clock.
        public var at: Timestamp
    }

    private let state = Mutex(Recording<Entry>())

    /// A sink that has heard nothing yet.
    public init() {}

    /// What was told so far, with its times.
    public var entries: [Entry] { state.withLock { $0.elements } }

    /// What was told so far.
    public var events: [Event] { entries.map(\.event) }

    /// Keeps `event`, and wakes the tests that waited for it.
    public func record(_ event: Event, at time: Timestamp) {
        for test in state.withLock({ $0.add(Entry(event: event, at: time)) }) { test.resume() }
    }

    /// The first event that matches, of those told already and those to come. Returns nil only when the test's task is cancelled.
    @discardableResult
    public func first(where matches: @Sendable (Event) -> Bool) async -> Entry? {
        await wait(for: 1, where: matches).first
    }

    /// The first `count` events that match, of those told already and those to come. Returns fewer only when the test's task is cancelled.
    @discardableResult
    public func wait(for count: Int, where matches: @Sendable (Event) -> Bool) async -> [Entry] {
        var seen = 0
        var found: [Entry] = []
        while found.count < count {
            let fresh = state.withLock { $0.elements[seen...] }
            seen += fresh.count
            found += fresh.filter { matches($0.event) }
            guard found.count < count else { break }
            if Task.isCancelled { return found }
            await waitForElements(seen + 1)
        }
        return Array(found.prefix(count))
    }

    /// How many of the events told so far match.
    public func count(where matches: (Event) -> Bool) -> Int { events.count(where: matches) }

    func withRecording<Value: Sendable>(_ body: (inout Recording<Entry>) -> Value) -> Value { state.withLock { body(&$0) } }
}
