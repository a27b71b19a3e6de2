import Foundation
import GuardianCore
import GuardianRuntime
import GuardianServer
import GuardianTelemetry
import Testing

@Suite struct FileLogsTests {
    @Test("the tail of the log shows what its page shows: debug lines where they are asked for, else none", .timeLimit(.minutes(1)))
    func tail() async throws {
        let path = NSTemporaryDirectory() + "/file-logs-\(UUID().uuidString).log"
        defer { do { try FileManager.default.removeItem(atPath: path) } catch {} }
        let logs = FileLogs(search: LogSearch(path: path, maxFiles: 1))
        var all = ConsoleLogQuery()
        all.level = "debug"
        var everything = logs.tail(all).makeAsyncIterator()
        var usual = logs.tail(ConsoleLogQuery()).makeAsyncIterator()
        let lines = [("one", LogLevel.debug), ("two", .info)].enumerated().map { index, line in
            LogLine(timestamp: Timestamp(milliseconds: Int64(index)), level: line.1, message: line.0)
        }
        var file = LogFile(.init(path: path, leastFreeBytes: 0))
        try file.append(lines.map { Array($0.json.text.utf8) + [UInt8(ascii: "\n")] })
        var heard: [String?] = []
        for _ in 0..<2 { heard.append(await everything.next()?.message) }
        #expect(heard == ["one", "two"])
        let first = await usual.next()
        #expect(first?.message == "two")
        let page = try await logs.page(all, after: nil)
        #expect(page.lines.map(\.message) == ["two", "one"])
        let usualPage = try await logs.page(ConsoleLogQuery(), after: nil)
        #expect(usualPage.lines.map(\.message) == ["two"])
    }

    @Test("what the console's own journal would show of a query, the log files show too")
    func fits() async throws {
        let path = NSTemporaryDirectory() + "/file-logs-\(UUID().uuidString).log"
        defer { do { try FileManager.default.removeItem(atPath: path) } catch {} }
        let logs = FileLogs(search: LogSearch(path: path, maxFiles: 1))
        let trace = "0B2C4D6E-1f3a-4b5c-8d7e-9f0a1b2c3d4e"
        let lines = [LogLevel.debug, .info, .error].enumerated().map { index, level in
            LogLine(
                timestamp: Timestamp(milliseconds: Int64(index)), level: level, message: "Line \(index)", traceID: trace.lowercased(),
                operationType: "update", errorClass: level == .error ? "NoRoom" : nil)
        }
        var file = LogFile(.init(path: path, leastFreeBytes: 0))
        try file.append(lines.map { Array($0.json.text.utf8) + [UInt8(ascii: "\n")] })
        var all = ConsoleLogQuery()
        all.level = "debug"
        let shown = try await logs.page(all, after: nil).lines
        #expect(shown.map(\.message) == ["Line 2", "Line 1", "Line 0"])
        func query(level: String? = nil, traceID: String? = nil, text: String? = nil) -> ConsoleLogQuery {
            var query = ConsoleLogQuery()
            (query.level, query.traceID, query.text) = (level, traceID, text)
            return query
        }
        let cases: [(query: ConsoleLogQuery, count: Int)] = [
            (query(), 2), (query(level: "error"), 1), (query(traceID: trace), 2), (query(text: "noroom"), 1), (query(text: "LINE"), 2),
            (query(text: "nothing"), 0),
        ]
        for given in cases {
            let page = try await logs.page(given.query, after: nil)
            #expect(page.lines.count == given.count, "\(given.query)")
            #expect(page.lines == shown.filter { given.query.fits($0) }, "\(given.query)")
        }
    }

    @Test("older lines are reached page by page, and a cursor that is none is refused")
    func pages() async throws {
        let path = NSTemporaryDirectory() + "/file-logs-\(UUID().uuidString).log"
        defer { do { try FileManager.default.removeItem(atPath: path) } catch {} }
        let logs = FileLogs(search: LogSearch(path: path, maxFiles: 1))
        let lines = (0..<5).map { LogLine(timestamp: Timestamp(milliseconds: $0), level: .info, message: "line \($0)") }
        var file = LogFile(.init(path: path, leastFreeBytes: 0))
        try file.append(lines.map { Array($0.json.text.utf8) + [UInt8(ascii: "\n")] })
        var query = ConsoleLogQuery()
        query.limit = 2
        var found: [[String]] = []
        var cursor: String?
        repeat {
            let page = try await logs.page(query, after: cursor)
            found.append(page.lines.map(\.message))
            cursor = page.next
        } while cursor != nil && found.count < 9
        #expect(found == [["line 4", "line 3"], ["line 2", "line 1"], ["line 0"]])
        await #expect(throws: UnknownLogCursor.self) { try await logs.page(ConsoleLogQuery(), after: "no cursor!") }
    }
}
