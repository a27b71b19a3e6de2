import Foundation
import GuardianCore
import GuardianTesting
import Testing

/// A fleet that comes back all at once must not beat its upstream down (spec section 4).
@Suite struct FleetTests {
    /// `GUARDIAN_FLEET_DEVICES=50` is a quarter of the fleet, at an upstream that takes a quarter of it.
    private static let devices = SimulationTests.size("GUARDIAN_FLEET_DEVICES", 200)

    private static var fleet: FleetWorld.Script {
        var script = FleetWorld.Script()
        script.devices = devices
        script.capacity = 1.5 * Double(devices)
        return script
    }

    private func run(_ script: FleetWorld.Script, seed: UInt64) async -> FleetWorld.Report {
        await OwnThreads.run {
            var world = FleetWorld(seed: seed, script: script)
            return await world.run()
        }
    }

    private func line(_ what: String, _ report: FleetWorld.Report) -> String {
        let share = String(format: "%.2f", 100 * report.rejectedShare)
        let times = String(format: "%.2f", report.timesIdeal)
        return
            "\(what): \(report.requests) requests, rejected \(share) %, drained in \(report.drainedMs / 1000) s, \(times) times the ideal"
    }

    @Test("200 devices with 500 operations each return to 300 requests/s: under 2 % rejected, drained within 1.2 times the ideal")
    func aFleetReturns() async {
        let seed: UInt64 = 0
        var script = Self.fleet
        script.configuration.adapts = false
        let unadapted = script
        // On a thread each.
        async let bluntly = run(unadapted, seed: seed)
        let gentle = await run(Self.fleet, seed: seed)
        let blunt = await bluntly
        print("measured: " + line("seed \(seed), \(Self.devices) devices, without", blunt))
        print("measured: " + line("seed \(seed), \(Self.devices) devices, adapting", gentle))
        #expect(gentle.delivered == Self.devices * script.operations)
        #expect(gentle.rejectedShare < 0.02)
        #expect(gentle.timesIdeal <= 1.2)
        #expect(blunt.rejectedShare > 2 * gentle.rejectedShare)
    }

    @Test("one fast device alone finds what its upstream takes, and few requests are rejected meanwhile")
    func oneDeviceAlone() async {
        var script = FleetWorld.Script()
        script.devices = 1
        script.operations = 20_000
        script.entities = 200
        script.configuration.workers = 64
        let report = await run(script, seed: 1)
        print("measured: " + line("seed 1, one device", report))
        #expect(report.delivered == 20_000)
        #expect(report.rejectedShare < 0.01)
        #expect(report.timesIdeal < 2.5)
    }
}
