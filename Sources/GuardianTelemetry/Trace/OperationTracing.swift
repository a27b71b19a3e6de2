public import GuardianCore
import Synchronization
public import Tracing

/// Spans for enqueue, attempt and settle of each operation, in one trace from the caller to the upstream, also across a restart.
///
/// The trace is the operation's own `traceID`, which is stored with it: whoever delivers it later goes on with the same one. Its first span
/// has an id that follows from the trace's, so that an attempt in another process names it as its parent. The caller's own trace, if there
/// is one, is linked.
///
/// ```swift
/// let tracing = OperationTracing(InstrumentationSystem.tracer)
/// let engine = SyncEngine(store: store, transport: tracing.transport(transport), sinks: [tracing])
/// ```
/// Names: `guardian.enqueue`, `guardian.attempt` (with `guardian.look` and `guardian.fetch` where the upstream is asked), `guardian.settle`.
/// Attributes are types, classes, statuses and counts; never ids of entities, and no content.
public final class OperationTracing: EventSink {
    /// An attempt whose result is yet to be written.
    private struct Ended: Sendable {
        var context: ServiceContext
        var at: DefaultTracerClock.Timestamp
    }

    /// Attempts kept until they are settled; far more than there are workers.
    private static let most = 4096

    package let tracer: any Tracer
    /// The same, where it is ours.
    private let own: GuardianTracer?
    private let ended = Mutex<[UniqueID: Ended]>([:])

    public init(_ tracer: any Tracer) {
        self.tracer = tracer
        own = tracer as? GuardianTracer
    }

    /// `base`, with a span round each request, and the trace on the wire.
    public func transport(_ base: any Transport) -> any Transport { TracedTransport(base: base, tracing: self) }

    /// The headers of the span in progress, for a transport to send.
    public func headers() -> [(name: String, value: String)] {
        ServiceContext.current.map { headers(of: $0) } ?? []
    }

    package func headers(of context: ServiceContext) -> [(name: String, value: String)] {
        var carrier: [String: String] = [:]
        tracer.inject(context, into: &carrier, using: TextMap())
        return carrier.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    public func record(_ event: Event, at time: Timestamp) { record(event, about: nil, at: time) }

    public func record(_ event: Event, about subject: Event.Subject?, at time: Timestamp) {
        guard let subject else { return }
        switch event {
        case .enqueued, .coalesced, .cancelledOut: enqueued(event, subject)
        case .processed, .retryScheduled, .failed, .conflict, .expired: settled(event, subject)
        default: break
        }
    }

    private func enqueued(_ event: Event, _ subject: Event.Subject) {
        let now = DefaultTracerClock.now
        let took = UInt64(max(0, subject.tookMicroseconds ?? 0)) * 1000
        var context = context(of: subject.traceID)
        context[ReservedSpan.self] = root(of: subject.traceID)
        let start = DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: now.nanosecondsSinceEpoch - took)
        let span = tracer.startSpan("guardian.enqueue", context: context, ofKind: .producer, at: start)
        // Called in the task of whoever enqueues.
        if let caller = ServiceContext.current { span.addLink(SpanLink(context: caller, attributes: [:])) }
        describe(span, subject.operationType, subject.entity.type) { $0.set("guardian.outcome", value: .string(event.name)) }
        span.end(at: now)
    }

    private func settled(_ event: Event, _ subject: Event.Subject) {
        guard let attempt = ended.withLock({ $0.removeValue(forKey: subject.idempotencyKey) }) else { return }
        let span = tracer.startSpan("guardian.settle", context: attempt.context, ofKind: .internal, at: attempt.at)
        let error = event.lastError
        describe(span, subject.operationType, subject.entity.type) { attributes in
            attributes.set("guardian.outcome", value: .string(event.name))
            if let error { attributes.set("guardian.error_class", value: .string(error.class.rawValue)) }
        }
        if let error { span.setStatus(.init(code: .error, message: error.code)) }
        span.end()
    }

    /// Sets all attributes at once: each time they are set they are copied.
    package func describe(
        _ span: any Span, _ operationType: String, _ entityType: String, _ more: (inout SpanAttributes) -> Void
    ) {
        var attributes: SpanAttributes = [:]
        attributes.set("guardian.operation_type", value: .string(operationType))
        attributes.set("guardian.entity_type", value: .string(entityType))
        more(&attributes)
        span.attributes = attributes
    }

    /// An attempt has come back; what it led to will be told.
    package func ended(_ key: UniqueID, context: ServiceContext) {
        ended.withLock { ended in
            // Those that were given back without a word are forgotten together.
            if ended.count >= Self.most { ended.removeAll() }
            ended[key] = Ended(context: context, at: DefaultTracerClock.now)
        }
    }

    /// The context of an operation's trace, whichever process began it.
    package func context(of traceID: UniqueID) -> ServiceContext {
        if let own { return own.context(after: root(of: traceID)) }
        var context = ServiceContext.topLevel
        tracer.extract(["traceparent": root(of: traceID).traceparent], into: &context, using: TextMap())
        return context
    }

    private func root(of traceID: UniqueID) -> SpanIdentity {
        SpanIdentity(traceID: traceID.hex, spanID: traceID.lowHex, isSampled: true)
    }
}
