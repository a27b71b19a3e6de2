package import GuardianCore
import Synchronization
import Tracing

/// A transport with a span for each request.
package struct TracedTransport: Transport {
    package let base: any Transport
    package let tracing: OperationTracing

    package var holds: HoldRules { base.holds }
    package var appVersion: String? { base.appVersion }
    package var gathers: Bool { base.gathers }

    package func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        await spanned("guardian.attempt", claim) {
            let outcome = await base.send(claim, token: token, timeoutMs: timeoutMs)
            return (outcome, outcome)
        }
    }

    package func send(
        _ dispatches: [Dispatch], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void
    ) async {
        var dispatches = dispatches
        let begun = dispatches.indices.map { index -> (any Span)? in
            let span = begin("guardian.attempt", dispatches[index].claim.operation)
            dispatches[index].headers = tracing.headers(of: tracing.place(of: span))
            return span
        }
        let spans = Mutex(begun)
        let ended: @Sendable (Int, Outcome) -> Void = { [dispatches] place, outcome in
            guard let span = spans.withLock({ $0[place].take() }) else { return }
            end(span, dispatches[place].claim.operation, outcome)
        }
        await base.send(dispatches, token: token) { place, outcome in
            ended(place, outcome)
            tell(place, outcome)
        }
        for place in dispatches.indices { ended(place, .interrupted) }
    }

    package func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look {
        await spanned("guardian.look", claim) {
            let look = await base.look(claim, token: token, timeoutMs: timeoutMs)
            if case .failed(let outcome) = look { return (look, outcome) }
            return (look, nil)
        }
    }

    package func fetch(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Fetch {
        await spanned("guardian.fetch", claim) {
            let fetch = await base.fetch(claim, token: token, timeoutMs: timeoutMs)
            if case .failed(let outcome) = fetch { return (fetch, outcome) }
            return (fetch, nil)
        }
    }

    /// `request` gives the answer, and the outcome that its span tells of where there is one.
    private func spanned<Answer: Sendable>(_ name: String, _ claim: Claim, _ request: () async -> (Answer, Outcome?)) async -> Answer {
        let span = begin(name, claim.operation)
        let (answer, outcome) = await ServiceContext.withValue(span.context) { await request() }
        end(span, claim.operation, outcome)
        return answer
    }

    private func begin(_ name: String, _ operation: Operation) -> any Span {
        tracing.begin(name, .client, in: tracing.place(of: operation.traceID))
    }

    private func end(_ span: any Span, _ operation: Operation, _ outcome: Outcome?) {
        let (status, failure) = outcome.map(Self.words(for:)) ?? (nil, nil)
        var more: [String: SpanAttribute] = ["guardian.attempt": .int64(Int64(operation.tries + 1))]
        if let status { more["http.response.status_code"] = .int64(Int64(status)) }
        if let failure { more["error.type"] = .string(failure) }
        span.attributes = tracing.attributes(operation.type, operation.entity.type, more)
        if let failure { span.setStatus(.init(code: .error, message: failure)) }
        tracing.ended(operation.idempotencyKey, in: tracing.place(of: span))
        span.end()
    }

    private static func words(for outcome: Outcome) -> (status: Int?, failure: String?) {
        switch outcome {
        case .accepted(let answer): (answer.status, nil)
        case .refused(let kind, let answer): (answer.status, kind.rawValue)
        case .unanswered(let failure, _): (nil, failure.rawValue)
        case .unsendable(let error): (nil, error.class.rawValue)
        case .interrupted: (nil, "interrupted")
        case .shared(let inner): words(for: inner)
        }
    }
}
