/// Takes events as they happen. Called in order from the engine's loop: must return at once and never block.
public protocol EventSink: Sendable {
    func record(_ event: Event, at time: Timestamp)
}
