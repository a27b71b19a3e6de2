/// Takes events as they happen. Called in order from the engine's loop: must return at once and never block.
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
