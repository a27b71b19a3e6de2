public import GuardianCore
import Synchronization

/// Counts what an engine tells, slice by slice, and tells it back what is unusual: a sink of the engine and a service beside it.
public final class AnomalyWatch: EventSink {
    /// Latencies that are kept of one slice; of more than that every one counts the same by chance.
    static let mostLatencies = 512

    private struct State {
        var slice = TrafficSlice()
        var latencies: [Int64] = []
        var seen = 0
        var detector = AnomalyDetector()
        var random = Xoshiro256(seed: 1)
    }

    private let state = Mutex(State())

    /// Knows nothing yet: nothing is judged in the first three minutes.
    public init() {}

    public func record(_ event: Event, at time: Timestamp) {
        switch event {
        case .enqueued, .coalesced: state.withLock { $0.slice.accepted += 1 }
        case .processed(_, let latencyMs, _): state.withLock { Self.good(latencyMs, &$0) }
        case .retryScheduled, .failed, .conflict: state.withLock { $0.slice.bad += 1 }
        default: break
        }
    }

    /// Reservoir sampling (J. Vitter, 1985, algorithm R).
    private static func good(_ latencyMs: Int64, _ state: inout State) {
        state.slice.good += 1
        state.seen += 1
        if state.latencies.count < mostLatencies {
            state.latencies.append(latencyMs)
        } else {
            let place = Int.random(in: 0..<state.seen, using: &state.random)
            if place < mostLatencies { state.latencies[place] = latencyMs }
        }
    }

    /// Anomalies that go on.
    public var alerts: [Alert] { state.withLock { $0.detector.alerts } }

    /// Ends the slice, and returns what has fired or was cleared.
    package func endSlice(at now: Timestamp) -> [Event] {
        state.withLock { state in
            state.slice.latencyMs = RobustBaseline.median(state.latencies.map { Double($0) })
            let events = state.detector.take(state.slice, at: now)
            state.slice = TrafficSlice()
            state.latencies.removeAll(keepingCapacity: true)
            state.seen = 0
            return events
        }
    }

    /// Ends a slice every ten seconds, and tells `engine`, until its task is cancelled.
    public func run(engine: SyncEngine, clock: any TimeSource = SystemClock()) async {
        while !Task.isCancelled {
            do { try await clock.wait(untilSteady: clock.now.steady + AnomalyDetector.sliceMs) } catch { return }
            for event in endSlice(at: clock.now.wall) { engine.tell(event) }
        }
    }
}
