import ArgumentParser
import Foundation
import GuardianCore
import GuardianRuntime
import GuardianTelemetry

struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Search the log, and follow it.",
        discussion: """
            Reads the files that `log.file` names, and the older ones beside them; the newest lines come last. Times are in UTC, with the \
            date where it is not today's.
            Example: guardian logs --level warning --since 2h --type update
            Example: guardian logs --trace 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --json
            Exit code 3 when there is no log.
            """)
    @OptionGroup var options: StoreOptions
    @Option(help: "Only lines of this trace: the trace_id of one operation.") var trace: String?
    @Option(help: "Only lines about operations of this type.") var type: String?
    @Option(name: .customLong("class"), help: "Only lines with this error class.") var errorClass: String?
    @Option(help: "debug, info, warning, error or fatal: this level and those above.") var level: String?
    @Option(help: "Only lines since: RFC 3339, a date, or so long ago, such as 90s, 2h or 7d.") var since: String?
    @Option(help: "Only lines before this; the same forms as --since.") var until: String?
    @Option(help: "Only lines with this text in message, error class or fields.") var grep: String?
    @Option(name: .shortAndLong, help: "The newest so many lines; 100 by default, all with --since.") var limit: Int?
    @Flag(name: .shortAndLong, help: "Go on with lines as they are written.") var follow = false

    func run() async throws {
        let settings = try options.settings()
        guard let search = Assembly(settings).logSearch() else {
            throw Failure(.notFound, "no log is kept: log.file is off (the sidecar's stderr has its lines)")
        }
        let filter = try filter()
        // Begun before the search, so that no line falls between the two; what both find is told once.
        let tail = follow ? search.tail(filter) : nil
        guard follow || search.isThere else {
            throw Failure(.notFound, "there is no log at \(search.path); give --data-dir or --config, or start `guardian serve` first")
        }
        if let limit, limit < 1 { throw Failure(.usage, "--limit: must be 1 or more") }
        let found = try newest(search, filter, limit ?? (since == nil ? 100 : .max))
        for line in found.reversed() { say(line) }
        guard let tail else { return }
        var told = Set(found.prefix(1000).map(\.json.text))
        for await line in tail where told.isEmpty || told.remove(line.json.text) == nil { say(line) }
    }

    /// The newest first.
    private func newest(_ search: LogSearch, _ filter: LogFilter, _ count: Int) throws -> [LogLine] {
        var lines: [LogLine] = []
        var cursor: String?
        repeat {
            let page = try search.page(filter, after: cursor, limit: min(count - lines.count, LogSearch.mostLines))
            lines += page.lines
            cursor = page.next
        } while cursor != nil && lines.count < count
        return lines
    }

    private func say(_ line: LogLine) {
        if options.json { return Terminal.say(line.json.text) }
        // Its colours are ours, and it has no other control characters.
        Terminal.write(line.text(colored: Terminal.takesColor, now: SystemClock().now.wall) + "\n", to: .standardOutput)
    }

    private func filter() throws -> LogFilter {
        var filter = LogFilter(traceID: trace, operationType: type, errorClass: errorClass, text: grep)
        if let trace, UniqueID(trace) == nil { throw Failure(.usage, "--trace: must be a UUID, as in trace_id") }
        if let level {
            guard let known = LogLevel(rawValue: level) else {
                throw Failure(.usage, "--level: must be debug, info, warning, error or fatal")
            }
            filter.level = known
        }
        let now = SystemClock().now.wall
        filter.since = try since.map { try pointInTime($0, "--since", .past, of: now) }
        filter.until = try until.map { try pointInTime($0, "--until", .past, of: now) }
        return filter
    }
}
