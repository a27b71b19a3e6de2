import GuardianCore
import GuardianTesting
import Testing

@Suite struct RampTests {
    @Test("a burst that is pushed back halves the limit once, in whatever order its answers come", arguments: UInt64(0)..<50)
    func onceForABurst(seed: UInt64) {
        var random = Xoshiro256(seed: seed)
        var ramp = Ramp(most: 64)
        // Bad and good answers to 64 that were on the wire together.
        let bad = Int.random(in: 1...64, using: &random)
        let answers = (1...64).map { (attempt: Int64($0), isBad: $0 <= bad) }.shuffled(using: &random)
        for answer in answers {
            if answer.isBad { ramp.pushedBack(attempt: answer.attempt, begun: 64) } else { ramp.succeeded(attempt: answer.attempt) }
        }
        #expect(ramp.limit == 32)
    }

    @Test("every burst that is sent under the new limit counts anew, down to one")
    func everyBurst() {
        var ramp = Ramp(most: 64)
        var begun: Int64 = 0
        for wanted in [32, 16, 8, 4, 2, 1, 1] {
            let burst = (begun + 1)...(begun + Int64(ramp.limit))
            begun = burst.upperBound
            for attempt in burst { ramp.pushedBack(attempt: attempt, begun: begun) }
            #expect(ramp.limit == wanted)
        }
    }

    @Test("what was sent after the cut lets it grow, while those from before are still to be answered")
    func growsAgain() {
        var ramp = Ramp(most: 16)
        ramp.pushedBack(attempt: 3, begun: 16)
        #expect(ramp.limit == 8)
        for attempt in Int64(17)...24 {
            ramp.succeeded(attempt: attempt)
            ramp.succeeded(attempt: attempt - 16)
            ramp.pushedBack(attempt: attempt - 8, begun: attempt)
        }
        #expect(ramp.limit == 16)
        ramp.pushedBack(attempt: 20, begun: 24)
        #expect(ramp.limit == 8)
    }

    @Test("after a restart it is one, two, four …; late answers from before do not count")
    func restarts() {
        var ramp = Ramp(most: 8)
        ramp.restart(begun: 8)
        for attempt in Int64(1)...8 { ramp.succeeded(attempt: attempt) }
        #expect(ramp.limit == 1)
        var attempt: Int64 = 8
        for wanted in [2, 4, 8, 8] {
            for _ in 0..<ramp.limit {
                attempt += 1
                ramp.succeeded(attempt: attempt)
            }
            #expect(ramp.limit == wanted)
        }
    }

    @Test("one that is fixed stays as wide as it is")
    func isFixed() {
        var ramp = Ramp(most: 8, isFixed: true)
        ramp.pushedBack(attempt: 1, begun: 8)
        ramp.restart(begun: 8)
        #expect(ramp.limit == 8)
    }
}

extension ProcessorTests {
    @Test("requests that meet one overload together halve what may be in flight once; after a hold it begins at one")
    func oneOverload() {
        var bench = ProcessorBench(workers: 16)
        _ = bench.begin()
        let sends = bench.claims(1...16).sends
        #expect(sends.count == 15, "one place is kept for urgent ones")
        #expect(bench.processor.ramp.limit == 16)
        // A few only: a breaker that opened would begin at one.
        for send in sends.prefix(6) { _ = bench.give(.attempted(seq: send.seq, attempt: send.attempt, .status(503))) }
        #expect(bench.processor.ramp.limit == 8)
        for send in sends.dropFirst(6).prefix(4) { _ = bench.give(.attempted(seq: send.seq, attempt: send.attempt, .status(200))) }
        #expect(bench.processor.ramp.limit == 8)
        guard let last = sends.last else { return }
        _ = bench.give(.attempted(seq: last.seq, attempt: last.attempt, .status(429, retryAfterMs: 1000)))
        #expect(bench.processor.ramp.limit == 8)
        bench.pass(ms: 6001)
        _ = bench.give(.tick)
        #expect(bench.processor.ramp.limit == 1)
    }
}
