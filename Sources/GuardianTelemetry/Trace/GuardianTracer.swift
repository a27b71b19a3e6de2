package import GuardianCore
import Synchronization
public import Tracing

/// A tracer that speaks W3C Trace Context and hands finished spans to an exporter; what the sidecar uses when `trace.endpoint` is set.
///
/// An app that has a tracer of its own does not need it: ``OperationTracing`` works with any.
public final class GuardianTracer: Tracer {
    /// All spans that it begins are of this kind.
    public typealias Span = GuardianSpan

    private let ratio: Double
    private let random: Mutex<Xoshiro256>
    private let deliver: @Sendable (FinishedSpan) -> Void

    /// `ratio` of all traces are kept, from 0 to 1; which ones depends on their ids only, so that every process agrees.
    public convenience init(exporter: SpanExporter, ratio: Double = 1) { self.init(ratio: ratio) { exporter.add($0) } }

    package init(ratio: Double = 1, random: Xoshiro256 = .fromSystem(), deliver: @escaping @Sendable (FinishedSpan) -> Void) {
        self.ratio = min(max(ratio, 0), 1)
        self.random = Mutex(random)
        self.deliver = deliver
    }

    /// A child of the span in `context`, sampled if that is; without one, the first of a new trace. Where it was called from is not kept.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind, at instant: @autoclosure () -> Instant,
        function: String, file fileID: String, line: UInt
    ) -> GuardianSpan {
        let context = context()
        return startSpan(operationName, after: context[CurrentSpan.self], ofKind: kind, at: instant().nanosecondsSinceEpoch, in: context)
    }

    /// A span after `parent`, or the first of a trace of its own. `identity` is the one it takes; a new one by default. `start` is in
    /// nanoseconds since 1970.
    package func startSpan(
        _ name: String, after parent: SpanIdentity?, as identity: SpanIdentity? = nil, ofKind kind: SpanKind, at start: UInt64,
        in context: ServiceContext = .topLevel
    ) -> GuardianSpan {
        let identity = identity.map(sampled) ?? next(after: parent)
        let begun = FinishedSpan(
            name: name, identity: identity, parent: parent?.span, kind: kind, start: start, end: start, attributes: [:], moments: [],
            links: [], status: nil)
        return GuardianSpan(begun, in: context, deliver: deliver)
    }

    private func next(after parent: SpanIdentity?) -> SpanIdentity {
        random.withLock { random in
            let trace = parent?.trace ?? .v4(using: &random)
            return SpanIdentity(trace: trace, span: max(random.next(), 1), isSampled: parent?.isSampled ?? isSampled(trace))
        }
    }

    /// As this tracer takes it from elsewhere.
    package func sampled(_ identity: SpanIdentity) -> SpanIdentity {
        var identity = identity
        identity.isSampled = identity.isSampled && isSampled(identity.trace)
        return identity
    }

    /// Nothing: the exporter goes on by itself.
    public func forceFlush() {}

    /// Takes `traceparent`; one that can't be read changes nothing. A trace that is sampled elsewhere is so here if the ratio takes it too.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: "traceparent", from: carrier), let found = SpanIdentity(traceparent: text) else { return }
        context[CurrentSpan.self] = sampled(found)
    }

    /// Writes `traceparent`, or nothing where `context` has no span of this kind of tracer.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context[CurrentSpan.self] else { return }
        injector.inject(span.traceparent, forKey: "traceparent", into: &carrier)
    }

    /// By the last 14 digits, which are random in every kind of id.
    private func isSampled(_ trace: UniqueID) -> Bool {
        ratio >= 1 || Double(trace.low & 0xFF_FFFF_FFFF_FFFF) / Double(1 << 56 as UInt64) < ratio
    }
}
