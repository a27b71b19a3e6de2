import Foundation
import GuardianCore
import TestServers
import Testing

import GuardianTelemetry

@Suite("Searching the log")
struct LogSearchTests {
    private struct Log {
        let scratch: Scratch
        var file: LogFile
        var search: LogSearch { LogSearch(path: scratch.path + "/g.log", maxFiles: 50) }

        init(lines: Int = 0) throws {
            scratch = try Scratch()
            file = LogFile(.init(path: scratch.path + "/g.log", maxBytes: 8192, maxFiles: 50, leastFreeBytes: 0))
            for number in 0..<lines { try add(number) }
        }

        mutating func add(_ number: Int, level: LogLevel? = nil) throws {
            try file.append([Sample.bytes(Sample.line(number, level: level ?? (number % 10 == 0 ? .warning : .info)))])
        }
    }

    private func numbers(_ lines: [LogLine]) -> [Int] { lines.compactMap { $0.fields.first?.value.integer.map { Int($0) } } }

    @Test("pages bring every line once, the newest first, although the log goes on and is rotated between them")
    func pages() throws {
        var log = try Log(lines: 300)
        defer { log.scratch.remove() }
        #expect(log.scratch.names.count > 5)
        var seen: [Int] = []
        var cursor: String?
        var next = 300
        repeat {
            let page = try log.search.page(LogFilter(), after: cursor, limit: 37)
            #expect(page.lines.count <= 37)
            seen += numbers(page.lines)
            cursor = page.next
            for _ in 0..<20 {
                try log.add(next)
                next += 1
            }
        } while cursor != nil
        #expect(seen == Array((0..<300).reversed()))
    }

    @Test("a page that may look no longer has what it has found, and those after it find the rest")
    func hasPatience() throws {
        let log = try Log(lines: 700)
        defer { log.scratch.remove() }
        let filter = LogFilter(text: "\"n\":77")
        var page = try log.search.page(filter, patience: .zero)
        #expect(page.lines.isEmpty && page.next != nil)
        var pages = 1
        while let cursor = page.next, page.lines.isEmpty {
            page = try log.search.page(filter, after: cursor, patience: .zero)
            pages += 1
        }
        #expect(numbers(page.lines) == [77])
        #expect(pages == 3)
        #expect(numbers(try log.search.page(filter).lines) == [77])
    }

    @Test("trace, type, level, time and text each narrow it down")
    func filters() throws {
        let log = try Log(lines: 200)
        defer { log.scratch.remove() }
        func found(_ filter: LogFilter) throws -> [Int] { numbers(try log.search.page(filter, limit: 1000).lines) }
        #expect(try found(LogFilter(traceID: Sample.operation(42).traceID.description)) == [42])
        #expect(try found(LogFilter(traceID: Sample.operation(42).traceID.description.uppercased())) == [42])
        #expect(try found(LogFilter(operationType: "create")).count == 100)
        #expect(try found(LogFilter(level: .warning)) == stride(from: 190, through: 0, by: -10).map { $0 })
        #expect(try found(LogFilter(since: Sample.start.adding(milliseconds: 195_000))) == [199, 198, 197, 196, 195])
        #expect(try found(LogFilter(until: Sample.start.adding(milliseconds: 2000))) == [2, 1, 0])
        #expect(try found(LogFilter(text: "\"n\":77")) == [77])
        #expect(try found(LogFilter(errorClass: "permanent")).isEmpty)
    }

    @Test("lines that a wrong clock has dated hide none that stand before them; a long stretch of old ones ends the search")
    func clockWasWrong() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let path = scratch.path + "/g.log"
        var file = LogFile(.init(path: path, maxBytes: 64 << 20, maxFiles: 1, leastFreeBytes: 0))
        let search = LogSearch(path: path, maxFiles: 1)
        // A machine without a clock of its own starts in the past, until it has asked for the time.
        let old = Sample.bytes(Sample.line(0))
        let filter = LogFilter(since: Sample.start.adding(milliseconds: 1_000_000))
        try file.append([Sample.bytes(Sample.line(2001))])
        try file.append(Array(repeating: old, count: 20))
        try file.append([Sample.bytes(Sample.line(2002))])
        #expect(numbers(try search.page(filter, limit: 10).lines) == [2002, 2001])
        try file.append(Array(repeating: old, count: LogSearch.mostOldBytes / old.count + 2))
        try file.append([Sample.bytes(Sample.line(2003))])
        let page = try search.page(filter, limit: 10)
        #expect(numbers(page.lines) == [2003])
        #expect(page.next == nil)
    }

    @Test("lines that are none of ours, torn or endless, are passed over")
    func isSpoiled() throws {
        var log = try Log(lines: 3)
        defer { log.scratch.remove() }
        let handle = try #require(FileHandle(forWritingAtPath: log.scratch.path + "/g.log"))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("not json\n{\"timestamp\":1}\n".utf8 + [0xFF, 0xFE, 10]))
        try handle.write(contentsOf: Data(String(repeating: "x", count: 200_000).utf8) + Data("\n".utf8))
        try handle.close()
        try log.add(3)
        try Data(try Data(contentsOf: URL(fileURLWithPath: log.scratch.path + "/g.log")) + Data("{\"timestamp\":\"2026".utf8))
            .write(to: URL(fileURLWithPath: log.scratch.path + "/g.log"))
        #expect(numbers(try log.search.page(LogFilter()).lines) == [3, 2, 1, 0])
    }

    @Test("no log is an empty page; a text that is no cursor is refused")
    func isMissing() throws {
        let search = LogSearch(path: "/nowhere/at/all.log")
        #expect(try search.page(LogFilter()).lines.isEmpty)
        #expect(!search.isThere)
        #expect(throws: LogSearch.UnknownCursor.self) { try search.page(LogFilter(), after: "../etc") }
    }

    @Test("a follower gets each matching line once, in order, over rotations, also of a log that is yet to be made")
    func follows() async throws {
        var log = try Log()
        defer { log.scratch.remove() }
        var tail = log.search.tail(LogFilter(operationType: "update")).makeAsyncIterator()
        for number in 0..<160 {
            try log.add(number)
            // A follower that looks ten times a second sees every file of a log that is not rotated faster than that.
            guard number % 2 == 0 else { continue }
            let line = await tail.next()
            #expect(line?.fields.first?.value.integer == Int64(number))
        }
        #expect(log.scratch.names.count > 2)
    }
}
