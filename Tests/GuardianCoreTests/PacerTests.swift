import Testing

import GuardianCore

@Suite struct PacerTests {
    /// Sends as fast as `pacer` lets it, each answered after `latencyMs`; returns how many were sent in each second.
    private func send(_ pacer: inout Pacer, from: Int64, seconds: Int64, latencyMs: Int64 = 20) -> [Int] {
        var answers: [Int64] = []
        return (0..<seconds).map { second in
            var sent = 0
            for now in (from + second * 1000)..<(from + second * 1000 + 1000) {
                while let first = answers.first, first <= now {
                    answers.removeFirst()
                    pacer.succeeded(now: now)
                }
                while pacer.opensAt(now: now) == nil, answers.count < 64 {
                    pacer.sent(now: now)
                    answers.append(now + latencyMs)
                    sent += 1
                }
            }
            return sent
        }
    }

    /// One that has sent 1000 a second and was pushed back.
    private func pushedBack() -> Pacer {
        var pacer = Pacer()
        for now in Int64(0)..<3000 { pacer.succeeded(now: now) }
        pacer.pushedBack(startedAt: 2990, now: 3000)
        return pacer
    }

    @Test("nothing is paced until the upstream pushes back")
    func isFree() {
        var pacer = Pacer()
        pacer.succeeded(now: 0)
        #expect(pacer.rate == nil)
        #expect(pacer.opensAt(now: 0) == nil)
        #expect(pacer.allowance(within: 10, now: 0) == nil)
    }

    @Test("a push-back halves what was accepted in the last second")
    func halves() throws {
        let pacer = pushedBack()
        let rate = try #require(pacer.rate)
        #expect((400...500).contains(rate))
    }

    @Test("requests that were on the wire together are pushed back once")
    func onceForAll() {
        var pacer = pushedBack()
        let rate = pacer.rate
        for _ in 0..<50 { pacer.pushedBack(startedAt: 2995, now: 3010) }
        #expect(pacer.rate == rate)
        pacer.pushedBack(startedAt: 3005, now: 3020)
        #expect(pacer.rate ?? 0 < rate ?? 0)
    }

    @Test("the rate is kept to, is back after half a minute, and grows beyond after that")
    func grows() throws {
        var pacer = pushedBack()
        let peak = try #require(pacer.rate) / Pacer.kept
        let sent = send(&pacer, from: 3000, seconds: 60)
        #expect(abs(Double(sent[0]) - peak * 0.5) < peak * 0.1)
        #expect(abs(Double(sent[28]) - peak) < peak * 0.1)
        #expect(Double(sent[50]) > peak * 2)
        #expect(sent[0] < sent[10] && sent[10] < sent[20])
    }

    @Test("one that nobody lets through asks once in ten seconds, no less and no more")
    func slowest() throws {
        var pacer = pushedBack()
        var now: Int64 = 3000
        for _ in 0..<50 {
            now = max(now + 1, pacer.opensAt(now: now) ?? 0)
            pacer.sent(now: now)
            pacer.pushedBack(startedAt: now, now: now + 20)
            now += 20
        }
        #expect(pacer.rate == Pacer.slowest)
        #expect(try #require(pacer.opensAt(now: now)) - now <= 10_000)
    }

    @Test("a handful of accepted requests is not taken for a rate")
    func smallCounts() throws {
        var pacer = Pacer()
        for now in Int64(0)..<4 { pacer.succeeded(now: now * 10) }
        pacer.pushedBack(startedAt: 30, now: 50)
        #expect(try #require(pacer.rate) <= 1)
    }
}
