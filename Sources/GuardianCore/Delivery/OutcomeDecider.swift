/// What to do about an outcome (spec section 4): a pure function.
package struct OutcomeDecider: Sendable {
    /// What the decision needs to know beside the outcome.
    package struct Situation: Sendable {
        package var operation: Operation
        /// Other operations are getting through meanwhile, so a failure is this operation's own.
        package var othersSucceed: Bool
        /// The attempt was the breaker's probe: it uses nothing up.
        package var isProbe: Bool
        /// The attempt already went out with a token refreshed because of a 401.
        package var tokenIsFresh: Bool
        /// TLS failures in a row, this one included.
        package var tlsFailures: Int

        package init(operation: Operation, othersSucceed: Bool, isProbe: Bool = false, tokenIsFresh: Bool = false, tlsFailures: Int = 0) {
            self.operation = operation
            self.othersSucceed = othersSucceed
            self.isProbe = isProbe
            self.tokenIsFresh = tokenIsFresh
            self.tlsFailures = tlsFailures
        }
    }

    package enum Decision: Sendable, Equatable {
        case processed
        /// Wait `delayMs`, then try again. `charged` uses up an attempt; `holdMs` makes the whole origin wait, or the operation's route
        /// where ``HoldRules`` say so, and the operation as long at least.
        case retry(delayMs: Int64, error: LastError, charged: Bool, holdMs: Int64?)
        /// Give up. `holdMs` as of a retry: the last attempt that counts asks to wait as the ones before it did.
        case failed(LastError, holdMs: Int64? = nil)
        /// Get another token and send again at once.
        case refreshToken
        /// Stop delivery; the operation goes back to the head of its line, nothing used up.
        case pause(Pause)
        /// Back to the head of its line, nothing used up.
        case returned
    }

    /// The longest wait that a `Retry-After` can ask for: 24 h.
    package static let longestHoldMs: Int64 = 86_400_000
    /// Jitter added to a hold: 0–5 s.
    package static let holdJitterMs: Double = 5000
    /// TLS failures in a row that are retried before delivery pauses.
    package static let tlsRetries = 2

    package var policy: RetryPolicy

    package init(policy: RetryPolicy) { self.policy = policy }

    package func decide(_ outcome: Outcome, _ situation: Situation, random: inout Xoshiro256) -> Decision {
        switch outcome {
        case .accepted: return .processed
        case .interrupted: return .returned
        case .shared(let inner): return decide(inner, situation, random: &random)
        case .unsendable(let error): return .failed(error.met(by: situation.operation))
        case .unanswered(let failure, let detail):
            if failure == .tls, situation.tlsFailures > Self.tlsRetries { return .pause(.tls) }
            return retry(Self.error(failure, detail), situation, chargeable: !failure.neverArrived, holdMs: nil, random: &random)
        case .refused(let kind, let answer): return decide(kind, answer, situation, random: &random)
        }
    }

    /// What is kept of an outcome that brings delivery to a stand: a 401, a 426, or no safe connection. nil of any other.
    func standstill(_ outcome: Outcome, of operation: Operation) -> LastError? {
        switch outcome {
        case .refused(.auth, let answer): Self.error(.auth, answer, operation)
        case .refused(.upgrade, let answer): Self.error(.upgrade, answer, operation)
        case .unanswered(.tls, let detail): Self.error(.tls, detail)
        default: nil
        }
    }

    private static func error(_ failure: NetworkFailure, _ detail: String) -> LastError {
        LastError(class: failure == .tls ? .tls : .network, code: failure.rawValue.uppercased(), message: detail)
    }

    private static func error(_ errorClass: ErrorClass, _ answer: Answer, _ operation: Operation) -> LastError {
        var details = answer.details
        if answer.status == 412, let sent = operation.sentIfMatch {
            details = ErrorDetails(sentETag: sent, foundETag: details?.foundETag)
        }
        return LastError(
            class: errorClass, code: answer.code ?? "HTTP_\(answer.status)", httpStatus: answer.status, message: answer.message ?? "",
            details: details)
    }

    private func decide(_ kind: AnswerClass, _ answer: Answer, _ situation: Situation, random: inout Xoshiro256) -> Decision {
        func error(_ errorClass: ErrorClass) -> LastError { Self.error(errorClass, answer, situation.operation) }
        if kind == .auth { return situation.tokenIsFresh ? .pause(.auth) : .refreshToken }
        if kind == .upgrade { return .pause(.upgrade) }
        if answer.asksToWait {
            // A 429 is about everybody's rate. Any other may be about this write alone, which would make all of them wait for ever.
            let holdMs = holdMs(answer, of: situation.operation, random: &random)
            return retry(error(.transient), situation, chargeable: answer.status != 429, holdMs: holdMs, random: &random)
        }
        switch kind {
        case .permanent: return .failed(error(.permanent).met(by: situation.operation))
        case .conflict: return .failed(error(.conflict).met(by: situation.operation))
        default: return retry(error(.transient), situation, chargeable: true, holdMs: nil, random: &random)
        }
    }

    /// How long an answer that asks to wait makes its route or everybody wait: what it says, a day at most, or a backoff; and the jitter.
    private func holdMs(_ answer: Answer, of operation: Operation, random: inout Xoshiro256) -> Int64 {
        let asked = answer.retryAfterMs ?? policy.delayMs(failure: operation.tries + 1, unit: random.unit())
        return min(asked, Self.longestHoldMs) + Int64(random.unit() * Self.holdJitterMs)
    }

    private func retry(
        _ error: LastError, _ situation: Situation, chargeable: Bool, holdMs: Int64?, random: inout Xoshiro256
    ) -> Decision {
        let charged = chargeable && situation.othersSucceed && !situation.isProbe
        if charged, situation.operation.attemptCount + 1 >= policy.maxAttempts {
            var last = error
            last.class = .exhausted
            return .failed(last.met(by: situation.operation), holdMs: holdMs)
        }
        var delayMs = holdMs ?? 0
        // What has waited comes back before what has not been sent yet. One that failed before lets that go first, after a hold too: only
        // when others get through can it be told whose trouble it is.
        if holdMs == nil || chargeable && situation.operation.tries > 0 {
            delayMs += policy.delayMs(failure: situation.operation.tries + 1, unit: random.unit())
        }
        return .retry(delayMs: delayMs, error: error, charged: charged, holdMs: holdMs)
    }
}
