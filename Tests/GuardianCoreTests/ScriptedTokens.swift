import GuardianCore
import Synchronization

/// A login whose refreshes a test counts, holds and answers.
final class ScriptedTokens: TokenProvider {
    struct NobodyIsLoggedIn: Error {}

    private struct State {
        var token: String?
        var next: [String] = []
        var refreshes = 0
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    /// nil: nobody is logged in yet, and asking for a token throws.
    init(_ token: String?) { state = Mutex(State(token: token)) }

    func logIn(_ token: String) { state.withLock { $0.token = token } }

    /// The tokens that the next refreshes bring; after them a refresh brings the same one again.
    func refreshBrings(_ tokens: String...) { state.withLock { $0.next += tokens } }

    /// From now on refreshes wait for ``release()``.
    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.isHeld = false
            return state.held
        }
        for refresh in held { refresh.resume() }
    }

    /// How often another token was asked for.
    var refreshes: Int { state.withLock { $0.refreshes } }

    func token(refresh: Bool) async throws -> Token? {
        guard let token = state.withLock({ $0.token }) else { throw NobodyIsLoggedIn() }
        guard refresh else { return Token(token) }
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                state.refreshes += 1
                if state.isHeld { state.held.append(continuation) }
                return state.isHeld
            }
            if !waits { continuation.resume() }
        }
        return state.withLock { state in
            if !state.next.isEmpty { state.token = state.next.removeFirst() }
            return state.token.map { Token($0) }
        }
    }
}
