import GuardianCore
import Testing

@Suite("What one processor learns of the upstream holds for all that share its store")
struct SharedHealthTests {
    private func breaker() -> CircuitBreaker { CircuitBreaker(policy: .init(failures: 2, windowMs: 1000, coolDownMs: 1000)) }

    @Test("a closed breaker opens with another's, for as long, and no answer from before counts")
    func opens() {
        var breaker = breaker()
        let before = breaker.generation
        #expect(breaker.followOpen(forMs: 500, now: 100) == .opened(until: 600))
        #expect(breaker.allowance(inFlight: 0) == 0)
        #expect(breaker.record(failed: false, generation: before, now: 200, unit: 0.5) == nil)
        #expect(breaker.followOpen(forMs: 700, now: 200) == nil)
        #expect(breaker.state == .open(until: 900))
    }

    @Test("an open breaker closes with another's probe; one whose own probe is out waits for it")
    func closes() {
        var breaker = breaker()
        _ = breaker.followOpen(forMs: 500, now: 0)
        #expect(breaker.followClosed() == .closed)
        _ = breaker.followOpen(forMs: 500, now: 0)
        #expect(breaker.advance(now: 500))
        #expect(breaker.sent())
        #expect(breaker.followClosed() == nil)
        #expect(breaker.followOpen(forMs: 500, now: 500) == nil)
        #expect(breaker.record(failed: false, generation: breaker.generation, now: 600, unit: 0.5) == .closed)
    }

    @Test("what has passed already opens nothing, and nothing is open longer than a cool-down")
    func bounds() {
        var breaker = breaker()
        #expect(breaker.followOpen(forMs: -5, now: 100) == nil)
        #expect(breaker.state == .closed)
        #expect(breaker.followOpen(forMs: 1_000_000, now: 0) == .opened(until: 1200))
    }
}
