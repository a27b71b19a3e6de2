import GuardianCore
import GuardianTesting
import Testing

@Suite("The guard of a rollout")
struct RolloutGuardTests {
    private static let change = Timestamp(milliseconds: 1_000_000)
    private static let policy = RolloutGuard.Policy(errorShare: 0.05, windowMs: 1000, windows: 3, fewest: 20, watchMs: 60_000)

    private func moment(_ ms: Int64) -> Moment { Moment(steady: ms, wall: Self.change.adding(milliseconds: ms)) }

    /// One answer each 10 ms, `errors` of 100 wrong; what is found, and when.
    private func halted(errors: Int, from: Int64 = 0, for ms: Int64, watched: RolloutGuard? = nil) -> (RolloutGuard.Finding, at: Int64)? {
        var rollout = watched ?? RolloutGuard(policy: Self.policy, changedAt: Self.change)
        for step in 0..<(ms / 10) {
            let now = from + step * 10
            if let finding = rollout.heard(isError: step % 100 < errors, now: moment(now)) { return (finding, now) }
        }
        return nil
    }

    @Test("halts when more than 5 % are errors in three windows one after the other")
    func halts() throws {
        let (finding, at) = try #require(halted(errors: 8, for: 20_000))
        #expect((3000...3100).contains(at))
        #expect(finding.errors * 100 >= finding.answers * 5)
        #expect(finding.answers >= 300)
    }

    @Test("5 % and less are borne", arguments: [0, 1, 4])
    func bears(errors: Int) { #expect(halted(errors: errors, for: 50_000) == nil) }

    @Test("one bad minute is not three")
    func needsPersistence() {
        var rollout = RolloutGuard(policy: Self.policy, changedAt: Self.change)
        for step in 0..<5000 as Range<Int64> {
            // Every third window is good.
            let isError = step % 100 < 50 && step / 101 % 3 != 2
            #expect(rollout.heard(isError: isError, now: moment(step * 10)) == nil)
        }
    }

    @Test("a few answers say nothing: a window goes on until it has enough")
    func needsTraffic() {
        var rollout = RolloutGuard(policy: Self.policy, changedAt: Self.change)
        for step in 0..<59 as Range<Int64> { #expect(rollout.heard(isError: true, now: moment(step * 900)) == nil) }
        #expect(!rollout.hasHalted)
    }

    @Test("what comes long after the change is not its fault")
    func stopsWatching() { #expect(halted(errors: 100, from: 60_000, for: 20_000) == nil) }

    @Test("windows and watches that would end after the last time there is never end, and trap nothing")
    func endless() {
        var rollout = RolloutGuard(policy: .init(windowMs: .max, windows: 1, fewest: 1, watchMs: .max), changedAt: Self.change)
        for step in 1...100 as ClosedRange<Int64> { #expect(rollout.heard(isError: true, now: moment(step * 10)) == nil) }
        #expect(rollout.isWatching(moment(.max / 2)))
        let before = RolloutGuard(policy: .init(watchMs: -1), changedAt: Timestamp(milliseconds: .min))
        #expect(!before.isWatching(moment(0)))
    }

    @Test("it halts once; a person who resumes arms it again")
    func rearms() throws {
        var rollout = RolloutGuard(policy: Self.policy, changedAt: Self.change)
        var halts = 0
        for step in 0..<1000 as Range<Int64> where rollout.heard(isError: true, now: moment(step * 10)) != nil { halts += 1 }
        #expect(halts == 1)
        #expect(rollout.hasHalted)
        rollout.rearm()
        #expect(halted(errors: 100, from: 10_000, for: 20_000, watched: rollout) != nil)
    }

    @Test("an answer that only asks to come again is neither a good one nor an error", arguments: [408, 425, 429])
    func leavesOut(status: Int) {
        #expect(RolloutGuard.isError(.status(status)) == nil)
        #expect(RolloutGuard.isError(.status(status, retryAfterMs: 1000)) == nil)
    }

    @Test("a success and a refusal count; what says nothing of the change does not")
    func counts() {
        for status in [200, 201, 204] { #expect(RolloutGuard.isError(.status(status)) == false, "\(status)") }
        for status in [302, 400, 404, 422, 500, 501, 502, 503, 504] { #expect(RolloutGuard.isError(.status(status)) == true, "\(status)") }
        for status in [401, 409, 412, 426] { #expect(RolloutGuard.isError(.status(status)) == nil, "\(status)") }
        #expect(RolloutGuard.isError(.unanswered(.timeout, detail: "")) == nil)
        #expect(RolloutGuard.isError(.interrupted) == nil)
    }

    @Test("rates between errors do not hide them: delivery halts as if they had not been there")
    func ratesHideNothing() {
        var bench = ProcessorBench(workers: 16)
        var configuration = ProcessorConfiguration(workers: 16)
        configuration.rollout = RolloutGuard(
            policy: .init(errorShare: 0.6, windowMs: 1, windows: 1, fewest: 4), changedAt: bench.now.wall)
        bench.processor = Processor(owner: "p", configuration: configuration)
        _ = bench.begin()
        let sends = bench.claims(1...8).sends
        #expect(sends.count == 8)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        var events: [Event] = []
        for (place, send) in sends.enumerated() {
            bench.pass(ms: 10)
            let outcome = Outcome.status(place.isMultiple(of: 2) ? 429 : 500)
            events += bench.give(.attempted(seq: send.seq, attempt: send.attempt, outcome)).events
        }
        #expect(events.contains(.rolloutHalted(errors: 4, answers: 4)), "\(events)")
    }
}
