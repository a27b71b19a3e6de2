/// Takes events as they happen. Must return at once and never block.
///
/// Several tasks tell events, and no lock is held meanwhile: a sink must be safe to call from several threads at once. The engine's loop
/// tells in order what it does itself. What others tell (an enqueue, a cancel, a feed, the watchdog) comes in between, in no fixed order.
public protocol EventSink: Sendable {
    /// `time` is that of the wall clock at which it happened.
    func record(_ event: Event, at time: Timestamp)
    /// The same with the operation that it is about, where that is known. What the engine calls; leads to the other one by default.
    func record(_ event: Event, about subject: Event.Subject?, at time: Timestamp)
}

extension EventSink {
    /// For a sink that needs nothing but the event.
    public func record(_ event: Event, about subject: Event.Subject?, at time: Timestamp) { record(event, at: time) }
}
