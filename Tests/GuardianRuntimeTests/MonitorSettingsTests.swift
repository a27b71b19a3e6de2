import GuardianCore
import GuardianRuntime
import GuardianTelemetry
import GuardianTesting
import Testing

@Suite struct MonitorSettingsTests {
    @Test("alerts are evaluated as often as alerts.every says; the store is looked at once a second at least")
    func looks() throws {
        let expected: [(String, Int64, Int64)] = [("100ms", 100, 1), ("1s", 1000, 1), ("1500ms", 750, 2), ("1m", 1000, 60)]
        for (every, everyMs, looks) in expected {
            let assembly = Assembly(try Settings(environment: ["GUARDIAN_ALERTS_EVERY": every]))
            let metrics = try #require(assembly.metrics())
            let store = MemoryStore()
            let engine = SyncEngine(store: store, transport: ScriptedTransport())
            let configuration = assembly.monitor(metrics, engine: engine, store: store).configuration
            #expect(configuration.everyMs == everyMs && configuration.looksPerEvaluation == looks, "\(every)")
        }
    }
}
