import Foundation
import GuardianCore
import Logging
import TestServers
import Testing

import GuardianTelemetry

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

    @Test("a reader who has stopped at stderr holds up no file, and gets the lines when it goes on")
    func errorsAreStuck() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let (gate, told) = (DispatchSemaphore(value: 0), Dial<[UInt8]>([]))
        let file = LogFile(.init(path: scratch.path + "/g.log", leastFreeBytes: 0))
        let writer = LogWriter(level: .info, console: .json, file: file, clock: SystemClock()) { bytes in
            gate.wait()
            gate.signal()
            told.update { $0 += bytes }
        }
        for number in 0..<3 {
            writer.write(Sample.line(number))
            // Each is in the file before the next one comes, and none of them on stderr.
            let isThere = await TestServer.eventually { (try? scratch.text("g.log"))?.contains("\"n\":\(number)") ?? false }
            #expect(isThere)
        }
        #expect(told.value.isEmpty)
        gate.signal()
        writer.flush()
        let written = try scratch.text("g.log")
        #expect(String(decoding: told.value, as: UTF8.self) == written)
    }

    @Test("what waits for stderr is bounded; what found no room is counted there")
    func errorsAreFlooded() async throws {
        let (gate, told, missing) = (DispatchSemaphore(value: 0), Dial(0), Dial(0))
        let stream = ErrorStream(
            put: { bytes in
                gate.wait()
                gate.signal()
                told.update { $0 += bytes.count }
            },
            missing: { count in
                missing.update { $0 += count }
                return []
            })
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        for _ in 0..<40 { stream.write([line]) }
        let isDone = Dial(false)
        stream.whenWritten { isDone.value = true }
        gate.signal()
        let isWritten = await TestServer.eventually { isDone.value }
        #expect(isWritten)
        // What is in hand, and what waits behind it.
        #expect(told.value <= 2 * ErrorStream.backlog)
        #expect(missing.value > 0)
        #expect(told.value / line.count + missing.value == 40)
    }

    @Test("lines for a file that is none go to stderr, and so does the reason, once")
    func isNoFile() throws {
        let told = Dial<[UInt8]>([])
        let file = LogFile(.init(path: "/dev/null", leastFreeBytes: 0))
        let writer = LogWriter(level: .info, console: nil, file: file, clock: SystemClock()) { bytes in told.update { $0 += bytes } }
        for number in 0..<2 {
            writer.write(Sample.line(number))
            writer.flush()
        }
        let lines = try told.value.split(separator: UInt8(ascii: "\n")).map { try #require(LogLine(line: $0)) }
        #expect(lines.map(\.message) == ["log file not written", "something happened", "something happened"])
        #expect(lines.first?.fields == [.init("count", 1), .init("reason", "/dev/null is no regular file")])
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
