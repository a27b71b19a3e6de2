import GuardianCore
import Testing

@Suite struct AdaptiveLimitUnitTests {
    /// Sends as many as the limit lets, all answered after `latency` of how many are in flight; returns the time.
    private func play(_ limit: inout AdaptiveLimit, rounds: Int, from: Int64 = 0, latency: (Int) -> Int64) -> Int64 {
        var now = from
        for _ in 0..<rounds {
            let count = limit.limit
            let took = latency(count)
            for _ in 0..<count { limit.answered(startedAt: now, now: now + took, inFlight: count) }
            now += took + 1
        }
        return now
    }

    @Test("while more in flight costs no latency it doubles, up to its bound and no further")
    func grows() {
        var limit = AdaptiveLimit(most: 64)
        #expect(limit.limit == AdaptiveLimit.first)
        _ = play(&limit, rounds: 200) { _ in 40 }
        #expect(limit.limit == 64)
    }

    @Test("when answers come later the more are in flight, it stays near where that begins")
    func findsTheKnee() {
        var limit = AdaptiveLimit(most: 500)
        _ = play(&limit, rounds: 2000) { $0 <= 20 ? 40 : Int64(40 * $0 / 20) }
        #expect((18...40).contains(limit.limit), "\(limit.limit)")
    }

    @Test("a 429 cuts it once for all that were on the wire together")
    func cutsOnce() {
        var limit = AdaptiveLimit(most: 64)
        let now = play(&limit, rounds: 200) { _ in 40 }
        for _ in 0..<50 { limit.refused(startedAt: now, now: now + 5) }
        #expect(limit.limit == Int(64 * AdaptiveLimit.kept))
        limit.refused(startedAt: now + 6, now: now + 10)
        #expect(limit.limit < Int(64 * AdaptiveLimit.kept))
    }

    @Test("a few failures among many good answers change nothing; a fifth of all does")
    func toleratesNoise() {
        var limit = AdaptiveLimit(most: 64)
        var now = play(&limit, rounds: 200) { _ in 40 }
        for _ in 0..<100 {
            limit.troubled(startedAt: now, now: now + 5)
            for _ in 0..<40 { limit.answered(startedAt: now, now: now + 40, inFlight: 64) }
            now += 41
        }
        #expect(limit.limit >= 32)
        let before = limit.limit
        for _ in 0..<10 {
            for _ in 0..<10 { limit.troubled(startedAt: now, now: now + 5) }
            for _ in 0..<40 { limit.answered(startedAt: now, now: now + 40, inFlight: 64) }
            now += 41
        }
        #expect(limit.limit < before)
    }

    @Test("it never falls below one, and finds its way back")
    func recovers() {
        var limit = AdaptiveLimit(most: 32)
        for now in Int64(0)..<200 { limit.refused(startedAt: now * 10, now: now * 10 + 1) }
        #expect(limit.limit == 1)
        _ = play(&limit, rounds: 3000, from: 10_000) { _ in 40 }
        #expect(limit.limit >= 16)
    }

    @Test("what is not used does not grow")
    func unusedStays() {
        var limit = AdaptiveLimit(most: 64)
        for now in Int64(0)..<500 { limit.answered(startedAt: now * 50, now: now * 50 + 40, inFlight: 1) }
        #expect(limit.limit <= AdaptiveLimit.first)
    }
}
