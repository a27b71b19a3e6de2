import GuardianCore
import Logging
import Testing

import GuardianTelemetry

@Suite("Log lines")
struct LogLineTests {
    @Test("every line has every member, in one order, and is read back as it was")
    func isWhole() throws {
        let line = LogLine(timestamp: Sample.start, level: .warning, message: "clock stepped")
        let names = ["timestamp", "level", "message", "trace_id", "operation_type", "error_class", "fields"]
        #expect(line.json.members?.map(\.name) == names)
        #expect(line.json["trace_id"] == .null)
        #expect(LogLine(try JSONValue(parsing: line.json.text)) == line)
        #expect(LogLine(.object([])) == nil)
    }

    @Test("an event's line has a fixed message, its operation's trace and type, the class of its error, and facts in fields")
    func tellsEvents() throws {
        let subject = Sample.subject(7, attempt: 3)
        let line = LogLine(Sample.failed(7), about: subject, at: Sample.start)
        #expect(line.level == .error)
        #expect(line.message == "operation given up on")
        #expect(line.traceID == subject.traceID.description)
        #expect(line.operationType == "update")
        #expect(line.errorClass == "permanent")
        #expect(line.fields.first == .init("event", "failed"))
        let fields = JSONValue.object(line.fields)
        #expect(fields["entity_type"] == "room")
        #expect(fields["attempt"] == 3)
        #expect(fields["error"]?["code"] == "FORBIDDEN")
        let other = LogLine(Sample.failed(8, code: "OTHER", message: "else"), about: nil, at: Sample.start)
        #expect(other.message == line.message)
        #expect(other.traceID == nil)
        let store = LogLine(.storeError(.corrupt("page 7")), about: nil, at: Sample.start)
        #expect(store.errorClass == "store_corrupt")
    }

    @Test("that there is no token is a warning, and its cause is still there when the line is redacted")
    func tellsTokens() {
        let why = "needs_login: nobody is signed in: the app gave no token"
        let line = LogLine(.tokenRefreshed(success: false, reason: why), about: nil, at: Sample.start).redacted
        #expect(line.level == .warning && line.message == "token not refreshed")
        #expect(JSONValue.object(line.fields)["reason"] == .string(why))
        #expect(LogLine(.tokenRefreshed(success: true), about: nil, at: Sample.start).message == "token refreshed")
    }

    @Test("people read time, level, words and facts; a line can't break out of its line")
    func isReadable() {
        var line = Sample.line(2, level: .warning, message: "attempt failed, retry scheduled")
        line.fields.append(.init("why", "two\nlines \u{1B}[31m"))
        let text = line.text()
        #expect(text.hasPrefix("00:00:02.000 WARNING attempt failed, retry scheduled"))
        #expect(text.contains(" n=2 "))
        #expect(!text.contains("\n"))
        #expect(!text.contains("\u{1B}"))
        #expect(line.text(colored: true).contains("\u{1B}[33m"))
        #expect(line.text(now: line.timestamp) == text)
        let tomorrow = line.timestamp.adding(milliseconds: 86_400_000)
        #expect(line.text(now: tomorrow) == "\(line.timestamp.rfc3339.prefix(10)) \(text)")
    }

    @Test("no part of a line commands a terminal, a C1 sequence neither")
    func isHarmless() {
        let evil = "a\u{9B}2J\u{1B}[2J\r\nb\u{7F}"
        var line = Sample.line(2, level: .warning, message: evil)
        (line.operationType, line.errorClass, line.traceID) = (evil, evil, evil)
        let inner = JSONValue.object([.init(evil, .string("x"))])
        line.fields = [.init(evil, .string(evil)), .init("list", .array([.string(evil)])), .init("inner", inner)]
        #expect(line.text().unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
        #expect(line.text().contains(#"a\u009b2J\u001b[2J"#))
    }

    @Test("every level of swift-log finds one of the five, and none is above fatal")
    func levels() {
        #expect(LogLevel(.trace) == .debug && LogLevel(.notice) == .info && LogLevel(.critical) == .fatal)
        #expect(LogLevel.allCases.sorted() == [.debug, .info, .warning, .error, .fatal])
        for level in LogLevel.allCases { #expect(LogLevel(level.logger) == level) }
    }
}
