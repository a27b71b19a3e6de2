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
/// Names: `guardian.enqueue`, `guardian.attempt` (with `guardian.look` and `guardian.fetch` where the upstream is asked),
/// `guardian.settle`. Attributes are types, classes, statuses and counts; never ids of entities, and no content.
public final class OperationTracing: EventSink {
    /// Where a span stands: known to our own tracer by its identity, to any other by its context.
    package enum Place: Sendable {
        case own(GuardianTracer, SpanIdentity)
        case other(ServiceContext)
    }

    /// An attempt whose result is yet to be written.
    private struct Ended: Sendable {
        var place: Place
        var at: DefaultTracerClock.Timestamp
    }

    /// Attempts kept until they are settled; far more than there are workers.
    private static let most = 4096

    private let tracer: any Tracer
    /// The same, where it is ours.
    private let own: GuardianTracer?
    private let ended = Mutex<[UniqueID: Ended]>([:])

    /// Any tracer will do: one that is no ``GuardianTracer`` is told of an operation's trace by a `traceparent` that it extracts.
    public init(_ tracer: any Tracer) {
        self.tracer = tracer
        own = tracer as? GuardianTracer
    }

    /// `base`, with a span round each request, and the trace on the wire.
    public func transport(_ base: any Transport) -> any Transport { TracedTransport(base: base, tracing: self) }

    /// The headers of the span in progress, for a transport to send.
    public func headers() -> [(name: String, value: String)] {
        ServiceContext.current.map { headers(of: .other($0)) } ?? []
    }

    package func headers(of place: Place) -> [(name: String, value: String)] {
        let context: ServiceContext
        switch place {
        case .own(_, let identity): return [("traceparent", identity.traceparent)]
        case .other(let other): context = other
        }
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
        let start = DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: now.nanosecondsSinceEpoch - took)
        let span: any Span
        switch place(of: subject.traceID) {
        case .own(let tracer, let root):
            span = tracer.startSpan("guardian.enqueue", after: nil, as: root, ofKind: .producer, at: start.nanosecondsSinceEpoch)
        case .other(let context): span = tracer.startSpan("guardian.enqueue", context: context, ofKind: .producer, at: start)
        }
        // Called in the task of whoever enqueues.
        if let caller = ServiceContext.current { span.addLink(SpanLink(context: caller, attributes: [:])) }
        span.attributes = attributes(subject.operationType, subject.entity.type, ["guardian.outcome": .string(event.name)])
        span.end(at: now)
    }

    private func settled(_ event: Event, _ subject: Event.Subject) {
        guard let attempt = ended.withLock({ $0.removeValue(forKey: subject.idempotencyKey) }) else { return }
        let span = begin("guardian.settle", .internal, in: attempt.place, at: attempt.at)
        let error = event.lastError
        var more: [String: SpanAttribute] = ["guardian.outcome": .string(event.name)]
        if let error { more["guardian.error_class"] = .string(error.class.rawValue) }
        span.attributes = attributes(subject.operationType, subject.entity.type, more)
        if let error { span.setStatus(.init(code: .error, message: error.code)) }
        span.end()
    }

    /// All that a span says, to be set at once: each time they are set they are copied.
    package func attributes(_ operationType: String, _ entityType: String, _ more: [String: SpanAttribute]) -> SpanAttributes {
        var all = more
        all["guardian.operation_type"] = .string(operationType)
        all["guardian.entity_type"] = .string(entityType)
        return SpanAttributes(all)
    }

    package func begin(
        _ name: String, _ kind: SpanKind, in place: Place, at start: DefaultTracerClock.Timestamp = DefaultTracerClock.now
    ) -> any Span {
        switch place {
        case .own(let tracer, let parent): tracer.startSpan(name, after: parent, ofKind: kind, at: start.nanosecondsSinceEpoch)
        case .other(let context): tracer.startSpan(name, context: context, ofKind: kind, at: start)
        }
    }

    /// An attempt has come back; what it led to will be told.
    package func ended(_ key: UniqueID, in place: Place) {
        ended.withLock { ended in
            // Those that were given back without a word are forgotten together.
            if ended.count >= Self.most { ended.removeAll() }
            ended[key] = Ended(place: place, at: DefaultTracerClock.now)
        }
    }

    /// Where an operation's trace begins, whichever process began it.
    package func place(of traceID: UniqueID) -> Place {
        let root = SpanIdentity(trace: traceID, span: traceID.low, isSampled: true)
        if let own { return .own(own, own.sampled(root)) }
        var context = ServiceContext.topLevel
        tracer.extract(["traceparent": root.traceparent], into: &context, using: TextMap())
        return .other(context)
    }

    package func place(of span: any Span) -> Place {
        if let own, let span = span as? GuardianSpan { return .own(own, span.identity) }
        return .other(span.context)
    }
}
