import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianTesting
import NIOSSL
import Synchronization
import Testing

@Suite("Realtime", .timeLimit(.minutes(1)))
struct RealtimeTests {
    @Test("changes arrive as they are made, in order, with what they left of the entity")
    func live() async throws {
        try await withChanges { upstream, url in
            try await Writer.run(to: url) { writer in
                try await writer.put("r1")
                try await withFeed(from: url) { taker in
                    await taker.wait { $0.changes.count == 1 && $0.states.last == .streaming }
                    try await writer.put("r1", #"{"n":2}"#)
                    await taker.wait { $0.changes.count == 2 }
                    try await writer.delete("r1")
                    await taker.wait { $0.changes.count == 3 }
                    let kept = taker.kept
                    #expect(kept.keys == upstream.keys)
                    #expect(kept.changes.map(\.path) == ["/api/v1/rooms/r1", "/api/v1/rooms/r1", "/api/v1/rooms/r1"])
                    #expect(kept.changes.map(\.isDelete) == [false, false, true])
                    #expect(kept.changes.map(\.etag) == ["\"v1\"", "\"v2\"", nil])
                    #expect(kept.changes.map(\.body) == [["n": 1], ["n": 2], nil])
                    #expect(kept.changes.last?.cursor == kept.cursor)
                    #expect(kept.states == [.connecting, .streaming])
                }
                #expect(upstream.asked(stream: true).count == 1 && upstream.asked(stream: false).isEmpty)
            }
        }
    }

    @Test("twenty streams that are closed, in a frame or after it, lose nothing and double nothing", arguments: [false, true])
    func reconnects(abruptly: Bool) async throws {
        try await withChanges { upstream, url in
            upstream.tellChanges { $0.stream = .closes(after: 3, abruptly: abruptly) }
            try await withFeed(from: url, configure: quickly) { taker in
                try await Writer.run(to: url) { writer in
                    for n in 0..<63 { try await writer.put("r\(n % 7)", #"{"n":\#(n)}"#) }
                }
                await taker.wait { $0.changes.count >= 63 }
                #expect(taker.kept.keys == upstream.keys)
                #expect(taker.kept.resets.isEmpty)
            }
            let asked = upstream.asked(stream: true).map { $0.headers["last-event-id"] }
            #expect(asked.count > 20)
            #expect(Set(asked).count > 20, "each goes on where the last one ended")
        }
    }

    @Test("a run goes on where the cursor of another one stood")
    func goesOn() async throws {
        try await withChanges { upstream, url in
            try await Writer.run(to: url) { writer in
                for n in 0..<5 { try await writer.put("r\(n)") }
                let first = Taker()
                try await withFeed(from: url, into: first) { await $0.wait { $0.changes.count == 5 } }
                try await writer.put("r5")
                try await withFeed(from: url, at: first.kept.changes[2].cursor) { taker in
                    await taker.wait { $0.changes.count == 3 }
                    #expect(taker.kept.keys == Array(upstream.keys[3...]))
                }
            }
        }
    }

    @Test("a cursor that is too old is a reset, and what follows comes", arguments: [false, true])
    func reset(polls: Bool) async throws {
        try await withChanges { upstream, url in
            try await Writer.run(to: url) { writer in
                for n in 0..<20 { try await writer.put("r\(n)") }
                upstream.tellChanges { settings in
                    settings.history = 5
                    if polls { settings.stream = .refused(status: 404) }
                }
                try await withFeed(from: url, at: "1-feed", configure: { $0.schedule.pollMs = 5 }) { taker in
                    await taker.wait { !$0.resets.isEmpty }
                    #expect(taker.kept.batches == [ChangeBatch(cursor: taker.kept.cursor ?? "", reset: .tooOld)])
                    try await writer.put("r20")
                    await taker.wait { !$0.changes.isEmpty }
                    #expect(taker.kept.keys == Array(upstream.keys.suffix(1)))
                }
            }
        }
    }

    @Test("without a stream it polls, and returns to the stream when there is one", arguments: [204, 404, 501])
    func polling(status: Int) async throws {
        let clock = TestClock()
        try await withChanges { upstream, url in
            try await Writer.run(to: url) { writer in
                for n in 0..<25 { try await writer.put("r\(n)") }
                upstream.tellChanges { $0.stream = .refused(status: status) }
                try await withFeed(from: url, clock: clock, configure: { $0.pageLimit = 10 }) { taker in
                    await taker.wait { $0.changes.count == 25 && $0.states.last == .polling }
                    #expect(taker.kept.batches.map(\.changes.count) == [10, 10, 5])
                    try await writer.put("r25")
                    await clock.waitForSleeper(until: 15_000)
                    clock.advance(byMilliseconds: 15_000)
                    await taker.wait { $0.changes.count == 26 }
                    upstream.tellChanges { _ in }
                    try await writer.put("r26")
                    await clock.waitForSleeper(until: 30_000)
                    clock.advance(byMilliseconds: 600_000)
                    await taker.wait { $0.changes.count == 27 }
                    #expect(taker.kept.keys == upstream.keys)
                    // A server that said 204 asked not to be bothered again.
                    if status != 204 { await taker.wait { $0.states.last == .streaming } }
                    #expect(upstream.asked(stream: true).count == (status == 204 ? 1 : 2))
                }
            }
        }
    }

    @Test("nonsense, and a stranger's page, are taken for no changes; it polls instead", arguments: [ChangeSettings.Stream.garbage, .page])
    func nonsense(stream: ChangeSettings.Stream) async throws {
        try await withChanges { upstream, url in
            upstream.tellChanges { $0.stream = stream }
            try await Writer.run(to: url) { try await $0.put("r1") }
            try await withFeed(from: url, configure: { $0.schedule.baseMs = 1 }) { taker in
                await taker.wait { $0.changes.count == 1 }
                #expect(taker.kept.keys == upstream.keys && taker.kept.resets.isEmpty)
                #expect(taker.kept.states.contains { if case .waiting(_, .unreadable) = $0 { true } else { false } })
            }
            #expect(upstream.asked(stream: true).count == 3)
        }
    }

    @Test("a dead server is asked less and less, and its return is noticed")
    func deadServer() async throws {
        let clock = TestClock()
        let isDead = Mutex(true)
        let stream = #"id: 5\#nevent: change\#ndata: {"entity":"/r/1","operation":"delete"}\#n\#n"#
        let page = #"{"meta":{},"data":{"changes":[],"next":"4","reset":false}}"#
        let reply = { @Sendable (request: WireRequest) -> WireServer.Reply in
            if isDead.withLock({ $0 }) { return .resets(after: "") }
            if request.target == "/api/v1/changes/stream" {
                return .says("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + stream)
            }
            return .answer(200, page, fields: "Content-Type: application/json")
        }
        try await WireServer.run(reply: reply) { server in
            try await withFeed(from: server.url, clock: clock) { taker in
                var waits: [Int64] = []
                while clock.now.steady < 3_600_000 {
                    let seen = waits.count
                    await taker.wait { $0.waits.count > seen }
                    let until = try #require(taker.kept.waits.last)
                    waits.append(until - clock.now.steady)
                    clock.advance(byMilliseconds: until - clock.now.steady)
                }
                #expect(waits[0] <= 1000 && waits[1] <= 2000, "two streams")
                // Shorter than a poll's own time only where the stream's turn comes.
                #expect(waits.allSatisfy { $0 <= 60_000 } && waits.dropFirst(2).count { $0 < 15_000 } <= 6, "\(waits)")
                #expect((60...240).contains(waits.count), "\(waits.count) waits in an hour")
                #expect(server.requests.count <= waits.count * 2)
                let states = taker.kept.states
                #expect(states.allSatisfy { if case .waiting(_, let why) = $0 { why == .unreachable } else { $0 == .connecting } })
                let seen = waits.count
                await taker.wait { $0.waits.count > seen }
                isDead.withLock { $0 = false }
                clock.advance(byMilliseconds: 60_000)
                await taker.wait { $0.states.last == .streaming && $0.changes.count == 1 }
                #expect(taker.kept.cursor == "5")
            }
        }
    }

    @Test("a port where nobody listens is out of reach, not the end")
    func refused() async throws {
        try await withFeed(from: "http://127.0.0.1:1", configure: quickly) { taker in
            await taker.wait { $0.waits.count > 3 }
            #expect(taker.kept.states.contains { if case .waiting(_, .unreachable) = $0 { true } else { false } })
        }
    }

    @Test("a stream without a byte for three heartbeats is left")
    func silence() async throws {
        let clock = TestClock()
        try await withChanges { upstream, url in
            upstream.tellChanges { $0.stream = .mute }
            let configure = { (configuration: inout RealtimeConfiguration) in
                // So long that it is not over, however far the clock runs meanwhile.
                (configuration.schedule.baseMs, configuration.schedule.maxMs) = (1 << 40, 1 << 40)
            }
            try await withFeed(from: url, clock: clock, configure: configure) { taker in
                await taker.wait { $0.states.last == .streaming }
                while taker.kept.states.last == .streaming {
                    clock.advance(byMilliseconds: 500)
                    await Task.yield()
                }
                #expect(clock.now.steady >= 45_000)
                #expect(taker.kept.states.contains { if case .waiting(_, .silent) = $0 { true } else { false } })
            }
        }
    }

    @Test("heartbeats keep a stream that has nothing to tell")
    func heartbeats() async throws {
        let clock = ReadClock()
        try await withChanges { upstream, url in
            upstream.tellChanges { $0.heartbeatMs = 10 }
            try await withFeed(from: url, clock: clock) { taker in
                await taker.wait { $0.states.last == .streaming }
                let states = taker.kept.states
                // Six times 30 s are far longer than a silence may be: 45 s.
                for _ in 0..<6 {
                    clock.advance(byMilliseconds: 30_000)
                    // Once for each heartbeat, and once by the watch: then one was heard at this time.
                    let read = clock.reads + 3
                    while clock.reads < read, taker.kept.states == states { await Task.yield() }
                }
                #expect(taker.kept.states == states)
            }
        }
    }
}

/// A clock that a test advances, and that counts how often it is read: a feed does that whenever it begins to listen.
private final class ReadClock: TimeSource {
    private let clock = TestClock()
    private let count = Atomic(0)

    var reads: Int { count.load(ordering: .sequentiallyConsistent) }

    /// Counted first: a read that is counted after an advance tells the time after it.
    var now: Moment {
        count.add(1, ordering: .sequentiallyConsistent)
        return clock.now
    }

    func advance(byMilliseconds milliseconds: Int64) { clock.advance(byMilliseconds: milliseconds) }

    func wait(untilSteady steady: Int64) async throws { try await clock.wait(untilSteady: steady) }
}

extension Taker.Kept {
    /// Until when it has waited after failures.
    var waits: [Int64] { states.compactMap { if case .waiting(let until, _) = $0 { until } else { nil } } }
}
