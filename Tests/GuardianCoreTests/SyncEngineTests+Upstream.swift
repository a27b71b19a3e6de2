import GuardianCore
import GuardianTesting
import Testing

extension SyncEngineTests {
    @Test("ten network failures open the breaker; after its cool-down exactly one probe goes; its success closes it and all is delivered")
    func breaker() async throws {
        let rig = EngineRig()
        rig.transport.answerOtherwise(.unanswered(.refused, detail: "nobody listens"))
        try await rig.enqueue((0..<20).map { "n\($0)" })
        try await rig.run {
            let opened = try #require(await rig.sink.first { $0.isNamed("breaker_opened") })
            guard case .breakerOpened(let coolDownMs) = opened.event else { return }
            #expect((48_000...72_000).contains(coolDownMs))
            #expect(rig.clock.now.steady == 0)
            // Counted by the engine's own events: a request just begun may not have reached the transport yet.
            let failures = rig.sink.count { $0.isNamed("claimed") }
            #expect((10...12).contains(failures))

            await rig.poll(times: 10)
            rig.clock.advance(byMilliseconds: coolDownMs - 1 - rig.clock.now.steady)
            await rig.rest()
            #expect(rig.sink.count { $0.isNamed("claimed") } == failures)
            rig.transport.answerOtherwise(.status(200))
            rig.transport.hold()
            rig.clock.advance(byMilliseconds: 1)
            await rig.transport.waitForAttempts(failures + 1)
            await rig.poll(times: 10)
            #expect(rig.transport.held.count == 1)
            #expect(rig.sink.count { $0.isNamed("breaker_probing") } == 1)
            rig.transport.release()
            await rig.sink.first { $0.isNamed("breaker_closed") }
            #expect(await rig.advance { rig.sink.count { $0.isNamed("processed") } == 20 })
        }
        #expect(rig.sink.count { $0.isNamed("breaker_opened") } == 1)
        #expect(try await rig.store.loadControl().health?.trips == 1)
        #expect(try await rig.store.operation(.text("n0")) == nil)
    }

    @Test("a probe that fails opens the breaker again and uses no attempt up")
    func failedProbe() async throws {
        let rig = EngineRig()
        rig.transport.answerOtherwise(.status(503))
        try await rig.enqueue((0..<12).map { "n\($0)" })
        try await rig.run {
            #expect(await rig.advance(stepMs: 500) { rig.sink.count { $0.isNamed("breaker_opened") } == 4 })
            #expect(rig.sink.count { $0.isNamed("breaker_probing") } == 3)
            #expect((13...15).contains(rig.sent.count))
        }
        let stored = try await rig.store.list(OperationFilter())
        #expect(stored.count == 12)
        #expect(stored.allSatisfy { $0.attemptCount == 0 })
    }

    @Test("after a breaker has closed, one goes, then two, then four: the upstream is not overrun")
    func rampsUp() async throws {
        let rig = EngineRig(workers: 8)
        rig.transport.answerOtherwise(.unanswered(.refused, detail: ""))
        try await rig.enqueue((0..<40).map { "n\($0)" }, priority: 1)
        try await rig.run {
            await rig.sink.first { $0.isNamed("breaker_opened") }
            await rig.rest()
            let before = rig.sink.count { $0.isNamed("claimed") }
            rig.transport.hold()
            rig.transport.answerOtherwise(.status(200))
            #expect(await rig.advance(stepMs: 500) { rig.transport.held.count == 1 })
            var seen = before + 1
            for width in [1, 2, 4, 8] {
                for request in rig.transport.held { rig.transport.release(request.operation.id) }
                let expected = seen + width
                #expect(await rig.eventually { rig.sent.count == expected }, "\(width) after \(seen)")
                await rig.poll()
                #expect(rig.transport.held.count == width)
                seen = expected
            }
        }
    }

    @Test("a conflict over what can't be fetched, or is too large for that, is a person's, and says why nobody has looked")
    func unseenConflict() async throws {
        let rig = EngineRig()
        rig.transport.answer(.status(412, code: "VERSION", message: "changed"))
        rig.transport.answerFetch(.failed(.unsendable(LastError(class: .conflict, code: "ANSWER_TOO_LARGE", message: "too large"))))
        try await rig.enqueue(["a", "b"], entity: "a")
        try await rig.run { await rig.processed(1) }
        let error = LastError(class: .conflict, code: "VERSION", httpStatus: 412, message: "changed; too large")
        #expect(rig.sink.events.contains(.conflict(id: .text("a"), error: error)))
        #expect(try await rig.store.operation(.text("a"))?.lastError == error)
        #expect(rig.sent == ["a", "b"])
    }

    @Test("a TLS failure is retried twice, then pauses delivery; nothing fails")
    func pausesForTLS() async throws {
        let rig = EngineRig()
        rig.transport.answerOtherwise(.unanswered(.tls, detail: "unknown issuer"))
        try await rig.enqueue(["a"])
        try await rig.run {
            #expect(await rig.advance { rig.sink.events.contains(.paused(.tls)) })
            await rig.poll(times: 100)
        }
        #expect(rig.sent.count == 3)
        // Told at once, before the pause, and once for the row.
        let told = rig.sink.events.filter { $0 == .upstreamDistrusted(detail: "unknown issuer") || $0 == .paused(.tls) }
        #expect(told == [.upstreamDistrusted(detail: "unknown issuer"), .paused(.tls)])
        let stored = try #require(try await rig.store.operation(.text("a")))
        #expect(stored.status == .pending && stored.attemptCount == 0)
    }
}
