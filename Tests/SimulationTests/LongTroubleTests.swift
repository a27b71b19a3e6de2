import GuardianCore
import GuardianTesting
import Testing

/// Spec 3.5: being offline costs nothing. `GUARDIAN_TROUBLE_WORLDS=1` is one world of each trouble; `GUARDIAN_TROUBLE_CHECKS=10` compares
/// the whole store after every tenth step only.
@Suite struct LongTroubleTests {
    static let day: Int64 = 86_400_000

    static func seeds(_ all: ClosedRange<UInt64>) -> [UInt64] { Array(all.prefix(SimulationTests.size("GUARDIAN_TROUBLE_WORLDS", 3))) }

    private func world(seed: UInt64, _ change: (inout SimulatedWorld.Script) -> Void) -> SimulatedWorld {
        var script = SimulatedWorld.Script()
        script.operations = 200
        script.entities = 20
        script.processes = 2
        script.pollMs = 2000
        script.troubleMs = Self.day
        script.checkEvery = SimulationTests.size("GUARDIAN_TROUBLE_CHECKS", 1)
        change(&script)
        return SimulatedWorld(seed: seed, script: script)
    }

    @Test("after an outage of 24 h nothing has failed and everything is delivered", arguments: LongTroubleTests.seeds(1...3))
    func outage(seed: UInt64) async {
        let world = world(seed: seed) { $0.outages = [0..<Self.day] }
        let report = await world.runAside()
        #expect(report.violations == [])
        #expect(report.failures == 0)
        #expect(report.processed == 200)
        #expect(report.breakerOpened > 100)
    }

    @Test("after a storm of 5xx of 24 h nothing has failed and everything is delivered", arguments: LongTroubleTests.seeds(1...3))
    func storm(seed: UInt64) async {
        let world = world(seed: seed) { $0.storms = [0..<Self.day] }
        let report = await world.runAside()
        #expect(report.violations == [])
        #expect(report.failures == 0)
        #expect(report.processed == 200)
    }

    @Test(
        "a login that stays expired for 24 h fails nothing, and all is delivered with the next token",
        arguments: LongTroubleTests.seeds(1...2))
    func signedOut(seed: UInt64) async {
        let world = world(seed: seed) {
            $0.operations = 500
            $0.workers = 8
            $0.signedOut = [60_000..<Self.day]
        }
        let report = await world.runAside()
        #expect(report.violations == [])
        #expect(report.failures == 0)
        #expect(report.processed == 500)
    }

    @Test("an outage of 24 h with crashes all along loses and fails nothing", arguments: LongTroubleTests.seeds(4...5))
    func outageWithCrashes(seed: UInt64) async {
        let world = world(seed: seed) {
            $0.outages = [0..<Self.day]
            $0.crashes = 0.001
        }
        let report = await world.runAside()
        #expect(report.violations == [])
        #expect(report.failures == 0)
        #expect(report.processed == 200)
        #expect(report.crashes > 10)
    }

    @Test("an operation that fails while others succeed is given up on")
    func poison() async {
        let world = world(seed: 6) {
            $0.troubleMs = 3_600_000
            $0.poison = 0.3
        }
        let report = await world.runAside()
        #expect(report.violations == [])
        #expect(report.failures > report.failed)
    }
}
