public import GuardianCore
import Synchronization

/// Listens to an engine and keeps what a suite measures: durations, throughput over time, breaker changes, endings.
public final class DeliveryRecorder: EventSink {
    /// One change of the breaker's state.
    public struct Change: Sendable, Equatable {
        /// By the recorder's stopwatch.
        public var seconds: Double
        /// `opened`, `probing`, `closed`.
        public var state: String

        /// For plots and tests: a recorder makes its own.
        public init(seconds: Double, state: String) {
            self.seconds = seconds
            self.state = state
        }
    }

    /// One time that the breaker was open.
    public struct Trip: Sendable, Equatable {
        /// How many attempts had begun when it opened.
        public var attempts: Int
        /// How long it meant to be open, in milliseconds.
        public var forMs: Int64
        /// How long it was until it probed, by the engine's clock; nil when it has not.
        public var waitedMs: Int64?
        var openedAt: Timestamp
    }

    private struct State {
        var begun: [OperationID: Int64] = [:]
        var attempts: LatencyRecorder
        var processing: LatencyRecorder
        var perSecond: [Int] = []
        var changes: [Change] = []
        var processed = 0
        var failed = 0
        var retries = 0
        var attemptsBegun = 0
        var trips: [Trip] = []
        var acquired: [Double] = []
    }

    private let state: Mutex<State>
    private let watch: Stopwatch

    /// `expectedMicroseconds` corrects latencies for coordinated omission, as in ``LatencyRecorder``; 0, the default, corrects nothing.
    public init(watch: Stopwatch = Stopwatch(), expectedMicroseconds: UInt64 = 0) {
        self.watch = watch
        state = Mutex(
            State(
                attempts: LatencyRecorder(expectedMicroseconds: expectedMicroseconds),
                processing: LatencyRecorder(expectedMicroseconds: expectedMicroseconds)))
    }

    public func record(_ event: Event, at time: Timestamp) {
        let now = watch.microseconds
        state.withLock { state in
            switch event {
            case .claimed(let id, _):
                state.attemptsBegun += 1
                if state.begun[id] == nil { state.begun[id] = now }
            case .processed(let id, let latencyMs, _):
                state.processed += 1
                state.attempts.record(microseconds: latencyMs * 1000)
                if let begun = state.begun.removeValue(forKey: id) { state.processing.record(microseconds: now - begun) }
                let second = Int(now / 1_000_000)
                while state.perSecond.count <= second { state.perSecond.append(0) }
                state.perSecond[second] += 1
            case .failed(let id, _), .conflict(let id, _):
                state.failed += 1
                state.begun[id] = nil
            case .retryScheduled: state.retries += 1
            case .breakerOpened(let forMs):
                state.changes.append(.init(seconds: Double(now) / 1e6, state: "opened"))
                state.trips.append(Trip(attempts: state.attemptsBegun, forMs: forMs, waitedMs: nil, openedAt: time))
            case .breakerProbing:
                state.changes.append(.init(seconds: Double(now) / 1e6, state: "probing"))
                guard let trip = state.trips.last, trip.waitedMs == nil else { break }
                state.trips[state.trips.count - 1].waitedMs = time.milliseconds - trip.openedAt.milliseconds
            case .breakerClosed: state.changes.append(.init(seconds: Double(now) / 1e6, state: "closed"))
            case .lockAcquired: state.acquired.append(Double(now) / 1e6)
            default: break
            }
        }
    }

    /// Operations that the upstream has taken.
    public var processed: Int { state.withLock { $0.processed } }
    /// Operations that were given up on, conflicts too.
    public var failed: Int { state.withLock { $0.failed } }
    /// Attempts that ended in a wait for the next one.
    public var retries: Int { state.withLock { $0.retries } }
    /// How long attempts took that succeeded.
    public var attempts: LatencyRecorder { state.withLock { $0.attempts } }
    /// From the first claim to the settlement on disk, waits for retries included.
    public var processing: LatencyRecorder { state.withLock { $0.processing } }
    /// Operations processed in each second.
    public var perSecond: [Int] { state.withLock { $0.perSecond } }
    /// Of the breaker, in the order in which the engine told them.
    public var changes: [Change] { state.withLock { $0.changes } }
    /// The times that the breaker was open, of an engine that begins with a closed one.
    public var trips: [Trip] { state.withLock { $0.trips } }
    /// When a processor got the lock, in seconds.
    public var acquired: [Double] { state.withLock { $0.acquired } }
}
