import Foundation
import GuardianCore
import Logging
import Testing

@testable import GuardianTelemetry

@Suite("The log")
struct LogWriterTests {
    private func writer(_ scratch: Scratch, level: LogLevel = .info, free: @escaping @Sendable () -> Int64? = { nil }) -> LogWriter {
        LogWriter(level: level, console: nil, file: LogFile(.init(path: scratch.path + "/g.log", leastFreeBytes: 1000), freeBytes: free))
    }

    private func lines(_ scratch: Scratch) throws -> [LogLine] {
        try scratch.text("g.log").split(separator: "\n").map { try #require(LogLine(line: Array($0.utf8))) }
    }

    @Test("levels below the log's own are left out, events and other loggers' lines alike")
    func level() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let writer = writer(scratch, level: .warning)
        let sink = LogSink(writer)
        sink.record(.claimed(id: .text("a"), attempt: 1), about: Sample.subject(1), at: Sample.start)
        sink.record(Sample.failed(1), about: Sample.subject(1), at: Sample.start)
        let logger = Logger(label: "other") { GuardianLogHandler(label: $0, writer: writer) }
        logger.info("not this one")
        logger.warning("this one", metadata: ["trace_id": "t", "operation_type": "update", "size": "3"])
        writer.flush()
        let lines = try lines(scratch)
        #expect(lines.map(\.message) == ["operation given up on", "this one"])
        #expect(lines[1].traceID == "t" && lines[1].operationType == "update")
        #expect(lines[1].fields == [.init("logger", "other"), .init("size", "3")])
    }

    @Test("no line holds what must not be told, whoever writes it and wherever it stands")
    func isRedacted() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let writer = writer(scratch, level: .debug)
        let sink = LogSink(writer)
        sink.record(Sample.failed(1, message: Sample.talkative), about: Sample.subject(1), at: Sample.start)
        sink.record(.enqueued(id: .text(Sample.secrets[0]), seq: 1), about: nil, at: Sample.start)
        sink.record(.storeError(.unavailable(Sample.talkative)), about: nil, at: Sample.start)
        let logger = Logger(label: "other") { GuardianLogHandler(label: $0, writer: writer) }
        logger.error("\(Sample.talkative)", metadata: ["nested": ["deep": .array(["\(Sample.talkative)"])], "password": "hunter2secret"])
        writer.write(LogLine(timestamp: Sample.start, level: .error, message: "m", traceID: Sample.secrets[0]))
        writer.flush()
        let text = try scratch.text("g.log")
        #expect(try lines(scratch).count == 5)
        for secret in Sample.secrets { #expect(!text.contains(secret), "\(secret)") }
        #expect(text.contains("[REDACTED_EMAIL]"))
    }

    @Test("lines that can't be written are counted, and the log says so when it can write again")
    func saysWhatIsMissing() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let free = Dial<Int64>(0)
        let writer = writer(scratch) { free.value }
        for number in 0..<3 {
            writer.write(Sample.line(number))
            writer.flush()
        }
        free.value = 1 << 30
        writer.write(Sample.line(9))
        writer.flush()
        let lines = try lines(scratch)
        #expect(lines.map(\.message) == ["something happened", "log lines not written to the file"])
        #expect(lines.last?.fields == [.init("count", 3)])
    }

    @Test("a flood is cut, counted, and slows nobody down")
    func isFlooded() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        // The writer's thread waits for as long as the test holds it.
        let gate = NSLock()
        gate.lock()
        let writer = writer(scratch) {
            gate.lock()
            gate.unlock()
            return nil
        }
        for number in 0..<30_000 { writer.write(Sample.line(number)) }
        gate.unlock()
        writer.flush()
        let lines = try lines(scratch)
        let dropped = lines.filter { $0.message == "log lines dropped" }.compactMap { $0.fields.first?.value.integer }.reduce(0, +)
        #expect(dropped > 0)
        #expect(lines.count(where: { $0.message == "something happened" }) + Int(dropped) == 30_000)
    }
}
