import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

/// Keeps somebody who has read a store from going on until it is opened.
private final class Hold: Sendable {
    private let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
    private let (openings, opening) = AsyncStream.makeStream(of: Void.self)

    func pass() async {
        arrival.finish()
        for await _ in openings {}
    }

    /// Returns when somebody is there.
    func isReached() async {
        for await _ in arrivals {}
    }

    func open() { opening.finish() }
}

@Suite(.timeLimit(.minutes(1))) struct PulseTests {
    @Test("a beat that has read before something was done takes nothing back when it ends, and nothing is counted twice")
    func overtakenBeat() async throws {
        let (store, hold) = (TroubledStore(), Hold())
        try await Visitor.enter("operator", store: store, isTimed: true) { visitor in
            let clock = visitor.sidecar.clock
            func overview() async throws -> String { try await visitor.get("/admin").body }
            // The next beat waits, and so does the next look at what searches need.
            await clock.waitForSleepers(2)
            store.afterControl = { _ in await hold.pass() }
            clock.advance(byMilliseconds: 1000)
            await hold.isReached()
            try await visitor.sidecar.accept("[" + (0..<15).map { operation("r\($0)") }.joined(separator: ",") + "]")
            expectBack(try await visitor.post("/admin/actions/pause"), to: "/admin")
            #expect(try await overview().contains(">Resume delivery<"))
            hold.open()
            await clock.waitForSleepers(2)
            #expect(try await overview().contains(">Resume delivery<"))
            // Until the five seconds in which they were accepted are over.
            for milliseconds: Int64 in [1000, 3000] {
                clock.advance(byMilliseconds: milliseconds)
                await clock.waitForSleepers(2)
            }
            #expect(try await overview().contains(">1 accepted a second<"), "15 in 15 seconds")
        }
    }

    @Test("what ends while a beat is under way is counted, also when the beat began before the last slot of the charts did")
    func lateBeat() async throws {
        let (store, hold) = (TroubledStore(), Hold())
        try await Visitor.enter("viewer", store: store, isTimed: true) { visitor in
            let clock = visitor.sidecar.clock
            let console = try #require(visitor.sidecar.server.console)
            await clock.waitForSleepers(2)
            store.afterControl = { _ in await hold.pass() }
            clock.advance(byMilliseconds: 5000)
            await hold.isReached()
            clock.advance(byMilliseconds: 5000)
            console.record(.processed(id: .text("a"), latencyMs: 3, httpStatus: 200), about: nil, at: clock.now.wall)
            hold.open()
            await clock.waitForSleepers(2)
            let page = try await visitor.get("/admin").body
            #expect(page.contains(/Success rate<\/span><span class="value" data-value="">100 %</))
        }
    }

    @Test(
        "what was read before something was done is not what those see who ask after it",
        arguments: ["/admin/failures", "/admin/alerts"])
    func overtakenReading(path: String) async throws {
        let (store, hold) = (TroubledStore(), Hold())
        let known = [Alert(name: "failed_rate", severity: .high, state: .firing, threshold: 1, condition: "too much", action: "look")]
        try await Visitor.enter("operator", store: store, isTimed: true, change: { $0.alerts = { known } }) { visitor in
            try await visitor.fail(["a"])
            let trace = try await visitor.sidecar.stored[0].traceID.description
            store.afterList = { _ in await hold.pass() }
            async let early = visitor.get(path)
            await hold.isReached()
            expectBack(try await visitor.post("/admin/operations/a/retry"), to: "/admin/operations/a")
            #expect(try await !visitor.get(path).body.contains(trace))
            hold.open()
            let before = try await early.body
            #expect(before.contains(trace))
            #expect(try await !visitor.get(path).body.contains(trace))
        }
    }
}
