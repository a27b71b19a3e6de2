import GuardianCore
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
}
