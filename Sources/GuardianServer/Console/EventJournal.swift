import GuardianCore
import GuardianPrivacy
import Synchronization

/// The log of a process that writes none to a file: what its engine has told lately, in memory.
final class EventJournal: ConsoleLogs {
    /// Lines that are kept.
    static let most = 5000

    private struct State {
        /// The line of number `n` stands at `n % most`.
        var lines: [ConsoleLogLine] = []
        /// Lines that there ever were.
        var count = 0
        var readers: [Int: (query: ConsoleLogQuery, stream: AsyncStream<ConsoleLogLine>.Continuation)] = [:]
        var lastReader = 0
    }

    private let state = Mutex(State())
    private let redactor: Redactor

    init(redactor: Redactor) { self.redactor = redactor }

    func record(_ event: Event, about subject: Event.Subject?, at time: Timestamp) {
        let level = Self.level(of: event)
        guard level != "debug" else { return }
        let fields = redactor.redact(.object(event.facts.map { JSONValue.Member($0.0, $0.1) }))
        let line = ConsoleLogLine(
            at: time, level: level, message: event.name, traceID: subject?.traceID.description,
            operationType: subject?.operationType, errorClass: fields["error"]?["class"]?.string, fields: fields)
        let readers = state.withLock { state in
            if state.lines.count < Self.most { state.lines.append(line) } else { state.lines[state.count % Self.most] = line }
            state.count += 1
            return state.readers.values.filter { $0.query.fits(line) }
        }
        // Not under the lock: to yield takes the reader's task, which may be ending just now and wait for this lock.
        for reader in readers { reader.stream.yield(line) }
    }

    /// A cursor is the number of a line: the page has those with a smaller one.
    func page(_ query: ConsoleLogQuery, after cursor: String?) async throws -> ConsoleLogPage {
        var end = Int.max
        if let cursor {
            guard let number = Int(cursor), number >= 0 else { throw UnknownLogCursor() }
            end = number
        }
        let (lines, count) = state.withLock { ($0.lines, $0.count) }
        var page = ConsoleLogPage(lines: [], next: nil)
        var number = min(end, count)
        while number > count - lines.count {
            number -= 1
            let line = lines[number % Self.most]
            guard query.fits(line) else { continue }
            guard page.lines.count < query.limit else {
                page.next = "\(number + 1)"
                return page
            }
            page.lines.append(line)
        }
        return page
    }

    func tail(_ query: ConsoleLogQuery) -> AsyncStream<ConsoleLogLine> {
        let (stream, continuation) = AsyncStream.makeStream(of: ConsoleLogLine.self, bufferingPolicy: .bufferingNewest(500))
        let number = state.withLock { state in
            state.lastReader += 1
            state.readers[state.lastReader] = (query, continuation)
            return state.lastReader
        }
        continuation.onTermination = { [weak self] _ in _ = self?.state.withLock { $0.readers.removeValue(forKey: number) } }
        return stream
    }

    private static func level(of event: Event) -> String {
        switch event {
        case .enqueued, .claimed, .processed, .coalesced, .cancelledOut: "debug"
        case .failed, .stalled, .booksUnbalanced, .storeError, .alertFired: "error"
        case .retryScheduled, .plagueHeld, .originHeld, .routeHeld, .breakerOpened, .lockTakenOver, .lockLost, .clockStepped, .conflict,
            .expired, .rolledBack, .endingNotTaken, .tokenRefreshed(false, _), .notDelivering:
            "warning"
        default: "info"
        }
    }
}
