import GuardianCore
import GuardianLoad
import Testing

@Suite struct MeasureTests {
    @Test("a stall that a closed loop meets once counts as often as a steady stream would have met it")
    func coordinatedOmission() {
        var recorder = LatencyRecorder(expectedMicroseconds: 1000)
        for _ in 0..<999 { recorder.record(microseconds: 1000) }
        // One second during which a thousand calls should have been made.
        recorder.record(microseconds: 1_000_000)
        #expect(recorder.ms(99) < 1.1)
        #expect(recorder.correctedMs(99) > 900)
        #expect((450...550).contains(recorder.correctedMs(75)))
    }

    @Test("percentiles are right to three digits, and every value falls into one bucket")
    func percentiles() {
        var recorder = LatencyRecorder()
        for value in 1...10_000 { recorder.record(microseconds: Int64(value * 10)) }
        #expect(abs(recorder.ms(50) - 50) < 0.1 && abs(recorder.ms(99) - 99) < 0.2 && abs(recorder.meanMs - 50) < 0.1)
        #expect(recorder.buckets().reduce(0) { $0 + $1.count } == 10_000)
        var other = LatencyRecorder()
        other.record(microseconds: 500_000)
        recorder.add(other)
        #expect(recorder.count == 10_001 && recorder.ms(100) >= 499)
    }

    @Test("a trend is told from noise by its error")
    func trends() {
        var random = Xoshiro256(seed: 3)
        let noise = (0..<200).map { (x: Double($0), y: 100 + random.unit()) }
        #expect(abs(Trend(noise).slope) < 2 * Trend(noise).error + 0.002)
        let growing = (0..<200).map { (x: Double($0), y: Double($0) * 0.1 + random.unit()) }
        let trend = Trend(growing)
        #expect(abs(trend.slope - 0.1) < 0.005 && trend.atLeast > 0.09 && trend.error < 0.01)
        #expect(Trend([(x: 1, y: 1)]).error == .infinity)
    }

    @Test("growth is found from the bound on, told from noise and from a warm-up, and it is said how little would be found")
    func growth() {
        var random = Xoshiro256(seed: 4)
        let (mebibyte, chance) = (1_048_576.0, 6 * 1_048_576.0)
        /// Twenty rounds of 5000 operations that leave so much behind, while a pool fills and all else goes up and down by half a MiB.
        func rounds(leaking bytes: Double) -> Growth {
            Growth(
                (0...20).map { round -> (x: Double, y: Double) in
                    let done = Double(round * 5000)
                    let pool = Double(min(round, 6)) * 2 * mebibyte
                    let noise = (random.unit() - 0.5) * mebibyte
                    return (done, pool + noise + done * bytes)
                }, chance: chance)
        }
        #expect(!rounds(leaking: 0).isLeak && !rounds(leaking: -200).isLeak)
        // The bound is 6 MiB in the 65 000 operations that count: 97 bytes for each.
        let (below, above) = (rounds(leaking: 70), rounds(leaking: 130))
        #expect(!below.isLeak && above.isLeak)
        #expect((97...130).contains(below.finds) && (97...130).contains(above.finds), "\(below.finds), \(above.finds)")
    }

    @Test("the process knows its memory and its files")
    func process() {
        #expect(ProcessMeter.residentBytes > 1 << 20)
        #expect(ProcessMeter.openDescriptors >= 3)
    }

    @Test("an audit finds what is doubled and what is out of order, and counts no effect twice")
    func audits() {
        var audit = EffectAudit()
        for (key, entity, seq) in [("a", "x", 1), ("b", "x", 2), ("b", "x", 2), ("c", "y", 2), ("d", "x", 3)] {
            audit.take(.init(key: key, entity: entity, seq: seq))
        }
        #expect(audit.effects == 5 && audit.doubled == 1 && audit.outOfOrder == 1)
        // By the place alone, and by the key alone.
        audit.take(.init(key: "e", entity: "x", seq: 3))
        audit.take(.init(key: "e", entity: "x", seq: 4))
        #expect(audit.effects == 7 && audit.doubled == 3 && audit.outOfOrder == 1)
    }

    @Test("a workload of no entities is one of a single one, whenever that is said")
    func leastEntities() {
        var workload = Workload(seed: 1, operations: 50, readings: false)
        for entities in [0, -5] {
            workload.entities = entities
            #expect(workload.entities == 1)
            #expect(Set(workload.map(\.entityID)) == ["device-0"])
        }
    }
}
