import NIOCore
import Synchronization

/// A token bucket: so many a second, and a second's worth at once.
final class Rate: Sendable {
    private let perSecond: Double
    private let state: Mutex<(tokens: Double, at: NIODeadline)>

    init(perSecond: Int, at now: NIODeadline) {
        self.perSecond = Double(perSecond)
        state = Mutex((Double(perSecond), now))
    }

    /// Takes one; false when there is none left.
    func take(at now: NIODeadline) -> Bool {
        state.withLock { state in
            let seconds = Double(max(0, (now - state.at).nanoseconds)) / 1e9
            state = (min(perSecond, state.tokens + seconds * perSecond), now)
            guard state.tokens >= 1 else { return false }
            state.tokens -= 1
            return true
        }
    }
}
