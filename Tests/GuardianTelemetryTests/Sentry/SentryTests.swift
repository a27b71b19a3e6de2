import Foundation
import GuardianCore
import GuardianTesting
import TestServers
import Testing

import GuardianTelemetry

@Suite("Sentry")
struct SentryTests {
    static func configuration(port: Int, spool: String) throws -> SentryConfiguration {
        var configuration = SentryConfiguration(
            dsn: try SentryDSN(SentryListener.dsn(port: port)), environment: "test", release: "guardian@1.2.3", serverName: "host-1",
            spoolDirectory: spool)
        configuration.eventsPerMinute = 100_000
        configuration.backoffMs = 20
        configuration.leastFreeBytes = 0
        return configuration
    }

    /// A sink that sends to `listener` while `body` runs.
    private func sending(
        to listener: SentryListener, change: (inout SentryConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (SentrySink) async throws -> Void
    ) async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var base = try Self.configuration(port: 1, spool: scratch.path + "/spool")
        change(&base)
        try await listener.listening { [base] port in
            var configuration = base
            configuration.dsn = try SentryDSN(SentryListener.dsn(port: port))
            let sink = SentrySink(configuration)
            try await TestServer.beside({ await sink.run() }) { try await body(sink) }
        }
    }

    @Test("an event tells what, where, which trace, by which type it is grouped, and what led to it")
    func isWhole() async throws {
        let listener = SentryListener()
        try await sending(to: listener) { sink in
            for number in 0..<60 {
                sink.record(.enqueued(id: .text("op-\(number)"), seq: Int64(number)), about: Sample.subject(number), at: Sample.now)
            }
            sink.record(Sample.failed(7), about: Sample.subject(7, attempt: 2), at: Sample.now)
            #expect(await TestServer.eventually { listener.events.count == 1 })
        }
        #expect(listener.defects.isEmpty, "\(listener.defects)")
        let event = try #require(listener.events.first)
        #expect(event["level"] == "error")
        #expect(event["release"] == "guardian@1.2.3" && event["environment"] == "test" && event["server_name"] == "host-1")
        #expect(event["fingerprint"] == ["guardian", "operation_failed.permanent.FORBIDDEN"])
        #expect(event["tags"]?["operation_type"] == "update")
        #expect(event["tags"]?["error_class"] == "permanent" && event["tags"]?["error_code"] == "FORBIDDEN")
        #expect(event["contexts"]?["trace"]?["trace_id"]?.string == Sample.operation(7).traceID.hex)
        let crumbs = try #require(event["breadcrumbs"]?["values"]?.elements)
        #expect(crumbs.count == 50)
        #expect(crumbs.first?["data"]?["id"] == "op-10" && crumbs.last?["data"]?["id"] == "op-59")
        #expect(event["extra"]?["error"]?["http_status"] == 403)
    }

    @Test("the critical events of the specification are reported, and no others")
    func judges() {
        var judge = SentryJudge(eventsPerMinute: 10, breakerOpenTooLongMs: 300_000, random: Xoshiro256(seed: 1))
        func level(_ event: Event) -> LogLevel? { judge.heard(event, about: nil, at: Sample.start)?.level }
        #expect(level(Sample.failed(1)) == .error)
        #expect(level(.storeError(.corrupt("page"))) == .fatal)
        #expect(level(.upstreamDistrusted(detail: "the key is not pinned")) == .fatal)
        #expect(level(.paused(.tls)) == .fatal)
        #expect(level(.booksUnbalanced(gap: 1)) == .error)
        func alert(_ severity: Alert.Severity) -> Alert {
            Alert(name: "queue_depth", severity: severity, threshold: 1000, condition: "too many", action: "look")
        }
        #expect(level(.alertFired(alert(.critical))) == .fatal)
        #expect(level(.alertFired(alert(.high))) == .error)
        for event: Event in [
            .alertFired(alert(.medium)), .alertCleared(alert(.critical)), .storeError(.full(free: nil, needed: nil)), .breakerClosed,
            .paused(.auth), .processed(id: .text("a"), latencyMs: 1, httpStatus: 200), .drained,
            .retryScheduled(
                id: .text("a"), due: Sample.start, backoffMs: 1, error: LastError(class: .network, code: "REFUSED", message: "refused")),
        ] { #expect(level(event) == nil, "\(event)") }
    }

    @Test("a breaker that stays open is reported once, by its first opening, and again only after it was closed")
    func watchesTheBreaker() {
        var judge = SentryJudge(eventsPerMinute: 10, breakerOpenTooLongMs: 300_000, random: Xoshiro256(seed: 1))
        func tick(_ seconds: Int64) -> SentryEvent? { judge.tick(Sample.moment(seconds)) }
        func hear(_ event: Event, _ seconds: Int64) { _ = judge.heard(event, about: nil, at: Sample.moment(seconds).wall) }
        #expect(tick(0) == nil)
        hear(.breakerOpened(forMs: 60_000), 0)
        #expect(tick(0) == nil)
        hear(.breakerOpened(forMs: 60_000), 61)
        #expect(tick(299) == nil)
        #expect(tick(300)?.type == "breaker_open_too_long")
        #expect(tick(600) == nil)
        hear(.breakerClosed, 601)
        #expect(tick(650) == nil)
        hear(.breakerOpened(forMs: 60_000), 700)
        #expect(tick(700) == nil)
        #expect(tick(999) == nil)
        #expect(tick(1000) != nil)
    }

    @Test("how long the breaker is open does not hang on who sets the wall clock", arguments: [-86_400_000, 86_400_000])
    func clockSteps(by milliseconds: Int64) {
        var judge = SentryJudge(eventsPerMinute: 10, breakerOpenTooLongMs: 300_000, random: Xoshiro256(seed: 1))
        func stepped(_ seconds: Int64) -> Moment {
            var moment = Sample.moment(seconds)
            moment.wall = moment.wall.adding(milliseconds: milliseconds)
            return moment
        }
        _ = judge.heard(.breakerOpened(forMs: 60_000), about: nil, at: Sample.start)
        #expect(judge.tick(Sample.moment(0)) == nil)
        #expect(judge.tick(stepped(1)) == nil)
        #expect(judge.tick(stepped(299)) == nil)
        #expect(judge.tick(stepped(300))?.value.contains("300 s") == true)
    }

    @Test("the breaker of a lock that was lost is another's: nothing is told of it, until it opens here again")
    func losesTheBreaker() {
        var judge = SentryJudge(eventsPerMinute: 10, breakerOpenTooLongMs: 300_000, random: Xoshiro256(seed: 1))
        func tick(_ seconds: Int64) -> SentryEvent? { judge.tick(Sample.moment(seconds)) }
        func hear(_ event: Event, _ seconds: Int64) { _ = judge.heard(event, about: nil, at: Sample.moment(seconds).wall) }
        hear(.breakerOpened(forMs: 60_000), 0)
        #expect(tick(0) == nil)
        hear(.lockLost(epoch: 1), 100)
        #expect(tick(1000) == nil)
        hear(.breakerOpened(forMs: 60_000), 1000)
        #expect(tick(1000) == nil)
        #expect(tick(1299) == nil)
        #expect(tick(1300)?.type == "breaker_open_too_long")
    }

    @Test("a storm of one kind is cut to so many a minute, and what was left out is reported as lost")
    func isNoFlood() async throws {
        let listener = SentryListener()
        try await sending(to: listener, change: { $0.eventsPerMinute = 20 }) { sink in
            for number in 0..<500 { sink.record(Sample.failed(number), about: nil, at: Sample.now) }
            #expect(await TestServer.eventually { listener.events.count == 20 })
            sink.record(Sample.failed(1, code: "ANOTHER"), about: nil, at: Sample.now)
            #expect(await TestServer.eventually { listener.events.count == 21 })
        }
        #expect(Self.lost(listener)["backpressure"] == 480)
        #expect(listener.defects.isEmpty, "\(listener.defects)")
    }

    /// What client reports say was lost, by reason.
    private static func lost(_ listener: SentryListener) -> [String: Int64] {
        var lost: [String: Int64] = [:]
        for item in listener.received.flatMap(\.envelope.items) where item.type == "client_report" {
            for event in item.payload["discarded_events"]?.elements ?? [] {
                lost[event["reason"]?.string ?? "", default: 0] += event["quantity"]?.integer ?? 0
            }
        }
        return lost
    }

    @Test(
        "1 000 events of an offline process are sent by the next one: within the rate limit, all, none twice",
        arguments: [SentryListener.Header.rateLimits, .retryAfter])
    func isOffline(header: SentryListener.Header) async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let spool = scratch.path + "/spool"
        let offline = SentrySink(try Self.configuration(port: 1, spool: spool))
        try await TestServer.beside({ await offline.run() }) {
            for number in 0..<1000 { offline.record(Sample.failed(number), about: Sample.subject(number), at: Sample.now) }
            #expect(await TestServer.eventually { offline.spooledCount == 1000 })
        }
        #expect(offline.sentCount == 0)
        let listener = SentryListener(.limits(every: 100, header: header))
        try await listener.listening { port in
            let sink = SentrySink(try Self.configuration(port: port, spool: spool))
            try await TestServer.beside({ await sink.run() }) {
                #expect(await TestServer.eventually(within: 60) { sink.sentCount == 1000 })
            }
            #expect(sink.spooledCount == 0)
        }
        #expect(listener.defects.isEmpty, "\(listener.defects)")
        #expect(listener.received.count == 1000)
        #expect(Set(listener.received.map(\.eventID)).count == 1000)
        #expect(listener.limited == 9)
        #expect(listener.tooEarly == 0)
    }

    @Test("no byte that is sent or kept holds what must not be told, and none the DSN's key but the header that needs it")
    func isRedacted() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let listener = SentryListener(.answers(500))
        let spool = scratch.path + "/spool"
        try await listener.listening { port in
            let sink = SentrySink(try Self.configuration(port: port, spool: spool))
            try await TestServer.beside({ await sink.run() }) {
                sink.record(.enqueued(id: .text(Sample.secrets[0]), seq: 1), about: nil, at: Sample.now)
                sink.record(Sample.failed(1, message: Sample.talkative), about: Sample.subject(1), at: Sample.now)
                sink.record(Sample.failed(2, code: Sample.secrets[0]), about: Sample.subject(2), at: Sample.now)
                sink.capture(.error, type: "own", value: Sample.talkative, fields: [.init("why", .string(Sample.talkative))])
                #expect(await TestServer.eventually { sink.spooledCount == 3 })
                for name in try FileManager.default.contentsOfDirectory(atPath: spool) {
                    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: spool + "/" + name)), as: UTF8.self)
                    for secret in Sample.secrets + [SentryListener.key] { #expect(!text.contains(secret), "\(secret)") }
                }
                listener.set(.takesAll)
                #expect(await TestServer.eventually { listener.received.count == 3 })
            }
        }
        for received in listener.received {
            let text = String(decoding: received.bytes, as: UTF8.self)
            for secret in Sample.secrets + [SentryListener.key] { #expect(!text.contains(secret), "\(secret)") }
        }
        #expect(listener.defects.isEmpty, "\(listener.defects)")
    }

    @Test("what Sentry refuses for good is dropped and counted; trouble of its own is waited out")
    func readsAnswers() async throws {
        let listener = SentryListener(.answers(503))
        try await sending(to: listener) { sink in
            sink.record(Sample.failed(1), about: nil, at: Sample.now)
            #expect(await TestServer.eventually { listener.requests >= 3 })
            #expect(sink.spooledCount == 1)
            listener.set(.answers(413))
            #expect(await TestServer.eventually { sink.spooledCount == 0 })
            #expect(sink.sentCount == 0)
            listener.set(.takesAll)
            sink.record(Sample.failed(2), about: nil, at: Sample.now)
            #expect(await TestServer.eventually { listener.events.count == 1 })
        }
        #expect(Self.lost(listener) == ["send_error": 1])
    }

    @Test("a bare 429 means a minute; limits of other categories mean nothing; X-Sentry-Rate-Limits outranks Retry-After, on any status")
    func limits() {
        var limits = SentryRateLimits()
        limits.heard(status: 200, limits: [], retryAfterMs: 5000, now: 0)
        #expect(limits.wait(now: 0) == nil)
        limits.heard(status: 200, limits: ["60:transaction;replay:organization"], retryAfterMs: nil, now: 0)
        #expect(limits.wait(now: 0) == nil)
        limits.heard(status: 200, limits: ["60:transaction:key, 5:error;default:organization:quota"], retryAfterMs: 90_000, now: 0)
        #expect(limits.wait(now: 0) == 5000)
        #expect(limits.wait(now: 5000) == nil)
        limits.heard(status: 429, limits: [], retryAfterMs: nil, now: 10_000)
        #expect(limits.wait(now: 10_000) == 60_000)
        limits.heard(status: 429, limits: ["2::organization"], retryAfterMs: 1, now: 20_000)
        #expect(limits.wait(now: 20_000) == 50_000, "a shorter limit does not shorten a longer one")
        var others = SentryRateLimits()
        others.heard(status: 429, limits: ["1e99:error:key", "what:ever"], retryAfterMs: nil, now: 0)
        #expect(others.wait(now: 0) == SentryRateLimits.longestMs)
        for garbage in ["", ":", "::::", "x", "-5:error:key", "nan:error:key"] {
            var limits = SentryRateLimits()
            limits.heard(status: 200, limits: [garbage], retryAfterMs: nil, now: 0)
            #expect((limits.wait(now: 0) ?? 0) <= SentryRateLimits.fallbackMs, "\(garbage)")
        }
    }

    @Test("two events are the same only where nothing of them differs")
    func equality() {
        var random = Xoshiro256(seed: 1)
        let event = SentryEvent(id: .v4(using: &random), at: Sample.start, level: .error, type: "t", value: "v")
        let copy = event
        #expect(copy == event)
        let changes: [(inout SentryEvent) -> Void] = [
            { $0.level = .warning }, { $0.tags["a"] = "b" }, { $0.extra = [.init("a", 1)] }, { $0.isHandled = false },
            { $0.trace = .init(traceID: "1", spanID: "2") }, { $0.frames = Backtrace(report: CrashTests.report)?.frames ?? [] },
        ]
        for (index, change) in changes.enumerated() {
            var other = event
            change(&other)
            #expect(other != event, "\(index)")
        }
    }

    @Test("a DSN is read, and shown nowhere")
    func readsDSN() throws {
        let dsn = try SentryDSN("https://abc123@o1.ingest.sentry.io/prefix/99")
        #expect(dsn.envelopeURL == "https://o1.ingest.sentry.io/prefix/api/99/envelope/")
        #expect(dsn.authentication(client: "c/1") == "Sentry sentry_version=7, sentry_client=c/1, sentry_key=abc123")
        var dumped = ""
        dump(dsn, to: &dumped)
        for shown in ["\(dsn)", String(reflecting: dsn), dumped] { #expect(!shown.contains("abc123"), "\(shown)") }
        for host in ["127.0.0.1", "127.9.8.7", "localhost", "LocalHost", "[::1]"] {
            #expect(try SentryDSN("http://abc@\(host):9000/1").envelopeURL == "http://\(host):9000/api/1/envelope/")
        }
        for bad in [
            "", "nonsense", "https://o1.ingest.sentry.io/99", "https://abc@o1.ingest.sentry.io/", "https://abc@o1.ingest.sentry.io/x",
            "ftp://abc@o1/1", "http://abc@o1.ingest.sentry.io/99", "http://abc@127.example.com/1", "https://abc@h/1?a=b",
            "https://a%20b@h/1",
        ] {
            #expect(throws: SentryDSN.Defect.self, "\(bad)") { try SentryDSN(bad) }
        }
    }

    @Test("a test event says whether Sentry takes it, limits it, refuses it, or is away")
    func probes() async throws {
        let listener = SentryListener()
        let away = SentryProbe(try Self.configuration(port: 1, spool: "/nowhere"))
        guard case .unreachable(let why) = await away.send(at: Sample.now) else { return #expect(Bool(false)) }
        #expect(!why.contains(SentryListener.key))
        try await listener.listening { port in
            let probe = SentryProbe(try Self.configuration(port: port, spool: "/nowhere"))
            let taken = await probe.send(at: Sample.now)
            #expect(taken == .taken(listener.received.first?.eventID ?? ""))
            listener.set(.limits(every: 0, header: .retryAfter))
            guard case .limited(let seconds) = await probe.send(at: Sample.now) else { return #expect(Bool(false)) }
            #expect((1...2).contains(seconds))
            listener.set(.answers(403))
            guard case .refused = await probe.send(at: Sample.now) else { return #expect(Bool(false)) }
        }
        #expect(listener.defects.isEmpty, "\(listener.defects)")
    }
}
