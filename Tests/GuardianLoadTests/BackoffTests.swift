import GuardianCore
import GuardianLoad
import Testing

@Suite struct BackoffTests {
    private static let comparison = BackoffComparison(BackoffWorld.Script())

    private func report(_ strategy: RetryStrategy) throws -> BackoffWorld.Report {
        try #require(Self.comparison.reports.first { $0.strategy == strategy })
    }

    @Test("every strategy gets everybody through, and the same seed plays the same world")
    func delivers() {
        for report in Self.comparison.reports { #expect(report.delivered == 1000, "\(report.strategy)") }
        #expect(BackoffComparison(BackoffWorld.Script()).json == Self.comparison.json)
        var other = BackoffWorld.Script()
        other.seed = 2
        #expect(BackoffComparison(other).json != Self.comparison.json)
    }

    @Test("ours asks far less than waiting for a constant time, and meets the returning upstream in no wave")
    func oursIsGentle() throws {
        let (ours, constant, immediate) = (try report(.ours), try report(.constant), try report(.immediate))
        print(
            "measured: requests \(ours.requests) ours, \(constant.requests) constant, \(immediate.requests) at once; peak \(ours.peak), "
                + "\(constant.peak), \(immediate.peak)/s; all through after \(ours.drainedSeconds ?? -1) s ours")
        #expect(ours.requests * 4 < constant.requests && ours.requests * 20 < immediate.requests)
        #expect(ours.peak * 3 < constant.peak)
        #expect(try #require(ours.drainedSeconds) < 60)
    }

    @Test("without chance in the waits, clients that failed together come back together")
    func jitterMatters() throws {
        #expect(try report(.exponential).peak > 2 * report(.ours).peak)
    }

    @Test("the waits of ours are those of the engine's own policy")
    func isTheEngines() {
        var (one, other) = (Xoshiro256(seed: 5), Xoshiro256(seed: 5))
        for n in 1...12 {
            let wait = RetryStrategy.ours.delayMs(failure: n, lastMs: 0, policy: .standard, random: &one)
            #expect(Int64(wait) == RetryPolicy.standard.delayMs(failure: n, unit: other.unit()))
        }
    }

    @Test("the page has a plot for each strategy and one for all")
    func page() {
        #expect(Self.comparison.html.ranges(of: "<svg").count == RetryStrategy.allCases.count + 1)
        #expect(Self.comparison.text.contains("full jitter"))
    }

    @Test("what is never reached is called never, without a unit; what is reached has one")
    func never() {
        var script = BackoffWorld.Script()
        (script.clients, script.perSecond, script.lengthMs) = (10, 1, 61_000)
        let html = BackoffComparison(script, strategies: [.constant]).html
        #expect(html.contains(">never<") && !html.contains("never s"))
        #expect(Self.comparison.html.contains(" s</td>") && !Self.comparison.html.contains("never"))
    }

    @Test("an upstream that takes less than ten requests a second lets everybody through in the end", arguments: [0.5, 1, 9])
    func slowUpstream(perSecond: Double) {
        var script = BackoffWorld.Script()
        (script.clients, script.perSecond) = (20, perSecond)
        let report = BackoffWorld.run(.ours, script)
        #expect(report.delivered == 20 && report.drainedSeconds != nil)
    }
}
