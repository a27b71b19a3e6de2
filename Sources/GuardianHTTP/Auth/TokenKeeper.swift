import GuardianCore
import Synchronization

/// Keeps the newest token of a source: one fetch at a time however many ask, the next token before the last is over, and pauses after
/// failures.
///
/// The first caller that needs a fetch does it in its own task; the others wait for its end. When that caller is cancelled, one of the
/// others goes on in its place.
final class TokenKeeper: Sendable {
    private typealias End = Result<IssuedToken, TokenError>
    /// nil asks to look again.
    private typealias Follower = CheckedContinuation<End?, Never>

    private struct State {
        var tokens = TokenKeeperState()
        var followers: [Int: Follower] = [:]
        var next = 0
        var random = Xoshiro256.fromSystem()
        /// The epoch that ``token(refresh:)`` gave last.
        var handedOut: UInt64?
    }

    private let source: any TokenSource
    private let clock: any TimeSource
    private let state = Mutex(State())

    init(_ source: any TokenSource, clock: any TimeSource) {
        self.source = source
        self.clock = clock
    }

    /// How many wait for a fetch of somebody else's.
    var followers: Int { state.withLock { $0.followers.count } }

    /// For ``TokenProvider``, whose callers can't name the token they had: it is the last one they got.
    func token(refresh: Bool) async throws(TokenError) -> Token {
        let refused = refresh ? state.withLock { $0.handedOut } : nil
        let issued = try await issued(replacing: refused)
        state.withLock { $0.handedOut = max($0.handedOut ?? 0, issued.epoch) }
        return issued.renewing
    }

    func issued(replacing epoch: UInt64?) async throws(TokenError) -> IssuedToken {
        while true {
            let stamp = source.stamp()
            let now = clock.now
            switch state.withLock({ $0.tokens.step(replacing: epoch, stamp: stamp, now: now) }) {
            case .have(let issued): return issued
            case .fail(let error): throw error
            case .lead(let refused): return try await fetch(refused: refused, stamp: stamp)
            case .follow:
                if let end = await follow() { return try end.get() }
                if Task.isCancelled { throw TokenError(.interrupted, "the caller gave up") }
            }
        }
    }

    private func fetch(refused: Bool, stamp: Int) async throws(TokenError) -> IssuedToken {
        let end: End
        let fetched: Result<FetchedToken, TokenError>
        do throws(TokenError) { fetched = .success(try await source.fetch(refused: refused)) } catch { fetched = .failure(error) }
        let now = clock.now
        let followers: [Follower]
        (end, followers) = state.withLock { state in
            defer { state.followers = [:] }
            let followers = Array(state.followers.values)
            switch fetched {
            case .success(let token): return (.success(state.tokens.succeeded(token, now: now)), followers)
            case .failure(let error):
                let unit = state.random.unit()
                let inForce = state.tokens.failed(error, stamp: stamp, patience: source.patience, unit: unit, now: now)
                return (inForce.map { .success($0) } ?? .failure(error), followers)
            }
        }
        // Who led was cancelled: the others look again, and one of them leads.
        let isInterrupted = if case .failure(let error) = fetched { error.code == .interrupted } else { false }
        for follower in followers { follower.resume(returning: isInterrupted ? nil : end) }
        return try end.get()
    }

    /// The end of the fetch under way; nil when there is none, or the caller gave up.
    private func follow() async -> End? {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWaiting = state.withLock { state in
                    guard state.tokens.isFetching, !Task.isCancelled else { return false }
                    state.followers[number] = continuation
                    return true
                }
                if !isWaiting { continuation.resume(returning: nil) }
            }
        } onCancel: {
            let follower = state.withLock { $0.followers.removeValue(forKey: number) }
            follower?.resume(returning: nil)
        }
    }
}
