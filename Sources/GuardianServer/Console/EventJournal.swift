import GuardianCore
import GuardianPrivacy
import Synchronization

/// The log of a process that writes none to a file: what its engine has told lately, in memory.
final class EventJournal: ConsoleLogs {
    /// Lines that are kept.
    static let most = 5000

    private struct State {
        var lines: [ConsoleLogLine] = []
        var next = 0
        var readers: [Int: AsyncStream<ConsoleLogLine>.Continuation] = [:]
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
        state.withLock { state in
            if state.lines.count < Self.most { state.lines.append(line) } else { state.lines[state.next] = line }
            state.next = (state.next + 1) % Self.most
            for reader in state.readers.values { reader.yield(line) }
        }
    }

    func lines(_ query: ConsoleLogQuery) async throws -> [ConsoleLogLine] {
        let (lines, next) = state.withLock { ($0.lines, $0.next) }
        let order = lines.count < Self.most ? lines[...] : lines[next...] + lines[..<next]
        return Array(order.reversed().lazy.filter { query.fits($0) }.prefix(query.limit))
    }

    func tail() -> AsyncStream<ConsoleLogLine> {
        let (stream, continuation) = AsyncStream.makeStream(of: ConsoleLogLine.self, bufferingPolicy: .bufferingNewest(500))
        let number = state.withLock { state in
            state.lastReader += 1
            state.readers[state.lastReader] = continuation
            return state.lastReader
        }
        continuation.onTermination = { [weak self] _ in _ = self?.state.withLock { $0.readers.removeValue(forKey: number) } }
        return stream
    }

    private static func level(of event: Event) -> String {
        switch event {
        case .enqueued, .claimed, .processed, .coalesced, .cancelledOut: "debug"
        case .failed, .stalled, .booksUnbalanced, .storeError, .alertFired: "error"
        case .retryScheduled, .plagueHeld, .originHeld, .breakerOpened, .lockTakenOver, .lockLost, .clockStepped, .conflict, .expired,
            .rolledBack, .endingNotTaken:
            "warning"
        default: "info"
        }
    }
}
