import GuardianCore
import GuardianTesting
import Testing

extension SyncEngineTests {
    /// The wait that the engine announced for the `n`th failure of an operation, in milliseconds.
    private func backoff(_ n: Int = 1, of id: String, _ rig: EngineRig) async throws -> Int64 {
        let told = await rig.sink.wait(for: n) { if case .retryScheduled(.text(id), _, _, _) = $0 { true } else { false } }
        guard case .retryScheduled(_, let due, let backoffMs, _) = try #require(told.last).event else { return 0 }
        #expect(due == told.last?.at.adding(milliseconds: backoffMs))
        return backoffMs
    }

    @Test("a retry comes exactly when its backoff is over, not a millisecond before", arguments: [UInt64(1), 2, 3])
    func retriesOnTime(seed: UInt64) async throws {
        let rig = EngineRig(seed: seed)
        rig.transport.answer(operation: .text("a"), .status(503), .status(500))
        try await rig.enqueue(["a"])
        try await rig.run {
            var due: [Int64] = [0]
            for round in 1...2 {
                let backoff = try await backoff(round, of: "a", rig)
                #expect((500 * Int64(round)...1500 * Int64(round)).contains(backoff))
                due.append(rig.clock.now.steady + backoff)
                rig.clock.advance(byMilliseconds: backoff - 1)
                // Claimed by the same exchange that would have claimed the retry.
                try await rig.enqueue(["marker\(round)"])
                await rig.attempt(of: "marker\(round)")
                #expect(rig.times(of: "a") == Array(due.dropLast()))
                rig.clock.advance(byMilliseconds: 1)
                await rig.attempt(round + 1, of: "a")
                #expect(rig.times(of: "a") == due)
            }
            await rig.processed(3)
        }
        #expect(try await rig.store.books().processed == 3)
    }

    @Test("a head that waits for its retry blocks its own line only")
    func blocksItself() async throws {
        let rig = EngineRig()
        rig.transport.answer(operation: .text("a1"), .status(500))
        try await rig.enqueue(["a1", "a2"], entity: "a")
        try await rig.enqueue(["b1", "b2", "b3"], entity: "b")
        try await rig.run {
            let backoff = try await backoff(of: "a1", rig)
            await rig.processed(3)
            #expect(Set(rig.sent) == ["a1", "b1", "b2", "b3"])
            rig.clock.advance(byMilliseconds: backoff)
            await rig.processed(5)
        }
        #expect(rig.sent.suffix(2) == ["a1", "a2"])
    }

    @Test("every attempt of an operation carries the same key")
    func keepsItsKey() async throws {
        let rig = EngineRig()
        rig.transport.answer(.status(503), .unanswered(.timeout, detail: ""), .unanswered(.reset, detail: ""))
        try await rig.enqueue(["a"])
        try await rig.run { #expect(await rig.advance { rig.transport.attempts.count == 4 }) }
        #expect(Set(rig.transport.attempts.map(\.operation.idempotencyKey)).count == 1)
        #expect(Set(rig.transport.attempts.map(\.operation.traceID)).count == 1)
    }

    @Test("one that fails while others succeed is given up on at its fifth failure; the next of its line goes on")
    func givesUp() async throws {
        let rig = EngineRig()
        try await rig.enqueue(["other0"])
        try await rig.run {
            await rig.processed(1)
            rig.transport.answer(
                operation: .text("poison"), .status(500), .status(500), .status(500), .status(500), .status(500, code: "BROKEN"))
            try await rig.enqueue(["poison", "next"], entity: "a")
            for round in 1...4 {
                let backoff = try await backoff(round, of: "poison", rig)
                try await rig.enqueue(["other\(round)"])
                await rig.processed(1 + round)
                rig.clock.advance(byMilliseconds: backoff)
            }
            await rig.processed(6)
        }
        #expect(rig.sent.count { $0 == "poison" } == 5)
        let failed = try #require(try await rig.store.operation(.text("poison")))
        #expect(failed.status == .failed && failed.attemptCount == 5)
        #expect(failed.lastError == LastError(class: .exhausted, code: "BROKEN", httpStatus: 500, message: ""))
        #expect(rig.sink.count { if case .failed(.text("poison"), _) = $0 { true } else { false } } == 1)
    }

    @Test("one that fails while nothing else succeeds is never given up on")
    func goesOnAlone() async throws {
        let rig = EngineRig()
        rig.transport.answerOtherwise(.status(500))
        try await rig.enqueue(["a"])
        try await rig.run {
            #expect(await rig.advance(stepMs: 500, mostMs: 3_600_000) { rig.transport.attempts.count == 30 })
            rig.transport.answerOtherwise(.status(200))
            #expect(await rig.advance(stepMs: 500) { rig.sink.count { $0.isNamed("processed") } == 1 })
        }
        #expect(try await rig.store.books().failed == 0)
    }

    @Test("a permanent answer fails at once, with its reason, and frees its line")
    func failsAtOnce() async throws {
        let rig = EngineRig()
        rig.transport.answer(.status(422, code: "INVALID", message: "no such room"))
        try await rig.enqueue(["a", "b"], entity: "a")
        try await rig.run { await rig.processed(1) }
        let error = LastError(class: .permanent, code: "INVALID", httpStatus: 422, message: "no such room")
        #expect(rig.sink.events.contains(.failed(id: .text("a"), error: error)))
        #expect(try await rig.store.operation(.text("a"))?.lastError == error)
        #expect(rig.sent == ["a", "b"])
        #expect(rig.clock.now.steady == 0)
    }

    @Test("Retry-After holds the whole origin, urgent operations too, exactly as long as was told; those go first then")
    func holdsEveryone() async throws {
        let rig = EngineRig()
        rig.transport.answer(.status(429, retryAfterMs: 30_000))
        try await rig.enqueue(["a"])
        try await rig.run {
            let told = try #require(await rig.sink.first { $0.isNamed("origin_held") })
            guard case .originHeld(let holdMs) = told.event else { return }
            #expect((30_000...35_000).contains(holdMs))
            try await rig.enqueue(["b"])
            try await rig.enqueue(["c"], priority: 9)
            // Steps that end before the hold does, however busy the machine is.
            await rig.advance(stepMs: 500, mostMs: 10_000) { false }
            rig.clock.advance(byMilliseconds: holdMs - 1 - rig.clock.now.steady)
            await rig.clock.waitForSleeper(until: holdMs)
            await rig.rest()
            #expect(rig.sent == ["a"])
            rig.clock.advance(byMilliseconds: 1)
            await rig.processed(1)
            #expect(rig.times(of: "c") == [holdMs])
            // The others come back at the rate that a 429 has taught.
            #expect(await rig.advance { rig.sent.count == 4 })
            await rig.processed(3)
        }
        #expect(try await rig.store.books().failed == 0)
    }

    @Test("one write that makes everybody wait whenever it is sent stops nobody for good, and is given up on at its fifth")
    func holdsNobodyForEver() async throws {
        let rig = EngineRig()
        let bad = OperationID.text("bad")
        rig.transport.answerOtherwise { $0.operation.id == bad ? .status(503, retryAfterMs: 120_000) : .status(200) }
        func processed() -> Int { rig.sink.count { $0.isNamed("processed") } }
        try await rig.enqueue(["other0"])
        try await rig.run {
            await rig.processed(1)
            try await rig.enqueue(["bad"])
            await rig.attempt(of: "bad")
            for round in 1...4 {
                try await rig.enqueue(["other\(round)"])
                #expect(await rig.advance(stepMs: 500) { processed() == 1 + round }, "round \(round)")
                // The second attempt goes before anybody else, so it does not count.
                #expect(await rig.advance(stepMs: 500) { rig.sent.count { $0 == "bad" } >= 2 + round }, "round \(round)")
            }
            // Nor does any other that did, where the clock ran ahead of a busy machine.
            #expect(await rig.advance(stepMs: 500) { rig.sink.count { $0.isNamed("failed") } == 1 })
            try await rig.enqueue(["last"])
            #expect(await rig.advance(stepMs: 500) { processed() == 6 })
        }
        let failed = try #require(try await rig.store.operation(bad))
        #expect(failed.status == .failed && failed.attemptCount == 5)
        #expect(failed.lastError == LastError(class: .exhausted, code: "HTTP_503", httpStatus: 503, message: ""))
        // The last one has asked to wait too.
        let end = try #require(rig.times(of: "bad").last)
        let next = try #require(rig.times(of: "last").first)
        #expect(next >= end + 120_000)
    }
}
