public import GuardianCore

/// Tokens from the app's own code.
public final class ClosureTokens: TokenProvider, IssuingTokens {
    /// Milliseconds after which the closure's task is cancelled.
    public static let timeoutMs: Int64 = 30_000

    private let keeper: TokenKeeper

    /// `fetch` gets whether the upstream refused the last token, and returns another. nil, or a throw, says that nobody is signed in:
    /// delivery pauses, and the closure is asked again every 2 s. It is asked anew whenever the engine hears `tokenChanged()`: a token that
    /// it gave before, or is about to give, is used no more. It is never run twice at once, and cancelled after 30 s.
    public init(
        clock: any TimeSource = SystemClock(), _ fetch: @escaping @Sendable (_ refused: Bool) async throws -> FetchedToken?
    ) {
        keeper = TokenKeeper(Source(closure: fetch), clock: clock)
    }

    public func token(refresh: Bool) async throws -> Token? { try await keeper.token(refresh: refresh) }

    public func loginChanged() { keeper.forget() }

    package func issued(replacing epoch: UInt64?) async throws(TokenError) -> IssuedToken { try await keeper.issued(replacing: epoch) }

    private struct Source: TokenSource {
        let closure: @Sendable (Bool) async throws -> FetchedToken?
        let timer = AttemptTimer()
        var patience: RetryPolicy? { nil }

        func fetch(refused: Bool) async throws(TokenError) -> FetchedToken {
            let (result, isLate): (Result<FetchedToken?, TokenError>, Bool) = await timer.bound(milliseconds: ClosureTokens.timeoutMs) {
                do { return .success(try await closure(refused)) } catch let error as TokenError {
                    return .failure(error)
                } catch is CancellationError {
                    return .failure(TokenError(.interrupted, "the app's closure was cancelled"))
                } catch {
                    // The app's error may hold anything: only its type is told.
                    return .failure(TokenError(.unavailable, "the app's closure threw \(type(of: error))"))
                }
            }
            if isLate, case .failure = result { throw TokenError(.timeout, "the app's closure took longer than 30 s") }
            guard let token = try result.get() else { throw TokenError(.needsLogin, "nobody is signed in: the app gave no token") }
            return try token.checked(from: "the app's closure")
        }
    }
}

extension ClosureTokens: CustomStringConvertible, CustomReflectable {
    public var description: String { "ClosureTokens(\(Secret.mask))" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
