import GuardianCore

/// What a ``TokenKeeper`` knows, and what is to be done for a caller: values only.
///
/// A fetch is under way or not; its end settles everybody who waited for it. A token is in force until it is refused, over, or replaced.
struct TokenKeeperState {
    enum Step {
        case have(IssuedToken)
        case fail(TokenError)
        /// Nobody fetches: this caller does.
        case lead(refused: Bool)
        /// Somebody fetches: wait for the end.
        case follow
    }

    private struct Kept {
        var issued: IssuedToken
        var stamp: Int
        /// On the clock for waiting.
        var endsAt: Int64?
        var renewAt: Int64?
        var isRefused = false
    }

    private struct Failure {
        var error: TokenError
        var count: Int
        var until: Int64
        var stamp: Int
    }

    private var kept: Kept?
    private var failure: Failure?
    private(set) var epoch: UInt64 = 0
    private(set) var isFetching = false
    /// Another one for each login; of the fetch under way, the one that there was when it began.
    private var login = 0
    private var fetchLogin = 0

    mutating func step(replacing: UInt64?, stamp: Int, now: Moment) -> Step {
        if let replacing, kept?.issued.epoch == replacing { kept?.isRefused = true }
        if let kept, !kept.isRefused, kept.stamp == stamp, kept.endsAt.map({ now.steady < $0 }) ?? true {
            let isDue = kept.renewAt.map { now.steady >= $0 } ?? false
            // While the next one is fetched, or can't be, the one in force goes on.
            if !isDue || isFetching || rest(stamp, now) != nil { return .have(told(kept, now)) }
        }
        if isFetching { return .follow }
        if let error = rest(stamp, now) { return .fail(error) }
        isFetching = true
        fetchLogin = login
        return .lead(refused: kept?.isRefused ?? false)
    }

    /// Another user may be signed in, or none: what is known was got for the last one.
    mutating func forget() {
        kept = nil
        failure = nil
        login += 1
    }

    /// Ends a fetch that was begun for another login than there is now, whatever it brought; false of any other.
    mutating func endsOutdated() -> Bool {
        guard fetchLogin != login else { return false }
        isFetching = false
        return true
    }

    mutating func succeeded(_ fetched: FetchedToken, now: Moment) -> IssuedToken {
        isFetching = false
        failure = nil
        epoch += 1
        let life = TokenLife(fetched, now: now.wall)
        let issued = IssuedToken(Token(fetched.secret.text, principal: fetched.principal), epoch: epoch, expiresAt: life?.expiresAt)
        let kept = Kept(
            issued: issued, stamp: fetched.stamp,
            // One that seems over on arrival is used until it is refused.
            endsAt: life.flatMap { $0.renewAfterMs == nil ? nil : now.steady + $0.remainingMs },
            renewAt: life?.renewAfterMs.map { now.steady + $0 })
        self.kept = kept
        return told(kept, now)
    }

    /// Returns what to tell who led: the token in force, if there is one that still is.
    mutating func failed(_ error: TokenError, stamp: Int, patience: RetryPolicy?, unit: Double, now: Moment) -> IssuedToken? {
        isFetching = false
        if error.code != .interrupted, let patience {
            let count = (failure?.count ?? 0) + 1
            let wait = max(patience.delayMs(failure: count, unit: unit), error.retryAfterMs ?? 0)
            failure = Failure(error: error, count: count, until: now.steady + wait, stamp: stamp)
        }
        guard let kept, !kept.isRefused, kept.stamp == stamp, kept.endsAt.map({ now.steady < $0 }) ?? true else { return nil }
        return told(kept, now)
    }

    /// The last failure, while it is too early to ask again.
    private func rest(_ stamp: Int, _ now: Moment) -> TokenError? {
        failure.flatMap { now.steady < $0.until && $0.stamp == stamp ? $0.error : nil }
    }

    private func told(_ kept: Kept, _ now: Moment) -> IssuedToken {
        var issued = kept.issued
        issued.renewInMs = kept.renewAt.map { renewAt in
            let next = max(renewAt, failure?.until ?? renewAt)
            return max(0, next - now.steady)
        }
        return issued
    }
}
