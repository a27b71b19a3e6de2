import GuardianCore
import GuardianTesting
import Testing

/// Spec section 4, doubt: an upstream forgets keys after a day, and outages last longer.
@Suite struct DoubtTests {
    static let hour: Int64 = 3_600_000

    @Test(
        "answers are lost, then 26 h without a network, at an upstream that forgets keys after 24 h: one effect each",
        arguments: UInt64(1)...10)
    func oneEffect(seed: UInt64) async {
        var script = SimulatedWorld.Script()
        script.operations = 40
        script.entities = 10
        script.processes = 1
        script.pollMs = 5000
        script.troubleMs = 27 * Self.hour
        script.lostAnswers = 0.9
        script.produceWithinMs = Self.hour / 2
        script.outages = [Self.hour..<27 * Self.hour]
        script.checkEvery = 50
        let world = SimulatedWorld(seed: seed, script: script)
        let report = await world.runAside()
        #expect(report.violations == [])
        #expect(report.processed == 40)
    }
}
