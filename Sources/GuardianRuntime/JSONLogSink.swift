public import GuardianCore
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif
import Foundation

/// Events as JSON, one object a line, on stderr. Written by a thread of its own; when that can't keep up, lines are counted, not waited for.
public final class JSONLogSink: EventSink {
    /// Lines that wait to be written at most.
    private static let limit = 10_000

    private let threshold: Int
    private let waiting = Mutex<(lines: [UInt8], count: Int, dropped: Int, scheduled: Bool)>(([], 0, 0, false))
    private let writer = DispatchQueue(label: "guardian.log")

    /// `level`: debug, info, warning, error or fatal; lower ones are left out.
    public init(level: String) { threshold = Self.levels.firstIndex(of: level) ?? 1 }

    static let levels = ["debug", "info", "warning", "error", "fatal"]

    public func record(_ event: Event, at time: Timestamp) {
        let level = Self.level(of: event)
        guard level >= threshold else { return }
        let facts = event.facts.map { JSONValue.Member($0.0, $0.1) }
        let line = JSONValue.object([
            .init("timestamp", .string(time.rfc3339)), .init("level", .string(Self.levels[level])), .init("message", .string(event.name)),
            .init("fields", .object(facts)),
        ])
        let starts = waiting.withLock { state in
            guard state.count < Self.limit else {
                state.dropped += 1
                return false
            }
            line.write(to: &state.lines)
            state.lines.append(UInt8(ascii: "\n"))
            state.count += 1
            defer { state.scheduled = true }
            return !state.scheduled
        }
        if starts { writer.async { [self] in flush() } }
    }

    private func flush() {
        let (lines, dropped) = waiting.withLock { state in
            defer { state = ([], 0, 0, false) }
            return (state.lines, state.dropped)
        }
        // stderr may be gone (a closed pipe); there is nowhere else to say so.
        do { try FileHandle.standardError.write(contentsOf: Data(lines)) } catch {}
        if dropped > 0 {
            do {
                try FileHandle.standardError.write(
                    contentsOf: Data("{\"level\":\"warning\",\"message\":\"log_lines_dropped\",\"fields\":{\"count\":\(dropped)}}\n".utf8))
            } catch {}
        }
    }

    private static func level(of event: Event) -> Int {
        switch event {
        case .enqueued, .claimed, .processed, .coalesced, .cancelledOut: 0
        case .retryScheduled, .plagueHeld, .originHeld, .breakerOpened, .lockTakenOver, .lockLost, .clockStepped, .conflict, .expired,
            .rolledBack, .endingNotTaken:
            2
        case .failed, .stalled, .booksUnbalanced, .storeError, .rolloutHalted, .storeSalvaged: 3
        case .upstreamDistrusted: 4
        default: 1
        }
    }
}
