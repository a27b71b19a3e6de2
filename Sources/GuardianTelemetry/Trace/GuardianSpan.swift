import Synchronization
public import Tracing

/// One span of a ``GuardianTracer``; it goes to the exporter when it ends.
public final class GuardianSpan: Span {
    /// Events and links of one span at most.
    package static let most = 128

    private struct State {
        var finished: FinishedSpan
        var isRecording: Bool
    }

    package let identity: SpanIdentity
    private let base: ServiceContext
    private let state: Mutex<State>
    private let deliver: @Sendable (FinishedSpan) -> Void

    init(_ begun: FinishedSpan, in context: ServiceContext, deliver: @escaping @Sendable (FinishedSpan) -> Void) {
        identity = begun.identity
        base = context
        self.deliver = deliver
        state = Mutex(State(finished: begun, isRecording: begun.identity.isSampled))
    }

    /// What a child begins in: where this one began, with this one as the span in progress.
    public var context: ServiceContext {
        var context = base
        context[CurrentSpan.self] = identity
        return context
    }

    /// May be changed until the end: the last one is exported.
    public var operationName: String {
        get { state.withLock { $0.finished.name } }
        set { state.withLock { $0.finished.name = newValue } }
    }

    /// What is set after the end, or in a trace that is not sampled, is not kept.
    public var attributes: SpanAttributes {
        get { state.withLock { $0.finished.attributes } }
        set { state.withLock { if $0.isRecording { $0.finished.attributes = newValue } } }
    }

    /// False from the start in a trace that is not sampled, else from the end on.
    public var isRecording: Bool { state.withLock { $0.isRecording } }

    /// The last one before the end is exported.
    public func setStatus(_ status: SpanStatus) { state.withLock { $0.finished.status = status } }

    /// 128 are kept; what comes after them is dropped.
    public func addEvent(_ event: SpanEvent) {
        add(.init(name: event.name, nanoseconds: event.nanosecondsSinceEpoch, attributes: event.attributes))
    }

    /// An event `exception` with the type and the description of the error. The status stays as it is.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        attributes.set("exception.type", value: .string(String(describing: type(of: error))))
        attributes.set("exception.message", value: .string("\(error)"))
        add(.init(name: "exception", nanoseconds: instant().nanosecondsSinceEpoch, attributes: attributes))
    }

    /// 128 are kept. A context without a span of this kind of tracer links to nothing.
    public func addLink(_ link: SpanLink) {
        guard let target = link.context[CurrentSpan.self] else { return }
        state.withLock { if $0.isRecording, $0.finished.links.count < Self.most { $0.finished.links.append(target) } }
    }

    /// Hands the span over to be exported, once; an end before the start counts as the start.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let end = instant().nanosecondsSinceEpoch
        let finished: FinishedSpan? = state.withLock { state in
            guard state.isRecording else { return nil }
            state.isRecording = false
            state.finished.end = max(end, state.finished.start)
            return state.finished
        }
        if let finished { deliver(finished) }
    }

    private func add(_ moment: FinishedSpan.Moment) {
        state.withLock { if $0.isRecording, $0.finished.moments.count < Self.most { $0.finished.moments.append(moment) } }
    }
}
