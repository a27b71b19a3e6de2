import GuardianCore
import GuardianTesting
import Testing

/// What the upstream asks of one route: those that go by it wait, and nobody else.
@Suite struct RouteHoldTests {
    private static let ok = Outcome.status(200)

    /// One that has the lock and a token. The route of (update, room) waits by itself, that of (update, device) does not.
    private func bench(workers: Int = 4) -> ProcessorBench {
        var configuration = ProcessorConfiguration(workers: workers)
        configuration.holds.set(.route, operation: "update", entity: "room")
        configuration.holds.set(.origin, operation: "update", entity: "device")
        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: configuration)
        _ = bench.begin()
        return bench
    }

    /// The store's answer to the exchange under way: updates of rooms and devices, each alone in its line.
    private func claim(
        rooms: [Int64] = [], devices: [Int64] = [], priority: Int = 0, in bench: inout ProcessorBench
    ) -> [Processor.Action] {
        var claims = rooms.map { bench.claim($0, priority: priority) }
        for seq in devices {
            var claim = bench.claim(seq, priority: priority)
            claim.operation.entity.type = "device"
            claims.append(claim)
        }
        return bench.give(.exchanged(.success(ExchangeResult(claims: claims))))
    }

    /// For how long routes were held, in milliseconds.
    private func holds(_ actions: [Processor.Action]) -> [Int64] {
        actions.events.compactMap { event -> Int64? in
            guard case .routeHeld("update room", let milliseconds) = event else { return nil }
            return milliseconds
        }
    }

    /// Sends the room 1 and the device 2, and holds the route of the first. Returns for how long.
    private func hold(_ outcome: Outcome, _ bench: inout ProcessorBench) throws -> Int64 {
        let sends = claim(rooms: [1], devices: [2], in: &bench).sends
        #expect(sends.map(\.seq) == [1, 2])
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let told = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, outcome))
        let holdMs = try #require(holds(told).first)
        let until = bench.now.wall.adding(milliseconds: holdMs)
        guard case .retry(let due, let backoffMs, _, let charged, _, _) = told.settlements.first?.result else {
            Issue.record("the operation itself does not wait")
            return holdMs
        }
        #expect(due == until && backoffMs == holdMs && !charged)
        return holdMs
    }

    @Test("a hold of one route leaves the others going: what goes by it is put off unsent until it ends, urgent or not")
    func waitsAlone() throws {
        var bench = bench()
        let holdMs = try hold(.status(429, retryAfterMs: 30_000), &bench)
        #expect((30_000...35_000).contains(holdMs))
        #expect(bench.processor.holdUntil <= bench.now.steady, "the origin goes on")

        let normal = claim(rooms: [3, 4], devices: [5], in: &bench)
        #expect(normal.sends.map(\.seq) == [5])
        let until = bench.now.wall.adding(milliseconds: holdMs)
        #expect(
            normal.settlements.map(\.result) == [
                .putOff(until: until, waitMs: holdMs), .putOff(until: until.adding(milliseconds: 1), waitMs: holdMs + 1),
            ])
        let urgent = claim(rooms: [6], priority: 1, in: &bench)
        #expect(urgent.sends.isEmpty)
        #expect(urgent.settlements.map(\.result) == [.putOff(until: until, waitMs: holdMs)])
        #expect((normal + urgent).events.allSatisfy { $0.name != "retry_scheduled" || $0.operationID == .text("n1") })
    }

    @Test("claims that wait for a worker when their route comes to be held go back at once, and leave it to others")
    func makesRoom() throws {
        var bench = bench(workers: 1)
        let sends = claim(rooms: [1, 2], devices: [3], in: &bench).sends
        #expect(sends.map(\.seq) == [1])
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let told = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(429, retryAfterMs: 30_000)))
        #expect(told.sends.map(\.seq) == [3])
        let holdMs = try #require(holds(told).first)
        let until = bench.now.wall.adding(milliseconds: holdMs)
        #expect(told.settlements.first { $0.seq == 2 }?.result == .putOff(until: until, waitMs: holdMs))
    }

    @Test("a route is asked again when its hold has ended, and not a millisecond before")
    func ends() throws {
        var bench = bench()
        let holdMs = try hold(.status(503, retryAfterMs: 20_000), &bench)
        bench.pass(ms: holdMs - 1)
        _ = bench.give(.tick)
        let early = claim(rooms: [3], in: &bench)
        #expect(early.sends.isEmpty)
        #expect(early.settlements.map(\.result) == [.putOff(until: bench.now.wall.adding(milliseconds: 1), waitMs: 1)])
        bench.pass(ms: 1)
        let late = claim(rooms: [3, 4], in: &bench)
        #expect(late.sends.map(\.seq) == [3, 4])
        #expect(bench.processor.routeHolds.isEmpty)
    }

    @Test("the jitter of a hold is 0 to 5 s, and the wait a day at most")
    func jitter() throws {
        var bench = bench()
        var waits: [Int64] = []
        for seq in Int64(1)...40 {
            let sends = claim(rooms: [seq], in: &bench).sends
            let send = try #require(sends.first)
            waits += holds(bench.give(.attempted(seq: seq, attempt: send.attempt, .status(503, retryAfterMs: 1000))))
            bench.pass(ms: 7000)
            _ = bench.give(.renewed(.success(()), begunAt: bench.now.steady))
        }
        #expect(waits.count == 40)
        #expect(waits.allSatisfy { (1000...6000).contains($0) })
        let spread = (waits.max() ?? 0) - (waits.min() ?? 0)
        #expect(spread > 2500, "\(waits)")

        var patient = self.bench()
        let day = try hold(.status(429, retryAfterMs: 7_000_000_000), &patient)
        #expect((86_400_000...86_405_000).contains(day))
    }

    @Test("without a wait that makes sense a 429 holds its route for a backoff, and a 503 holds nothing")
    func badValues() throws {
        var bench = bench()
        let holdMs = try hold(.status(429), &bench)
        #expect((500...6500).contains(holdMs))

        var other = self.bench()
        let sends = claim(rooms: [1], in: &other).sends
        let failed = other.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(503)))
        #expect(holds(failed).isEmpty && other.processor.routeHolds.isEmpty)
    }

    @Test("a route that is asked to wait again waits for the longer of the two, and that is told once")
    func longest() throws {
        var bench = bench()
        let sends = claim(rooms: [1, 2, 3], in: &bench).sends
        #expect(sends.count == 3)
        var told: [Int64] = []
        for (send, waitMs) in zip(sends, [20_000, 60_000, 1000] as [Int64]) {
            told += holds(bench.give(.attempted(seq: send.seq, attempt: send.attempt, .status(429, retryAfterMs: waitMs))))
        }
        #expect(told.count == 1)
        let until = try #require(bench.processor.routeHolds.until("update room", now: bench.now.steady))
        #expect((60_000...65_000).contains(until))
    }

    @Test("a route without a hold of its own makes the whole origin wait, held routes too")
    func origin() {
        var bench = bench()
        let sends = claim(devices: [1], in: &bench).sends
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let told = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(429, retryAfterMs: 30_000)))
        #expect(told.events.contains { $0.name == "origin_held" } && holds(told).isEmpty)
        #expect(bench.processor.holdUntil > bench.now.steady && bench.processor.routeHolds.isEmpty)
        let back = claim(rooms: [2], devices: [3], in: &bench)
        #expect(back.sends.isEmpty && back.settlements.map(\.result) == [.unsent, .unsent])
    }

    @Test("what holds a route says nothing of the origin: no breaker opens, no limit halves, no rate is learnt", arguments: [429, 503])
    func originIsWell(status: Int) {
        var bench = bench(workers: 16)
        let sends = claim(rooms: Array(1...12), in: &bench).sends
        #expect(sends.count == 12)
        for send in sends {
            _ = bench.give(.attempted(seq: send.seq, attempt: send.attempt, .status(status, retryAfterMs: 30_000)))
        }
        #expect(bench.processor.breaker.state == .closed)
        #expect(bench.processor.ramp.limit == 16)
        #expect(bench.processor.pacer.rate == nil)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let next = claim(devices: [20], in: &bench)
        #expect(next.sends.map(\.seq) == [20])
    }

    @Test("that others get through by other routes charges nothing to an operation whose own is to wait")
    func chargesNothing() throws {
        var bench = bench()
        let sends = claim(devices: [9], in: &bench).sends
        _ = bench.give(.attempted(seq: 9, attempt: sends[0].attempt, Self.ok))
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        _ = try hold(.status(503, retryAfterMs: 20_000), &bench)
    }

    @Test("a request that waited for a token goes back when its route is held meanwhile")
    func waitedForAToken() {
        var bench = bench()
        let sends = claim(rooms: [1, 2], in: &bench).sends
        #expect(sends.count == 2)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        #expect(bench.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(401))).asksForToken)
        _ = bench.give(.attempted(seq: 2, attempt: sends[1].attempt, .status(429, retryAfterMs: 30_000)))
        var answered = bench.give(.tokenAnswered(.success("new")))
        answered += bench.give(.exchanged(.success(ExchangeResult())))
        #expect(answered.sends.isEmpty)
        #expect(answered.settlements.contains { $0.seq == 1 && $0.result == .returned })
    }

    // MARK: The parts

    @Test("an operation goes by the route that fits it best, so one that makes the origin wait is not held by a wildcard")
    func rules() {
        var rules = HoldRules()
        let bench = bench()
        func operation(_ type: String, _ entity: String) -> Operation {
            var operation = bench.claim(1).operation
            operation.type = type
            operation.entity.type = entity
            return operation
        }
        #expect(rules.route(of: operation("update", "room")) == nil)
        rules.set(.route)
        rules.set(.origin, operation: "update", entity: "room")
        rules.set(.route, entity: "device")
        rules.set(.route, operation: "delete")
        #expect(rules.route(of: operation("update", "room")) == nil)
        #expect(rules.route(of: operation("create", "room")) == "* *")
        #expect(rules.route(of: operation("delete", "device")) == "* device")
        #expect(rules.route(of: operation("delete", "room")) == "delete *")
        // A pair is two words, wherever a space stands.
        var spaced = HoldRules()
        spaced.set(.route, operation: "turn on", entity: "lamp")
        #expect(spaced.route(of: operation("turn on", "lamp")) == "turn on lamp")
        #expect(spaced.route(of: operation("turn", "on lamp")) == nil)
    }

    @Test("those that are put off come due one by one, and farther apart each time before they are all due; urgent ones when it ends")
    func places() {
        var holds = RouteHolds()
        func hold(until: Int64, now: Int64) {
            let wasFree = holds.hold("r", until: until, now: now)
            #expect(wasFree)
        }
        func place(now: Int64, isUrgent: Bool = false) -> Int64? { holds.place(in: "r", isUrgent: isUrgent, now: now) }
        #expect(place(now: 0) == nil)
        hold(until: 100, now: 0)
        #expect([place(now: 0), place(now: 50), place(now: 99)] == [100, 101, 102])
        #expect(place(now: 100) == nil)
        // Held again while some are still to come due: behind them, twice as far apart.
        var (now, last) = (Int64(101), Int64(102))
        for apart in [2, 4, 8, 16, 32, 32, 32] as [Int64] {
            hold(until: now + 1, now: now)
            #expect(place(now: now) == last + apart)
            #expect(place(now: now, isUrgent: true) == now + 1)
            last += apart
            now += 1
        }
        // Once they are all due it begins anew.
        holds.expire(now: last)
        #expect(holds.isEmpty)
        hold(until: last + 10, now: last)
        #expect([place(now: last), place(now: last)] == [last + 10, last + 11])
    }

    @Test("no more routes are kept than the bound says, and those that are over are dropped")
    func bounded() {
        var holds = RouteHolds()
        for number in 0..<1000 { _ = holds.hold("r\(number)", until: 10_000 + Int64(number), now: 0) }
        #expect(holds.count == RouteHolds.most)
        #expect(holds.until("r999", now: 0) == 10_999 && holds.until("r0", now: 0) == nil)
        holds.expire(now: 10_900)
        #expect(holds.count == 99)
        holds.expire(now: 20_000)
        #expect(holds.isEmpty)
    }

    @Test("it is told with its route and its length")
    func told() {
        let json = Event.routeHeld(route: "update room", milliseconds: 5).json(at: Timestamp(milliseconds: 0)).text
        #expect(json == #"{"at":"1970-01-01T00:00:00.000Z","event":"route_held","route":"update room","milliseconds":5}"#)
    }

    // MARK: The engine

    @Test("an engine goes by what its transport says of its routes, unless its configuration says something")
    func takesTheTransports() {
        struct Holding: Transport {
            var holds: HoldRules
            func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome { .interrupted }
        }
        var (said, own) = (HoldRules(), HoldRules())
        said.set(.route, operation: "update", entity: "room")
        own.set(.route)
        var configuration = SyncEngine.Configuration()
        let plain = SyncEngine(store: MemoryStore(), transport: Holding(holds: said), configuration: configuration)
        #expect(plain.configuration.processor.holds == said)
        configuration.processor.holds = own
        let set = SyncEngine(store: MemoryStore(), transport: Holding(holds: said), configuration: configuration)
        #expect(set.configuration.processor.holds == own)
        let silent = SyncEngine(store: MemoryStore(), transport: ScriptedTransport())
        #expect(silent.configuration.processor.holds == HoldRules())
    }

    @Test("what waits for its route was never sent: cancel says so, explain says until when, and later ones fold into it")
    func neverSent() async throws {
        let store = MemoryStore()
        let transport = ScriptedTransport()
        let sink = RecordingSink()
        let clock = TestClock()
        var configuration = SyncEngine.Configuration(coalesces: { _ in true })
        configuration.processor.holds.set(.route, operation: "update", entity: "room")
        let engine = SyncEngine(
            store: store, transport: transport, clock: clock, sinks: [sink], configuration: configuration, random: Xoshiro256(seed: 1))
        func update(_ type: String, _ id: String) -> NewOperation {
            NewOperation("update", entityType: type, entityID: id, payload: #"{"n":1}"#, id: "\(type)-\(id)")
        }
        transport.answer(.status(429, retryAfterMs: 30_000))
        try await engine.enqueue(update("room", "a"))
        async let run: Void = engine.run()
        await sink.first { $0.name == "route_held" }
        // Claimed together: when the lamp is sent the rooms have been put back, and the next exchange has written that.
        try await engine.enqueue([update("room", "b"), update("room", "c"), update("lamp", "d")])
        await sink.first { $0.name == "processed" }
        let told = try await engine.explain(.text("room-b"))
        #expect(told.reason == .backoff)
        #expect(told.detail.contains("asked the route of (update, room) to wait"), "\(told.detail)")
        let wait = try #require(told.until).milliseconds - clock.now.wall.milliseconds
        #expect((30_000...35_010).contains(wait))
        let folded = try await engine.enqueue(
            NewOperation("update", entityType: "room", entityID: "b", payload: #"{"n":2}"#, id: "again"))
        #expect(folded.outcome == .coalesced)
        #expect(try await engine.cancel(.text("room-c")) == .neverSent)
        #expect(transport.attempts.map(\.operation.id) == [.text("room-a"), .text("lamp-d")])
        engine.drain()
        try await run
        #expect(try await store.check().problems == [])
    }
}
