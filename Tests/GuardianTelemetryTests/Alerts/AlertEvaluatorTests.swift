import GuardianCore
import GuardianTelemetry
import Testing

@Suite struct AlertEvaluatorTests {
    private let start = Timestamp(milliseconds: 1_800_000_000_000)

    /// Measures in which everything is fine, but for what is set.
    private static func fine(_ change: (inout AlertMeasures) -> Void = { _ in }) -> AlertMeasures {
        var measures = AlertMeasures(failedPerMinute: 0, pending: 0, trips: 0, p95Ms: 20, successPercent: 100)
        change(&measures)
        return measures
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var severity: Alert.Severity
        var forMs: Int64
        var bad: AlertMeasures
        /// Not beyond the threshold, and not beyond the clearing one either.
        var between: AlertMeasures
        var atThreshold: AlertMeasures
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "failed_rate", severity: .critical, forMs: 0, bad: fine { $0.failedPerMinute = 11 },
            between: fine { $0.failedPerMinute = 9.5 }, atThreshold: fine { $0.failedPerMinute = 10 }),
        Case(
            name: "queue_depth", severity: .high, forMs: 3_600_000, bad: fine { $0.pending = 1001 }, between: fine { $0.pending = 950 },
            atThreshold: fine { $0.pending = 1000 }),
        Case(
            name: "circuit_trips", severity: .medium, forMs: 0, bad: fine { $0.trips = 51 }, between: fine { $0.trips = 46 },
            atThreshold: fine { $0.trips = 50 }),
        Case(
            name: "latency", severity: .medium, forMs: 300_000, bad: fine { $0.p95Ms = 5001 }, between: fine { $0.p95Ms = 4800 },
            atThreshold: fine { $0.p95Ms = 5000 }),
        Case(
            name: "success_rate", severity: .high, forMs: 300_000, bad: fine { $0.successPercent = 89.9 },
            between: fine { $0.successPercent = 91 }, atThreshold: fine { $0.successPercent = 90 }),
    ]

    /// Evaluates every ten seconds for `seconds`; returns what changed, with when.
    private func run(
        _ evaluator: inout AlertEvaluator, _ measures: AlertMeasures, from begin: Int64, seconds: Int64
    ) -> [(second: Int64, change: AlertEvaluator.Change)] {
        stride(from: begin, through: begin + seconds, by: 10).flatMap { second in
            evaluator.evaluate(measures, now: start.adding(milliseconds: second * 1000)).map { (second, $0) }
        }
    }

    @Test("each of the five fires after its time and not before, stays in between, and clears", arguments: cases)
    func each(rule: Case) throws {
        var evaluator = AlertEvaluator(rules: AlertPolicy().rules)
        #expect(run(&evaluator, Self.fine(), from: 0, seconds: 600).isEmpty)
        #expect(run(&evaluator, rule.atThreshold, from: 610, seconds: 7200).isEmpty, "at its threshold it is quiet")
        let fired = run(&evaluator, rule.bad, from: 10_000, seconds: 7200)
        #expect(fired.count == 1)
        guard case .fired(let alert) = try #require(fired.first?.change) else { throw Missing() }
        #expect(fired[0].second == 10_000 + rule.forMs / 1000)
        #expect((alert.name, alert.severity, alert.state) == (rule.name, rule.severity, .firing))
        #expect(alert.since == start.adding(milliseconds: 10_000_000))
        #expect(evaluator.alerts.filter { $0.state != .quiet }.map(\.name) == [rule.name])
        #expect(run(&evaluator, rule.between, from: 20_000, seconds: 7200).isEmpty, "between its thresholds nothing changes")
        let cleared = run(&evaluator, Self.fine(), from: 30_000, seconds: 600)
        guard case .cleared = try #require(cleared.first?.change) else { throw Missing() }
        #expect(cleared.map(\.second) == [30_060])
        #expect(evaluator.alerts.allSatisfy { $0.state == .quiet })
    }

    @Test("one good value sends a pending alert back; one bad value keeps a firing one from clearing")
    func interruptions() {
        var evaluator = AlertEvaluator(rules: AlertPolicy().rules)
        let (bad, good) = (Self.cases[1].bad, Self.fine())
        _ = run(&evaluator, bad, from: 0, seconds: 3590)
        #expect(evaluator.alerts[1].state == .pending)
        _ = run(&evaluator, good, from: 3600, seconds: 0)
        #expect(evaluator.alerts[1].state == .quiet)
        #expect(run(&evaluator, bad, from: 3610, seconds: 3590).isEmpty)
        #expect(run(&evaluator, bad, from: 7210, seconds: 0).count == 1)
        _ = run(&evaluator, good, from: 7220, seconds: 50)
        _ = run(&evaluator, bad, from: 7280, seconds: 0)
        #expect(run(&evaluator, good, from: 7290, seconds: 50).isEmpty)
        #expect(evaluator.alerts[1].state == .firing)
        #expect(run(&evaluator, good, from: 7350, seconds: 0).count == 1)
    }

    @Test("what is not known, for want of traffic, fires nothing, and lets a firing alert clear")
    func unknown() {
        var evaluator = AlertEvaluator(rules: AlertPolicy().rules)
        let silent = AlertMeasures(failedPerMinute: 0, pending: 0, trips: 0)
        #expect(run(&evaluator, silent, from: 0, seconds: 7200).isEmpty)
        _ = run(&evaluator, Self.cases[4].bad, from: 8000, seconds: 400)
        #expect(evaluator.alerts[4].state == .firing)
        #expect(run(&evaluator, silent, from: 8410, seconds: 120).count == 1)
    }

    @Test("a duration goes on over a restart; a firing alert stays one, and is not told again")
    func restart() throws {
        let rules = AlertPolicy().rules
        var before = AlertEvaluator(rules: rules)
        _ = run(&before, Self.cases[1].bad, from: 0, seconds: 2000)
        _ = run(&before, AlertMeasures(failedPerMinute: 50, pending: 2000), from: 2010, seconds: 0)
        let text = AlertMemory(at: start.adding(milliseconds: 2_010_000), evaluator: before, trips: TripHistory()).json.text
        let memory = try #require(AlertMemory(try JSONValue(parsing: text)))
        #expect(memory.alerts == before.alerts)
        var after = AlertEvaluator(rules: rules)
        after.resume(from: memory)
        let changes = run(&after, AlertMeasures(failedPerMinute: 50, pending: 2000), from: 3000, seconds: 1000)
        #expect(changes.map(\.second) == [3600])
        guard case .fired(let alert)? = changes.first?.change else { throw Missing() }
        #expect(alert.name == "queue_depth")
        #expect(alert.since == start)
        #expect(after.alerts[0].state == .firing)
    }

    @Test("after a restart, what is not measured yet counts as unchanged for one window: durations go on, and what fires stays")
    func restartUnmeasured() throws {
        let rules = AlertPolicy().rules
        var before = AlertEvaluator(rules: rules)
        _ = run(&before, Self.cases[4].bad, from: 0, seconds: 400)
        let both = Self.fine {
            $0.p95Ms = 9000
            $0.successPercent = 50
        }
        _ = run(&before, both, from: 410, seconds: 190)
        #expect((before.alerts[3].state, before.alerts[4].state) == (Alert.State.pending, Alert.State.firing))
        let text = AlertMemory(at: start.adding(milliseconds: 600_000), evaluator: before, trips: TripHistory()).json.text
        let memory = try #require(AlertMemory(try JSONValue(parsing: text)))
        let silent = AlertMeasures(failedPerMinute: 0, pending: 0, trips: 0)

        var after = AlertEvaluator(rules: rules)
        after.resume(from: memory, unknownForMs: 300_000)
        #expect(run(&after, silent, from: 700, seconds: 290).isEmpty)
        let changes = run(&after, both, from: 1000, seconds: 100)
        guard case .fired(let alert)? = changes.first?.change else { throw Missing() }
        #expect(changes.map(\.second) == [1000])
        #expect(alert.name == "latency" && alert.since == start.adding(milliseconds: 410_000))

        // Nothing comes to be measured: after the window it means what it always means.
        var quiet = AlertEvaluator(rules: rules)
        quiet.resume(from: memory, unknownForMs: 300_000)
        #expect(run(&quiet, silent, from: 700, seconds: 600).map(\.second) == [1060])
        #expect(quiet.alerts.allSatisfy { $0.state == .quiet })
    }

    @Test("a wall clock that goes back makes no duration longer", arguments: [1000, 86_400_000])
    func clockBack(by milliseconds: Int64) {
        var evaluator = AlertEvaluator(rules: AlertPolicy().rules)
        let bad = Self.cases[3].bad
        _ = evaluator.evaluate(bad, now: start)
        let back = start.adding(milliseconds: -milliseconds)
        #expect(evaluator.evaluate(bad, now: back).isEmpty)
        #expect(evaluator.evaluate(bad, now: back.adding(milliseconds: 299_999)).isEmpty)
        #expect(evaluator.evaluate(bad, now: back.adding(milliseconds: 300_000)).count == 1)
    }

    @Test("books that do not balance fire at once, either way, and clear when they do")
    func gap() throws {
        for gap in [1.0, 7] {
            var evaluator = AlertEvaluator(rules: AlertPolicy().rules)
            let fired = run(&evaluator, Self.fine { $0.accountingGap = gap }, from: 0, seconds: 300)
            guard case .fired(let alert) = try #require(fired.first?.change) else { throw Missing() }
            #expect(fired.count == 1 && alert.name == "accounting_gap" && alert.severity == .critical)
            #expect(run(&evaluator, Self.fine { $0.accountingGap = 0 }, from: 310, seconds: 300).map(\.second) == [370])
        }
    }

    @Test("a memory that is damaged, or of another program, is taken for none")
    func damaged() throws {
        for text in ["{}", "[]", "null", #"{"at":"yesterday","alerts":[],"standings":{}}"#] {
            #expect(AlertMemory(try JSONValue(parsing: text)) == nil)
        }
        let odd =
            #"{"at":"2026-01-01T00:00:00.000Z","alerts":[1,{"name":"x"}],"standings":{"latency":7,"gone":{"firing":true}},"trips":[{}]}"#
        var evaluator = AlertEvaluator(rules: AlertPolicy().rules)
        evaluator.resume(from: try #require(AlertMemory(try JSONValue(parsing: odd))))
        #expect(evaluator.alerts.count == 6)
        #expect(evaluator.alerts.allSatisfy { $0.state == .quiet })
    }

    private struct Missing: Error {}
}
