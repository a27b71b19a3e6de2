import GuardianCore
import Testing

@Suite("What one processor learns of the upstream holds for all that share its store")
struct SharedHealthTests {
    private func breaker() -> CircuitBreaker { CircuitBreaker(policy: .init(failures: 2, windowMs: 1000, coolDownMs: 1000)) }

    @Test("a closed breaker opens with another's, for as long, and no answer from before counts")
    func opens() {
        var breaker = breaker()
        let before = breaker.generation
        let isSo1 = breaker.followOpen(forMs: 500, now: 100)
        #expect(isSo1 == .opened(until: 600))
        #expect(breaker.allowance(inFlight: 0) == 0)
        #expect(breaker.record(failed: false, generation: before, now: 200, unit: 0.5) == nil)
        let isSo2 = breaker.followOpen(forMs: 700, now: 200)
        #expect(isSo2 == nil)
        #expect(breaker.state == .open(until: 900))
    }

    @Test("an open breaker closes with another's probe; one whose own probe is out waits for it")
    func closes() {
        var breaker = breaker()
        _ = breaker.followOpen(forMs: 500, now: 0)
        let isSo3 = breaker.followClosed()
        #expect(isSo3 == .closed)
        _ = breaker.followOpen(forMs: 500, now: 0)
        let isSo4 = breaker.advance(now: 500)
        #expect(isSo4)
        let isSo5 = breaker.sent()
        #expect(isSo5)
        let isSo6 = breaker.followClosed()
        #expect(isSo6 == nil)
        let isSo7 = breaker.followOpen(forMs: 500, now: 500)
        #expect(isSo7 == nil)
        #expect(breaker.record(failed: false, generation: breaker.generation, now: 600, unit: 0.5) == .closed)
    }

    @Test("a hold that another has told of ends with that one's probe, and not by an answer that is older than the hold")
    func released() {
        var bench = ProcessorBench()
        var health = OriginHealth()
        health.plagueSince = bench.now.wall
        health.plagueStatus = 403
        let begun = bench.begin(control: Control(health: health))
        #expect(begun.exchanges.last?.isProbe == true)
        // Another one asks; what it has told before was of an earlier time.
        var waits = ExchangeResult()
        waits.awaitsProbe = true
        waits.shared = OriginHealth(trips: 1)
        #expect(!bench.give(.exchanged(.success(waits))).events.contains { $0.isNamed("plague_released") })
        bench.pass(ms: 500)
        #expect(bench.give(.tick).exchanges.map(\.isProbe) == [true], "it asks whether it is its turn")
        waits.awaitsProbe = false
        let free = bench.give(.exchanged(.success(waits)))
        #expect(free.events.contains { $0.isNamed("plague_released") } && free.clampsRetries)
        #expect(free.exchanges.map(\.isProbe) == [false])
    }

    @Test("what has passed already opens nothing, and nothing is open longer than a cool-down")
    func bounds() {
        var breaker = breaker()
        let isSo8 = breaker.followOpen(forMs: -5, now: 100)
        #expect(isSo8 == nil)
        #expect(breaker.state == .closed)
        let isSo9 = breaker.followOpen(forMs: 1_000_000, now: 0)
        #expect(isSo9 == .opened(until: 1200))
    }
}
