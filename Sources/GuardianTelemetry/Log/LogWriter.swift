public import GuardianCore
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Takes log lines from anywhere and writes them, redacted, to stderr and to a file.
///
/// ``write(_:)`` never waits: lines are made ready and written by a thread of its own, and go to stderr from another, so that a reader who
/// has stopped there holds up no file. When one can't keep up, lines are counted, not waited for; the log then says how many are missing.
///
/// Where the file alone is wanted and can't be written (it is none, its disk fails), lines go to stderr. On a volume that is almost full
/// they are let go: what is sent to stderr may end there too.
public final class LogWriter: Sendable {
    /// Lines that wait to be written at most.
    package static let backlog = 10_000

    private struct Waiting {
        var lines: [LogLine] = []
        var dropped = 0
        var isScheduled = false
    }

    /// What is left out of the file because it could not be written.
    private struct Destination {
        var file: LogFile?
        var missing = 0
        var isToldOf = false
    }

    /// Lower ones are left out.
    public let level: LogLevel
    private let console: LogFormat?
    private let clock: any TimeSource
    private let waiting = Mutex(Waiting())
    private let destination: Mutex<Destination>
    private let queue = DispatchQueue(label: "guardian.log")
    private let errors: ErrorStream

    /// `console` is the form of lines on stderr, nil for none.
    public convenience init(level: LogLevel, console: LogFormat?, file: LogFile? = nil, clock: any TimeSource = SystemClock()) {
        self.init(level: level, console: console, file: file, clock: clock) { ErrorStream.writeToStandardError($0) }
    }

    /// `put` takes what is for stderr in its place, and may block.
    package init(
        level: LogLevel, console: LogFormat?, file: LogFile?, clock: any TimeSource, put: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.level = level
        self.console = console
        self.clock = clock
        destination = Mutex(Destination(file: file))
        errors = ErrorStream(put: put) { count in
            (console ?? .json).bytes(of: LogWriter.line("log lines not written to stderr", count: count, at: clock.now.wall))
        }
    }

    /// Hands a line over. One below ``level`` is left out.
    package func write(_ line: LogLine) {
        guard line.level >= level else { return }
        let starts = waiting.withLock { waiting in
            guard waiting.lines.count < Self.backlog else {
                waiting.dropped += 1
                return false
            }
            waiting.lines.append(line)
            defer { waiting.isScheduled = true }
            return !waiting.isScheduled
        }
        if starts { queue.async { [self] in flushWaiting() } }
    }

    /// Milliseconds that ``flush()`` waits at most: nobody may be reading stderr.
    private static let patienceMs = 2000

    /// Returns when everything handed over before is written, or after two seconds.
    public func flush() {
        let done = DispatchSemaphore(value: 0)
        queue.async { [self] in
            flushWaiting()
            errors.whenWritten { done.signal() }
        }
        _ = done.wait(timeout: .now() + .milliseconds(Self.patienceMs))
    }

    private func flushWaiting() {
        let (lines, dropped) = waiting.withLock { waiting in
            defer { waiting = Waiting() }
            return (waiting.lines, waiting.dropped)
        }
        var ready = lines.map(\.redacted)
        if dropped > 0 { ready.append(say("log lines dropped", count: dropped)) }
        guard !ready.isEmpty else { return }
        // The file first: whoever reads stderr may have stopped.
        let aside = destination.withLock { write(ready, to: &$0) }
        var told: [[UInt8]] = []
        if let console { told = ready.map { console.bytes(of: $0) } }
        errors.write(told + aside)
    }

    /// Writes lines to the file, and returns what is to be said on stderr because it could not.
    private func write(_ lines: [LogLine], to destination: inout Destination) -> [[UInt8]] {
        guard destination.file != nil else { return [] }
        var all = lines
        if destination.missing > 0 { all.append(say("log lines not written to the file", count: destination.missing)) }
        do throws(LogFileError) {
            try destination.file?.append(all.map { LogFormat.json.bytes(of: $0) })
            destination.missing = 0
            destination.isToldOf = false
            return []
        } catch {
            destination.missing += lines.count
            var aside: [LogLine] = []
            if !destination.isToldOf {
                destination.isToldOf = true
                var line = say("log file not written", count: lines.count)
                line.fields.append(.init("reason", .string(error.description)))
                aside.append(line)
            }
            // Nothing else has them.
            if console == nil, case .system = error { aside += lines }
            // Told where it can be: on stderr, in whatever form that has.
            return aside.map { (console ?? .json).bytes(of: $0) }
        }
    }

    private func say(_ message: String, count: Int) -> LogLine { Self.line(message, count: count, at: clock.now.wall) }

    private static func line(_ message: String, count: Int, at now: Timestamp) -> LogLine {
        LogLine(timestamp: now, level: .warning, message: message, fields: [.init("count", JSONValue(count))])
    }
}
