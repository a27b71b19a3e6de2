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
        await spanned("guardian.attempt", claim) { span in
            let outcome = await base.send(claim, token: token, timeoutMs: timeoutMs)
            Self.describe(span, outcome)
            return outcome
        }
    }

    package func send(
        _ dispatches: [Dispatch], token: String?, tell: @escaping @Sendable (_ place: Int, Outcome) -> Void
    ) async {
        let spans = Mutex<[Int: any Span]>([:])
        var traced = dispatches
        for (place, dispatch) in dispatches.enumerated() {
            let span = span("guardian.attempt", dispatch.claim.operation)
            traced[place].headers = tracing.headers(of: span.context)
            spans.withLock { $0[place] = span }
        }
        let ended: @Sendable (Int, Outcome) -> Void = { place, outcome in
            guard let span = spans.withLock({ $0.removeValue(forKey: place) }) else { return }
            Self.describe(span, outcome)
            end(span, dispatches[place].claim.operation)
        }
        await base.send(traced, token: token) { place, outcome in
            ended(place, outcome)
            tell(place, outcome)
        }
        for place in dispatches.indices { ended(place, .interrupted) }
    }

    package func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look {
        await spanned("guardian.look", claim) { span in
            let look = await base.look(claim, token: token, timeoutMs: timeoutMs)
            if case .failed(let outcome) = look { Self.describe(span, outcome) }
            return look
        }
    }

    package func fetch(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Fetch {
        await spanned("guardian.fetch", claim) { span in
            let fetch = await base.fetch(claim, token: token, timeoutMs: timeoutMs)
            if case .failed(let outcome) = fetch { Self.describe(span, outcome) }
            return fetch
        }
    }

    private func spanned<Answer: Sendable>(
        _ name: String, _ claim: Claim, _ request: (any Span) async -> Answer
    ) async -> Answer {
        let span = span(name, claim.operation)
        let answer = await ServiceContext.withValue(span.context) { await request(span) }
        end(span, claim.operation)
        return answer
    }

    private func span(_ name: String, _ operation: Operation) -> any Span {
        let span = tracing.tracer.startSpan(name, context: tracing.context(of: operation.traceID), ofKind: .client)
        tracing.describe(span, operation.type, operation.entity.type) {
            $0.set("guardian.attempt", value: .int64(Int64(operation.tries + 1)))
        }
        return span
    }

    private func end(_ span: any Span, _ operation: Operation) {
        tracing.ended(operation.idempotencyKey, context: span.context)
        span.end()
    }

    private static func describe(_ span: any Span, _ outcome: Outcome) {
        func failed(_ kind: String) {
            span.attributes.set("error.type", value: .string(kind))
            span.setStatus(.init(code: .error, message: kind))
        }
        switch outcome {
        case .accepted(let answer): span.attributes.set("http.response.status_code", value: .int64(Int64(answer.status)))
        case .refused(let kind, let answer):
            span.attributes.set("http.response.status_code", value: .int64(Int64(answer.status)))
            failed(kind.rawValue)
        case .unanswered(let failure, _): failed(failure.rawValue)
        case .unsendable(let error): failed(error.class.rawValue)
        case .interrupted: failed("interrupted")
        case .shared(let inner): describe(span, inner)
        }
    }
}
