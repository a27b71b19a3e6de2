public import GuardianCore
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Takes log lines from anywhere and writes them, redacted, to stderr and to a file.
///
/// ``write(_:)`` never waits: lines are made ready and written by a thread of its own. When that can't keep up, lines are counted, not
/// waited for; the log then says how many are missing.
public final class LogWriter: Sendable {
    /// Lines that wait to be written at most.
    static let backlog = 10_000

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

    /// `console` is the form of lines on stderr, nil for none.
    public init(level: LogLevel, console: LogFormat?, file: LogFile? = nil, clock: any TimeSource = SystemClock()) {
        self.level = level
        self.console = console
        self.clock = clock
        destination = Mutex(Destination(file: file))
    }

    /// Hands a line over. One below ``level`` is left out.
    public func write(_ line: LogLine) {
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
            done.signal()
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
        if let console { Self.writeToErrors(ready.flatMap { console.bytes(of: $0) }) }
        destination.withLock { write(ready, to: &$0) }
    }

    private func write(_ lines: [LogLine], to destination: inout Destination) {
        guard destination.file != nil else { return }
        var all = lines
        if destination.missing > 0 { all.append(say("log lines not written to the file", count: destination.missing)) }
        do throws(LogFileError) {
            try destination.file?.append(all.map { LogFormat.json.bytes(of: $0) })
            destination.missing = 0
            destination.isToldOf = false
        } catch {
            destination.missing += lines.count
            guard !destination.isToldOf else { return }
            destination.isToldOf = true
            var line = say("log file not written", count: lines.count)
            line.fields.append(.init("reason", .string(error.description)))
            // Told where it can be: on stderr, in whatever form that has.
            Self.writeToErrors((console ?? .json).bytes(of: line))
        }
    }

    private func say(_ message: String, count: Int) -> LogLine {
        LogLine(timestamp: clock.now.wall, level: .warning, message: message, fields: [.init("count", JSONValue(count))])
    }

    private static func writeToErrors(_ bytes: [UInt8]) {
        // stderr may be gone (a closed pipe); there is nowhere else to say so.
        do { try FileHandle.standardError.write(contentsOf: Data(bytes)) } catch {}
    }
}
