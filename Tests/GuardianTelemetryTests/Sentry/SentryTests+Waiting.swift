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
