import GuardianCore
import GuardianServer
import GuardianTelemetry

/// The log files of this process, as the console reads them.
struct FileLogs: ConsoleLogs {
    let search: LogSearch

    func lines(_ query: ConsoleLogQuery) async throws -> [ConsoleLogLine] {
        try search.page(Self.filter(query), limit: query.limit).lines.map(Self.line)
    }

    func tail() -> AsyncStream<ConsoleLogLine> {
        let lines = search.tail(LogFilter(level: .info), backlog: 500)
        return AsyncStream(bufferingPolicy: .bufferingNewest(500)) { continuation in
            // Ends with the stream, which cancels it.
            let reading = Task {
                for await line in lines { continuation.yield(Self.line(line)) }
                continuation.finish()
            }
            continuation.onTermination = { _ in reading.cancel() }
        }
    }

    private static func filter(_ query: ConsoleLogQuery) -> LogFilter {
        LogFilter(
            traceID: query.traceID, operationType: query.operationType, level: query.level.flatMap(LogLevel.init(rawValue:)) ?? .info,
            since: query.since, text: query.text)
    }

    private static func line(_ line: LogLine) -> ConsoleLogLine {
        ConsoleLogLine(
            at: line.timestamp, level: line.level.rawValue, message: line.message, traceID: line.traceID, operationType: line.operationType,
            errorClass: line.errorClass, fields: .object(line.fields))
    }
}
