import Foundation
import GuardianCore
import Testing

@testable import GuardianTelemetry

@Suite("Log files")
struct LogFileTests {
    private func file(_ scratch: Scratch, maxBytes: Int = 4096, maxFiles: Int = 3, free: @escaping @Sendable () -> Int64? = { nil })
        -> LogFile
    {
        LogFile(.init(path: scratch.path + "/g.log", maxBytes: maxBytes, maxFiles: maxFiles, leastFreeBytes: 1000), freeBytes: free)
    }

    @Test("the log never outgrows its bounds, loses no line within them, and is nobody else's to read")
    func isBounded() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var file = file(scratch)
        for first in stride(from: 0, to: 500, by: 10) { try file.append((first..<first + 10).map { Sample.bytes(Sample.line($0)) }) }
        #expect(scratch.names == ["g.log", "g.log.1", "g.log.2"])
        var numbers: [Int] = []
        for name in ["g.log.2", "g.log.1", "g.log"] {
            let text = try scratch.text(name)
            #expect(text.utf8.count <= 4096)
            numbers += text.split(separator: "\n").compactMap { LogLine(line: Array($0.utf8))?.fields.first?.value.integer.map { Int($0) } }
            let mode = try FileManager.default.attributesOfItem(atPath: scratch.path + "/" + name)[.posixPermissions] as? NSNumber
            #expect(mode == 0o600)
        }
        #expect(numbers.count > 30)
        #expect(numbers == Array((500 - numbers.count)..<500))
    }

    @Test("two processes that write and rotate one log keep every line whole")
    func isShared() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var files = [file(scratch, maxFiles: 100), file(scratch, maxFiles: 100)]
        for number in 0..<600 { try files[number % 2].append([Sample.bytes(Sample.line(number))]) }
        var numbers: Set<Int64> = []
        for name in scratch.names {
            for line in try scratch.text(name).split(separator: "\n") {
                let read = try #require(LogLine(line: Array(line.utf8)), "\(line)")
                numbers.insert(try #require(read.fields.first?.value.integer))
            }
        }
        #expect(numbers.count == 600)
    }

    @Test("a file that somebody moves away is opened anew")
    func isMoved() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var file = file(scratch)
        try file.append([Sample.bytes(Sample.line(1))])
        try FileManager.default.moveItem(atPath: scratch.path + "/g.log", toPath: scratch.path + "/elsewhere")
        try file.append([Sample.bytes(Sample.line(2))])
        #expect(try scratch.text("elsewhere").contains("\"n\":1"))
        #expect(try scratch.text("g.log").contains("\"n\":2"))
    }

    @Test("what a crash has left of a line does not spoil the next one")
    func isTorn() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try Data(#"{"timestamp":"2026-"#.utf8).write(to: URL(fileURLWithPath: scratch.path + "/g.log"))
        var file = file(scratch)
        try file.append([Sample.bytes(Sample.line(1))])
        let lines = try scratch.text("g.log").split(separator: "\n")
        #expect(lines.count == 2)
        #expect(LogLine(line: Array(lines[1].utf8)) == Sample.line(1))
    }

    @Test("with almost no room on the volume nothing is written, and the log goes on when there is some")
    func hasNoRoom() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let free = Dial<Int64>(999)
        var file = file(scratch) { free.value }
        #expect(throws: LogFileError.noRoom(free: 999, least: 1000)) { try file.append([Sample.bytes(Sample.line(1))]) }
        #expect(scratch.names.isEmpty)
        free.value = 1000
        try file.append([Sample.bytes(Sample.line(2))])
        #expect(try scratch.text("g.log").contains("\"n\":2"))
    }
}
