import GuardianCore
import GuardianTesting
import Synchronization

/// A scripted network as one engine reaches it: it knows whether all that the engine has begun to send has come, and is answered or held.
final class WatchedTransport: Transport, EventSink {
    private struct State {
        /// Attempts that the engine has told of, and those that have come.
        var told = 0
        var arrived = 0
        /// Attempts that do not come any more.
        var lost = 0
        var underWay = 0
    }

    private let base: ScriptedTransport
    private let state = Mutex(State())

    init(_ base: ScriptedTransport) { self.base = base }

    var holds: HoldRules { base.holds }
    var appVersion: String? { base.appVersion }

    /// Whether nothing is on its way, but what the test holds.
    var isQuiet: Bool {
        let held = base.held.count
        return state.withLock { $0.told <= $0.arrived + $0.lost && $0.underWay <= held }
    }

    /// Waits no longer for attempts that have not come: one that is interrupted before it begins never does.
    func forgetLost() { state.withLock { $0.lost = max(0, $0.told - $0.arrived) } }

    func record(_ event: Event, at time: Timestamp) {
        if case .claimed = event { state.withLock { $0.told += 1 } }
    }

    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        await pass(isTold: true) { await base.send(claim, token: token, timeoutMs: timeoutMs) }
    }

    func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look {
        await pass(isTold: true) { await base.look(claim, token: token, timeoutMs: timeoutMs) }
    }

    func fetch(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Fetch {
        await pass(isTold: false) { await base.fetch(claim, token: token, timeoutMs: timeoutMs) }
    }

    /// `isTold` says whether the engine tells that it begins such a call.
    private func pass<Answer: Sendable>(isTold: Bool, _ call: () async -> Answer) async -> Answer {
        state.withLock { state in
            if isTold { state.arrived += 1 }
            state.underWay += 1
        }
        defer { state.withLock { $0.underWay -= 1 } }
        return await call()
    }
}
