import GuardianCore
import GuardianTesting
import Testing

@Suite struct TestClockTests {
    @Test("a wait ends when the clock is advanced to its time, and not before")
    func advances() async throws {
        let clock = TestClock()
        async let wait: Void = clock.wait(untilSteady: 1000)
        await clock.waitForSleepers(1)
        clock.advance(byMilliseconds: 1000)
        try await wait
        #expect(clock.now.steady == 1000)
    }

    @Test("a test can wait until somebody waits for a certain time")
    func sleeper() async throws {
        let clock = TestClock()
        async let first: Void = clock.wait(untilSteady: 1000)
        await clock.waitForSleeper(until: 1000)
        async let second: Void = clock.wait(untilSteady: 2000)
        await clock.waitForSleeper(until: 2000)
        clock.advance(byMilliseconds: 2000)
        _ = try await (first, second)
    }
}
