import GuardianCore
import Synchronization

/// Keeps the newest token of a source: one fetch at a time however many ask, the next token before the last is over, and pauses after
/// failures.
///
/// The first caller that needs a fetch does it in its own task; the others wait for its end. When that caller is cancelled, one of the
/// others goes on in its place. What a fetch brings that was begun before ``forget()`` is given to nobody: one of them fetches again.
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

    /// Another user may be signed in, or none: the last token is not given any more, nor the one that is being got.
    func forget() { state.withLock { $0.tokens.forget() } }

    func issued(replacing epoch: UInt64?) async throws(TokenError) -> IssuedToken {
        while true {
            let stamp = source.stamp()
            let now = clock.now
            switch state.withLock({ $0.tokens.step(replacing: epoch, stamp: stamp, now: now) }) {
            case .have(let issued): return issued
            case .fail(let error): throw error
            case .lead(let refused):
                if let end = await fetch(refused: refused, stamp: stamp) { return try end.get() }
                if Task.isCancelled { throw TokenError(.interrupted, "the caller gave up") }
            case .follow:
                if let end = await follow() { return try end.get() }
                if Task.isCancelled { throw TokenError(.interrupted, "the caller gave up") }
            }
        }
    }

    /// How it ended; nil when it was begun for another login.
    private func fetch(refused: Bool, stamp: Int) async -> End? {
        let end: End?
        let fetched: Result<FetchedToken, TokenError>
        do throws(TokenError) { fetched = .success(try await source.fetch(refused: refused)) } catch { fetched = .failure(error) }
        let now = clock.now
        let followers: [Follower]
        (end, followers) = state.withLock { state -> (End?, [Follower]) in
            defer { state.followers = [:] }
            let followers = Array(state.followers.values)
            if state.tokens.endsOutdated() { return (nil, followers) }
            switch fetched {
            case .success(let token): return (End.success(state.tokens.succeeded(token, now: now)), followers)
            case .failure(let error):
                let unit = state.random.unit()
                let inForce = state.tokens.failed(error, stamp: stamp, patience: source.patience, unit: unit, now: now)
                if let inForce { return (End.success(inForce), followers) }
                return (End.failure(error), followers)
            }
        }
        // Who led was cancelled, or led for another login: the others look again, and one of them leads.
        let isInterrupted = if case .failure(let error) = fetched { error.code == .interrupted } else { false }
        for follower in followers { follower.resume(returning: isInterrupted ? nil : end) }
        return end
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
