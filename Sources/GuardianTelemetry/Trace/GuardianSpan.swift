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

    public var context: ServiceContext {
        var context = base
        context[CurrentSpan.self] = identity
        return context
    }

    public var operationName: String {
        get { state.withLock { $0.finished.name } }
        set { state.withLock { $0.finished.name = newValue } }
    }

    public var attributes: SpanAttributes {
        get { state.withLock { $0.finished.attributes } }
        set { state.withLock { if $0.isRecording { $0.finished.attributes = newValue } } }
    }

    public var isRecording: Bool { state.withLock { $0.isRecording } }

    public func setStatus(_ status: SpanStatus) { state.withLock { $0.finished.status = status } }

    public func addEvent(_ event: SpanEvent) {
        add(.init(name: event.name, nanoseconds: event.nanosecondsSinceEpoch, attributes: event.attributes))
    }

    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        attributes.set("exception.type", value: .string(String(describing: type(of: error))))
        attributes.set("exception.message", value: .string("\(error)"))
        add(.init(name: "exception", nanoseconds: instant().nanosecondsSinceEpoch, attributes: attributes))
    }

    public func addLink(_ link: SpanLink) {
        guard let target = link.context[CurrentSpan.self] else { return }
        state.withLock { if $0.isRecording, $0.finished.links.count < Self.most { $0.finished.links.append(target) } }
    }

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
