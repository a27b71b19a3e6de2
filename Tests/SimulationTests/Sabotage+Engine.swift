import GuardianCore
import GuardianTesting

/// Guards of the engine, switched off from outside: what a processor hears, what it does, or how it is configured.
extension Sabotage {
    static let ofEngine = [
        Sabotage("plague or poison", "a permanent answer fails at once", in: .gateway) {
            $0.does = settling { result in
                guard case .retry(_, _, let error, _, _, _) = result, error.class == .permanent else { return result }
                return .failed(error)
            }
        },
        Sabotage("strangers' answers", "a portal's page is taken for success", in: .portal) {
            $0.hears = answering { outcome in isForeign(outcome) ? .accepted(Answer(status: 200)) : outcome }
        },
        Sabotage("strangers' answers", "a portal's redirect is taken for a refusal", in: .portal) {
            $0.hears = answering { outcome in isForeign(outcome) ? .refused(.permanent, Answer(status: 302)) : outcome }
        },
        Sabotage("strangers' answers", "a portal's page uses up an attempt", in: .portal) {
            $0.does = settling { result in
                guard case .retry(let due, let backoffMs, let error, _, let mark, let unknownAt) = result, error.code == "FOREIGN" else {
                    return result
                }
                return .retry(due: due, backoffMs: backoffMs, error: error, charged: true, failureMark: mark, unknownAt: unknownAt)
            }
        },
        Sabotage("principals", "the token of the last user is kept", in: .users) {
            $0.hears = { input in
                guard case .tokenAnswered(.success(var token?)) = input else { return input }
                token.value = token.value.replacing("token-a-", with: "token-b-")
                return .tokenAnswered(.success(token))
            }
        }, Sabotage("doubt", "keys are trusted for ever", in: .longOutage) { $0.configuration = { $0.idempotencyWindowMs = .max } },
        Sabotage("doubt", "what a look finds is not believed", in: .longOutage) { $0.hears = blind },
        Sabotage("a look before a cast", "what a look finds is not believed", in: .upgrade) { $0.hears = blind },
        Sabotage("up-casters", "the newer build has none", in: .upgrade) { $0.configuration = { $0.upcasters = Upcasters() } },
        Sabotage("426 pauses", "it is taken for a refusal", in: .oldVersion) {
            $0.hears = answering { outcome in
                guard case .refused(.upgrade, let answer) = outcome else { return outcome }
                return .refused(.permanent, answer)
            }
        },
        Sabotage("426 pauses", "the pause is never written", in: .oldVersion) {
            $0.does = { action in
                guard case .exchange(var exchange) = action else { return [action] }
                exchange.pauses[.upgrade] = nil
                return [.exchange(exchange)]
            }
        },
        Sabotage("an expired login fails nothing", "401 is taken for a refusal", in: .expiredLogins) {
            $0.hears = answering { outcome in
                guard case .refused(.auth, let answer) = outcome else { return outcome }
                return .refused(.permanent, answer)
            }
        },
        Sabotage("conflicts are merged", "the user's side is sent over the other", in: .sharing) {
            $0.configuration = { $0.conflicts = ConflictRules(standard: .clientWins) }
        },
        Sabotage("If-Match", "it never goes out", in: .sharing) {
            $0.does = { action in
                guard case .send(var claim, let attempt, let token, let timeoutMs) = action else { return [action] }
                claim.operation.ifMatch = nil
                return [.send(claim, attempt: attempt, token: token, timeoutMs: timeoutMs)]
            }
        },
        Sabotage("never two in flight", "each request goes out twice", in: .crashes) {
            $0.does = { action in
                guard case .send(let claim, let attempt, let token, let timeoutMs) = action else { return [action] }
                return [action, .send(claim, attempt: attempt + 1_000_000, token: token, timeoutMs: timeoutMs)]
            }
        },
    ]

    private static func answering(_ change: @escaping @Sendable (Outcome) -> Outcome) -> @Sendable (Processor.Input) -> Processor.Input {
        { input in
            guard case .attempted(let seq, let attempt, let outcome) = input else { return input }
            return .attempted(seq: seq, attempt: attempt, change(outcome))
        }
    }

    private static func settling(_ change: @escaping @Sendable (Settlement.Result) -> Settlement.Result)
        -> @Sendable (Processor.Action) -> [Processor.Action]
    {
        { action in
            guard case .exchange(var exchange) = action else { return [action] }
            for index in exchange.settlements.indices { exchange.settlements[index].result = change(exchange.settlements[index].result) }
            return [.exchange(exchange)]
        }
    }

    private static func isForeign(_ outcome: Outcome) -> Bool { if case .unanswered(.foreign, _) = outcome { true } else { false } }

    @Sendable private static func blind(_ input: Processor.Input) -> Processor.Input {
        guard case .looked(let seq, let attempt, .applied) = input else { return input }
        return .looked(seq: seq, attempt: attempt, .notApplied)
    }
}
