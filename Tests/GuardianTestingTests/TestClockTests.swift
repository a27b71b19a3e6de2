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
}
