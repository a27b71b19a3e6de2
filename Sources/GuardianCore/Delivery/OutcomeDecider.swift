/// What to do about an outcome (spec section 4): a pure function.
public struct OutcomeDecider: Sendable {
    /// What the decision needs to know beside the outcome.
    public struct Situation: Sendable {
        public var operation: Operation
        /// Other operations are getting through meanwhile, so a failure is this operation's own (spec 3.5).
        public var othersSucceed: Bool
        /// The attempt was the breaker's probe: it uses nothing up.
        public var isProbe: Bool
        /// The attempt already went out with a token refreshed because of a 401.
        public var tokenIsFresh: Bool
        /// TLS failures in a row, this one included.
        public var tlsFailures: Int

        public init(operation: Operation, othersSucceed: Bool, isProbe: Bool = false, tokenIsFresh: Bool = false, tlsFailures: Int = 0) {
            self.operation = operation
            self.othersSucceed = othersSucceed
            self.isProbe = isProbe
            self.tokenIsFresh = tokenIsFresh
            self.tlsFailures = tlsFailures
        }
    }

    public enum Decision: Sendable, Equatable {
        case processed
        /// Wait `delayMs`, then try again. `charged` uses up an attempt; `holdMs` makes the whole origin wait.
        case retry(delayMs: Int64, error: LastError, charged: Bool, holdMs: Int64?)
        case failed(LastError)
        /// Get another token and send again at once.
        case refreshToken
        /// Stop delivery; the operation goes back to the head of its line, nothing used up.
        case pause(Pause)
        /// Back to the head of its line, nothing used up.
        case returned
    }

    /// The longest wait that a `Retry-After` can ask for: 24 h.
    public static let longestHoldMs: Int64 = 86_400_000
    /// Jitter added to a hold: 0–5 s.
    public static let holdJitterMs: Double = 5000
    /// TLS failures in a row that are retried before delivery pauses.
    public static let tlsRetries = 2

    public var policy: RetryPolicy

    public init(policy: RetryPolicy) { self.policy = policy }

    public func decide(_ outcome: Outcome, _ situation: Situation, random: inout Xoshiro256) -> Decision {
        switch outcome {
        case .accepted: return .processed
        case .interrupted: return .returned
        case .shared(let inner): return decide(inner, situation, random: &random)
        case .unsendable(let error): return .failed(error)
        case .unanswered(let failure, let detail):
            let error = LastError(class: failure == .tls ? .tls : .network, code: failure.rawValue.uppercased(), message: detail)
            if failure == .tls, situation.tlsFailures > Self.tlsRetries { return .pause(.tls) }
            return retry(error, situation, chargeable: !failure.neverArrived, holdMs: nil, random: &random)
        case .refused(let kind, let answer): return decide(kind, answer, situation, random: &random)
        }
    }

    private func decide(_ kind: AnswerClass, _ answer: Answer, _ situation: Situation, random: inout Xoshiro256) -> Decision {
        func error(_ class: ErrorClass) -> LastError {
            LastError(
                class: `class`, code: answer.code ?? "HTTP_\(answer.status)", httpStatus: answer.status, message: answer.message ?? "")
        }
        if kind == .auth { return situation.tokenIsFresh ? .pause(.auth) : .refreshToken }
        if kind == .upgrade { return .pause(.upgrade) }
        if answer.retryAfterMs != nil || answer.status == 429 {
            let asked = answer.retryAfterMs ?? policy.delayMs(failure: situation.operation.tries + 1, unit: random.unit())
            let holdMs = min(asked, Self.longestHoldMs) + Int64(random.unit() * Self.holdJitterMs)
            return .retry(delayMs: holdMs, error: error(.transient), charged: false, holdMs: holdMs)
        }
        switch kind {
        case .permanent: return .failed(error(.permanent))
        case .conflict: return .failed(error(.conflict))
        default: return retry(error(.transient), situation, chargeable: true, holdMs: nil, random: &random)
        }
    }

    private func retry(
        _ error: LastError, _ situation: Situation, chargeable: Bool, holdMs: Int64?, random: inout Xoshiro256
    ) -> Decision {
        let charged = chargeable && situation.othersSucceed && !situation.isProbe
        if charged, situation.operation.attemptCount + 1 >= policy.maxAttempts {
            var last = error
            last.class = .exhausted
            return .failed(last)
        }
        let delayMs = policy.delayMs(failure: situation.operation.tries + 1, unit: random.unit())
        return .retry(delayMs: delayMs, error: error, charged: charged, holdMs: holdMs)
    }
}
