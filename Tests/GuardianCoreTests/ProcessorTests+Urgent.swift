import GuardianCore
import GuardianTesting
import Testing

extension ProcessorTests {
    /// The operations that are sent of those that a claim brings.
    private func sent(_ claims: [Claim], in bench: inout ProcessorBench) -> [Int64] {
        bench.give(.exchanged(.success(ExchangeResult(claims: claims)))).sends.map(\.seq)
    }

    @Test("when a hold has ended an urgent operation goes out beside the slow one that the ramp lets go, and nothing else does")
    func urgentBesideTheRamp() throws {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...1).sends
        let first = try #require(sends.first)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        _ = bench.give(.attempted(seq: 1, attempt: first.attempt, .status(503, retryAfterMs: 60_000)))
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        bench.pass(ms: 66_000)
        _ = bench.give(.tick)
        #expect(bench.processor.ramp.limit == 1)

        let uploads = [bench.claim(2), bench.claim(3), bench.claim(4)]
        let slow = sent(uploads, in: &bench)
        #expect(slow == [2])
        let falls = [bench.claim(5, priority: 1), bench.claim(6, priority: 1)]
        let urgent = sent(falls, in: &bench)
        #expect(urgent == [5])
    }

    @Test("urgent operations by themselves go up the ramp like any others, and never beyond the workers")
    func urgentOnTheRamp() {
        var bench = ProcessorBench()
        var health = OriginHealth()
        health.holdUntil = bench.now.wall.adding(milliseconds: 1000)
        _ = bench.begin(control: Control(health: health))
        bench.pass(ms: 1000)
        _ = bench.give(.tick)
        #expect(bench.processor.ramp.limit == 1)
        let falls = [bench.claim(1, priority: 1), bench.claim(2, priority: 1)]
        let urgent = sent(falls, in: &bench)
        #expect(urgent == [1])

        var lone = ProcessorBench(workers: 1)
        _ = lone.begin()
        let upload = [lone.claim(1)]
        let slow = sent(upload, in: &lone)
        #expect(slow == [1])
        let fall = [lone.claim(2, priority: 1)]
        let beyond = sent(fall, in: &lone)
        #expect(beyond.isEmpty)
    }
}
