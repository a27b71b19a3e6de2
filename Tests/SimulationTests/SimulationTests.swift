import Foundation
import GuardianCore
import GuardianTesting
import Testing

/// Seeds are printed when they fail; `GUARDIAN_SEED=n` replays one, `GUARDIAN_SEEDS=n` runs that many.
@Suite struct SimulationTests {
    static let environment = ProcessInfo.processInfo.environment
    static let seeds = UInt64(environment["GUARDIAN_SEEDS"] ?? "") ?? 2_000
    static let first = UInt64(environment["GUARDIAN_SEED"] ?? "") ?? 0

    /// How much there is of something: as much as the environment says, or `standard`.
    static func size(_ name: String, _ standard: Int) -> Int { environment[name].flatMap { Int($0) } ?? standard }

    @Test("every promise holds in every drawn world, after every step")
    func everySeed() async {
        let last = Self.environment["GUARDIAN_SEED"] == nil ? Self.first + Self.seeds : Self.first + 1
        let total = await withTaskGroup(of: Totals.self) { group in
            let lanes = UInt64(max(1, ProcessInfo.processInfo.activeProcessorCount))
            for lane in 0..<lanes {
                group.addTask { await OwnThreads.run { await Self.run(from: Self.first + lane, to: last, by: lanes) } }
            }
            return await group.reduce(into: Totals()) { $0.add($1) }
        }
        print("measured: worlds \(last - Self.first), seeds \(Self.first)..<\(last): \(total)")
        #expect(total.violations == 0)
        #expect(total.processed > 0)
    }

    struct Totals: Sendable {
        var violations = 0, steps = 0, processed = 0, failed = 0, crashes = 0, takeovers = 0, breakerOpened = 0

        mutating func add(_ other: Totals) {
            violations += other.violations
            steps += other.steps
            processed += other.processed
            failed += other.failed
            crashes += other.crashes
            takeovers += other.takeovers
            breakerOpened += other.breakerOpened
        }
    }

    private static func run(from: UInt64, to: UInt64, by step: UInt64) async -> Totals {
        var totals = Totals()
        for seed in stride(from: from, to: to, by: Int(step)) {
            var world = SimulatedWorld(seed: seed)
            let report = await world.run()
            if !report.violations.isEmpty {
                totals.violations += 1
                if totals.violations <= 10 { Issue.record("seed \(seed): \(report.violations[0]) (step \(report.steps))") }
            }
            totals.add(
                Totals(
                    steps: report.steps, processed: report.processed, failed: report.failed, crashes: report.crashes,
                    takeovers: report.takeovers, breakerOpened: report.breakerOpened))
        }
        return totals
    }
}
