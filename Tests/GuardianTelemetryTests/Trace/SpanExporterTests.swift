import GuardianCore
import NIOCore
import NIOPosix
import TestServers
import Testing
import Tracing

import GuardianTelemetry

@Suite("Sending spans")
struct SpanExporterTests {
    /// Sends by itself after an hour only, unless a test says otherwise.
    private func exporter(
        port: Int, log: LogWriter? = nil, clock: any TimeSource = SystemClock(),
        change: (inout SpanExporter.Configuration) -> Void = { _ in }
    ) -> SpanExporter {
        var configuration = SpanExporter.Configuration(endpoint: "http://127.0.0.1:\(port)", serviceVersion: "1", instance: "a")
        configuration.everyMs = 3_600_000
        change(&configuration)
        return SpanExporter(configuration, log: log, clock: clock)
    }

    private func trace(_ exporter: SpanExporter, _ count: Int) {
        let tracer = GuardianTracer(exporter: exporter)
        for number in 0..<count {
            tracer.startSpan("span \(number)", context: .topLevel, ofKind: .internal, at: DefaultTracerClock.now).end()
        }
    }

    @Test("an exporter that has stopped sends again once it is run again")
    func runsAgain() async throws {
        let collector = TraceCollector()
        try await collector.listening { port in
            let sender = exporter(port: port) { $0.everyMs = 20 }
            for run in 1...2 {
                try await TestServer.beside({ await sender.run() }) {
                    trace(sender, 3)
                    #expect(await TestServer.eventually { collector.spans.count == 3 * run })
                }
            }
        }
        #expect(collector.defects.isEmpty, "\(collector.defects)")
    }

    @Test("what has ended before the stop is sent, whole and once, in as many requests as it takes")
    func sendsTheRest() async throws {
        let collector = TraceCollector()
        try await collector.listening { port in
            // Nobody advances it, so that its two seconds are as long as they need to be.
            let sender = exporter(port: port, clock: NotedClock()) { $0.batch = 4 }
            try await TestServer.beside({ await sender.run() }) { trace(sender, 11) }
        }
        #expect(collector.spans.count == 11)
        #expect(Set(collector.spans.map(\.spanID)).count == 11)
    }

    @Test("a collector that says nothing holds the end up for two seconds, and the log says what was not sent")
    func isPatient() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let silent = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup).bind(host: "127.0.0.1", port: 0).get()
        let (clock, log) = (NotedClock(), writer(in: scratch))
        let sender = exporter(port: silent.localAddress?.port ?? 0, log: log, clock: clock)
        trace(sender, 3)
        let run = Task { await sender.run() }
        run.cancel()
        #expect(await TestServer.eventually { clock.waits.contains(SpanExporter.farewellMs) })
        clock.advance(byMilliseconds: SpanExporter.farewellMs)
        await run.value
        try await silent.close()
        #expect(try counts(of: "trace spans not sent", log, scratch) == [3])
    }

    @Test("spans that find no room are told once, when the rest is sent")
    func tellsLosses() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let (collector, log) = (TraceCollector(), writer(in: scratch))
        try await collector.listening { port in
            let sender = exporter(port: port, log: log) { ($0.everyMs, $0.backlog, $0.batch) = (20, 4, 2) }
            trace(sender, 10)
            try await TestServer.beside({ await sender.run() }) {
                #expect(await TestServer.eventually { collector.spans.count == 4 })
            }
        }
        #expect(collector.spans.map(\.name) == ["span 6", "span 7", "span 8", "span 9"])
        #expect(try counts(of: "trace spans lost", log, scratch) == [6])
    }

    @Test("a backlog and a batch below one count as one: the newest span waits and is sent", arguments: [0, -1, Int.min])
    func smallest(size: Int) async throws {
        let collector = TraceCollector()
        try await collector.listening { port in
            let sender = exporter(port: port) { ($0.everyMs, $0.backlog, $0.batch) = (20, size, size) }
            trace(sender, 3)
            try await TestServer.beside({ await sender.run() }) {
                #expect(await TestServer.eventually { collector.spans.count == 1 })
            }
        }
        #expect(collector.spans.map(\.name) == ["span 2"])
    }

    @Test("a collector that refuses spans is told of once, and how many are gone when it takes them again")
    func isRefused() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let (collector, log) = (TraceCollector(), writer(in: scratch))
        collector.refuse(with: 401)
        try await collector.listening { port in
            let sender = exporter(port: port, log: log) { ($0.everyMs, $0.batch) = (20, 2) }
            trace(sender, 6)
            try await TestServer.beside({ await sender.run() }) {
                #expect(await TestServer.eventually { collector.refused == 3 })
                trace(sender, 1)
                #expect(await TestServer.eventually { collector.refused == 4 })
                collector.refuse(with: nil)
                trace(sender, 3)
                #expect(await TestServer.eventually { collector.spans.count == 3 })
            }
        }
        #expect(try counts(of: "trace collector refuses spans", log, scratch) == [401])
        #expect(try counts(of: "trace spans lost", log, scratch) == [7])
    }

    private func writer(in scratch: Scratch) -> LogWriter {
        LogWriter(level: .info, console: nil, file: LogFile(.init(path: scratch.path + "/g.log", leastFreeBytes: 0)))
    }

    /// The numbers in the log's lines with a message.
    private func counts(of message: String, _ log: LogWriter, _ scratch: Scratch) throws -> [Int64?] {
        log.flush()
        let lines = try scratch.text("g.log").split(separator: "\n").map { try #require(LogLine(line: Array($0.utf8))) }
        return lines.filter { $0.message == message }.map { $0.fields.first?.value.integer }
    }
}
