import GuardianCore
import GuardianTesting
import Testing

/// Worlds in which what is pushed back makes only its own route wait.
@Suite struct RouteHoldTests {
    private static var script: SimulatedWorld.Script {
        var script = SimulatedWorld.Script()
        script.operations = 40
        script.entities = 12
        script.troubleMs = 300_000
        script.pollMs = 5000
        script.pushBacks = 0.4
        script.holdsRoutes = true
        script.serverErrors = 0.1
        script.lostAnswers = 0.1
        script.crashes = 0.01
        script.freezes = 1
        script.clockJumps = 1
        script.drains = 1
        script.pauses = 1
        script.expiredLogins = 1
        script.cancellations = 4
        script.killers = 1
        script.folds = 0.5
        script.optimistic = 0.3
        script.urgent = 0.2
        return script
    }

    @Test("every promise holds where routes wait by themselves, and many do")
    func everySeed() async {
        let held = await OwnThreads.run {
            var held = 0
            for seed in UInt64(0)..<300 {
                var world = SimulatedWorld(seed: seed, script: Self.script)
                let report = await world.run()
                if let violation = report.violations.first { Issue.record("seed \(seed): \(violation)") }
                held += report.routesHeld
            }
            return held
        }
        print("measured: 300 worlds of \(Self.script.operations) operations that are pushed back: routes held \(held) times")
        #expect(held > 300)
    }
}
