public import GuardianCore

/// Writes the engine's events to the log. What its level leaves out costs nothing.
public final class LogSink: EventSink {
    private let writer: LogWriter

    /// Events below the level of `writer` are left out before a line is made of them.
    public init(_ writer: LogWriter) { self.writer = writer }

    public func record(_ event: Event, at time: Timestamp) { record(event, about: nil, at: time) }

    public func record(_ event: Event, about subject: Event.Subject?, at time: Timestamp) {
        guard event.logLevel >= writer.level else { return }
        writer.write(LogLine(event, about: subject, at: time))
    }
}
