import Foundation
import GuardianCore
import TestServers
import Testing

import GuardianTelemetry

extension SentryTests {
    @Test("a spool that can't be used is tried again until it can, and what was told meanwhile is sent")
    func waitsForItsSpool() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let (listener, clock, spool) = (SentryListener(), NotedClock(), scratch.path + "/spool")
        // A file stands where the directory should be.
        try Data().write(to: URL(fileURLWithPath: spool))
        try await listener.listening { port in
            let sink = SentrySink(try Self.configuration(port: port, spool: spool), clock: clock)
            try await TestServer.beside({ await sink.run() }) {
                sink.record(Sample.failed(1), about: nil, at: clock.now.wall)
                #expect(await TestServer.eventually { clock.waits == [SentrySink.spoolRetryMs] })
                try FileManager.default.removeItem(atPath: spool)
                clock.advance(byMilliseconds: SentrySink.spoolRetryMs)
                #expect(await TestServer.eventually { listener.events.count == 1 })
            }
        }
        #expect(listener.defects.isEmpty, "\(listener.defects)")
    }

    @Test("a sink that has stopped reports again once it is run again")
    func runsAgain() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let listener = SentryListener()
        try await listener.listening { port in
            let sink = SentrySink(try Self.configuration(port: port, spool: scratch.path + "/spool"))
            for run in 1...2 {
                try await TestServer.beside({ await sink.run() }) {
                    sink.record(Sample.failed(run), about: nil, at: Sample.now)
                    #expect(await TestServer.eventually { listener.events.count == run })
                }
            }
        }
        #expect(listener.defects.isEmpty, "\(listener.defects)")
    }

    @Test(
        "a limit of no time at all is waited out all the same",
        arguments: [("Retry-After", "0"), ("X-Sentry-Rate-Limits", "0:error:key:quota")])
    func waitsAfterALimit(name: String, value: String) async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let (server, clock) = (LimitingServer(name, value), NotedClock())
        try await server.listening { port in
            var configuration = try Self.configuration(port: port, spool: scratch.path + "/spool")
            configuration.backoffMs = 7000
            let sink = SentrySink(configuration, clock: clock)
            try await TestServer.beside({ await sink.run() }) {
                sink.record(Sample.failed(1), about: nil, at: clock.now.wall)
                #expect(await TestServer.eventually { clock.waits.contains(7000) || server.requests > 1 })
                #expect(server.requests == 1)
                clock.advance(byMilliseconds: 7000)
                #expect(await TestServer.eventually { sink.sentCount == 1 })
            }
        }
    }

    @Test("on a volume without room events are sent from memory, a few at once; what is more is reported as lost")
    func sendsFromMemory() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let listener = SentryListener(.answers(503))
        try await listener.listening { port in
            var configuration = try Self.configuration(port: port, spool: scratch.path + "/spool")
            configuration.leastFreeBytes = .max
            let sink = SentrySink(configuration)
            for number in 0..<SentryDelivery.mostHeld + 7 { sink.record(Sample.failed(number), about: nil, at: Sample.now) }
            try await TestServer.beside({ await sink.run() }) {
                #expect(await TestServer.eventually { sink.spooledCount == SentryDelivery.mostHeld && listener.requests >= 3 })
                let spooled = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/spool")
                #expect(spooled.isEmpty)
                listener.set(.takesAll)
                #expect(await TestServer.eventually { sink.sentCount == SentryDelivery.mostHeld })
                #expect(sink.spooledCount == 0)
            }
        }
        #expect(Set(listener.received.map(\.eventID)).count == SentryDelivery.mostHeld)
        let reports = listener.received.flatMap(\.envelope.items).filter { $0.type == "client_report" }
        let lost = reports.flatMap { $0.payload["discarded_events"]?.elements ?? [] }
        #expect(lost.count == 1 && lost.first?["reason"] == "cache_overflow" && lost.first?["quantity"] == 7)
        #expect(listener.defects.isEmpty, "\(listener.defects)")
    }

    @Test("what could not be written down is, as soon as it can be, for the next process to send")
    func writesDownLater() async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let directory = scratch.path + "/spool"
        let configuration = try Self.configuration(port: 1, spool: directory)
        let (progress, told) = (SentryDelivery.Progress(), Dial<[String]>([]))
        let delivery = SentryDelivery(
            configuration: configuration, spool: try SentrySpool(directory: directory, limits: configuration.spool, now: Sample.now),
            clock: SystemClock(), progress: progress
        ) { _, message, _ in told.update { $0.append(message) } }
        var judge = SentryJudge(eventsPerMinute: 10, breakerOpenTooLongMs: 300_000, random: Xoshiro256(seed: 1))
        let events = (0..<2).map { judge.make(level: .error, type: "t\($0)", value: "v", at: Sample.now) }
        try FileManager.default.removeItem(atPath: directory)
        for event in events { delivery.add(event) }
        #expect(progress.spooled == 2)
        #expect(told.value == ["sentry event not written down"], "said once")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        await delivery.shutdown()
        let left = try SentrySpool(directory: directory, now: Sample.now).entries
        #expect(Set(left.map(\.eventID)) == Set(events.map(\.id)))
    }

    @Test("only an answer that says no is waited out for the least time: a limit of no time beside a yes is none")
    func leastLimit() {
        var limits = SentryRateLimits(leastMs: 500)
        limits.heard(status: 200, limits: ["0:error:key"], retryAfterMs: nil, now: 0)
        #expect(limits.wait(now: 0) == nil)
        limits.heard(status: 429, limits: ["0:error:key"], retryAfterMs: nil, now: 0)
        #expect(limits.wait(now: 0) == 500)
        limits.heard(status: 429, limits: [], retryAfterMs: 0, now: 1000)
        #expect(limits.wait(now: 1000) == 500)
        limits.heard(status: 429, limits: ["2:error:key"], retryAfterMs: nil, now: 2000)
        #expect(limits.wait(now: 2000) == 2000)
    }
}
