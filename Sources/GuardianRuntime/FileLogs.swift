import GuardianCore
package import GuardianServer
package import GuardianTelemetry

/// The log files of this process, as the console reads them.
package struct FileLogs: ConsoleLogs {
    let search: LogSearch

    package init(search: LogSearch) { self.search = search }

    /// How long a page of the console looks for lines; what is older is asked for with the next one.
    private static let patience = Duration.milliseconds(20)

    package func page(_ query: ConsoleLogQuery, after cursor: String?) async throws -> ConsoleLogPage {
        do {
            let page = try search.page(Self.filter(query), after: cursor, limit: query.limit, patience: Self.patience)
            return ConsoleLogPage(lines: page.lines.map(Self.line), next: page.next)
        } catch is LogSearch.UnknownCursor {
            throw UnknownLogCursor()
        }
    }

    package func tail(_ query: ConsoleLogQuery) -> AsyncStream<ConsoleLogLine> {
        let lines = search.tail(Self.filter(query), backlog: 500)
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
