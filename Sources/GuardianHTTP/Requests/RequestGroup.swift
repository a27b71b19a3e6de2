import Synchronization

/// Requests that are under way together: all of them can be given up at once, and waited for.
final class RequestGroup: Sendable {
    private struct State {
        var left: Int
        /// What gives each up.
        var stops: [Int: @Sendable () -> Void] = [:]
        var isGivenUp = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    /// Ends when so many have ended.
    init(_ count: Int) { state = Mutex(State(left: count)) }

    var isGivenUp: Bool { state.withLock { $0.isGivenUp } }

    /// One has begun, or goes on in another way.
    func add(_ place: Int, stop: @escaping @Sendable () -> Void) {
        let isGivenUp = state.withLock { state in
            state.stops[place] = stop
            return state.isGivenUp
        }
        if isGivenUp { stop() }
    }

    func end(_ place: Int) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.stops[place] = nil
            state.left -= 1
            guard state.left == 0 else { return nil }
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }

    func giveUp() {
        let stops = state.withLock { state in
            state.isGivenUp = true
            return state.stops.values
        }
        for stop in stops { stop() }
    }

    /// Returns when all have ended.
    func ended() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.left > 0 { state.waiting = continuation }
                return state.left == 0
            }
            if isOver { continuation.resume() }
        }
    }
}
