import GuardianCore
import GuardianTelemetry
import Testing

@Suite struct AnomalyTests {
    private struct Verdict {
        var falseAlarms = 0
        var found = 0
        var missed = 0
        var delays: [Int] = []
    }

    /// Plays a trace: what fired without trouble, what trouble was found and how many slices later.
    private func play(_ trace: SeededTrace) -> Verdict {
        var detector = AnomalyDetector()
        var verdict = Verdict()
        var foundAt: Set<Int> = []
        for (index, slice) in trace.enumerated() {
            let fired = detector.take(slice.traffic, at: Timestamp(milliseconds: Int64(index) * AnomalyDetector.sliceMs)).filter {
                if case .alertFired = $0 { true } else { false }
            }
            for _ in fired {
                // Within the trouble, or as it ends.
                if let trouble = trace.troubles.first(where: { (0...SeededTrace.troubleLasts + 6).contains(index - $0.at) }) {
                    if foundAt.insert(trouble.at).inserted { verdict.delays.append(index - trouble.at) }
                } else {
                    verdict.falseAlarms += 1
                }
            }
        }
        verdict.found = foundAt.count
        verdict.missed = trace.troubles.count - foundAt.count
        return verdict
    }

    @Test("thirty quiet days, at four sizes of traffic: at most one false alarm in ten days")
    func fewFalseAlarms() {
        var alarms = 0
        var days = 0
        for rate in [5.0, 50, 200, 3000] {
            for seed in 1...8 {
                alarms += play(SeededTrace(seed: UInt64(seed), rate: rate)).falseAlarms
                days += 1
            }
        }
        print("measured: \(alarms) false alarms in \(days) days")
        #expect(alarms * 10 <= days)
    }

    @Test("surges, drops, slowness and errors are found, within a minute")
    func findsTrouble() {
        var total = Verdict()
        for seed in 1...12 {
            var trace = SeededTrace(seed: UInt64(seed))
            trace.troubles = SeededTrace.Trouble.allCases.enumerated().map { (600 + $0 * 1900 + seed * 37, $1) }
            let verdict = play(trace)
            total.found += verdict.found
            total.missed += verdict.missed
            total.falseAlarms += verdict.falseAlarms
            total.delays += verdict.delays
        }
        let slowest = total.delays.max() ?? 0
        print(
            "measured: \(total.found) of \(total.found + total.missed) troubles found, the slowest after \((slowest + 1) * 10) s; "
                + "\(total.falseAlarms) false alarms in 12 days")
        #expect(total.missed == 0)
        #expect(slowest <= 5)
        #expect(total.falseAlarms <= 1)
    }

    @Test("a change that lasts becomes the usual, and a short one does not")
    func adapts() {
        var detector = AnomalyDetector()
        var firing: [Bool] = []
        for index in 0..<600 {
            let rate = index < 100 ? 200 : 900
            _ = detector.take(TrafficSlice(accepted: rate + index % 7, good: rate, bad: 0, latencyMs: 50), at: Timestamp(milliseconds: 0))
            firing.append(!detector.alerts.isEmpty)
        }
        #expect(!firing[..<100].contains(true) && firing[110] && !firing[400...].contains(true))
    }

    @Test("an alarm names what is unusual, its value and what is usual, and is cleared when that is over")
    func saysWhat() throws {
        var detector = AnomalyDetector()
        var events: [Event] = []
        for index in 0..<80 {
            let isSlow = (40..<50).contains(index)
            events += detector.take(
                TrafficSlice(accepted: 100, good: 100, bad: index % 3, latencyMs: isSlow ? 900 : 60 + Double(index % 5)),
                at: Timestamp(milliseconds: Int64(index) * 10_000))
        }
        guard events.count == 2, case .alertFired(let alert) = events[0], case .alertCleared = events[1] else {
            Issue.record("\(events)")
            return
        }
        #expect(alert.name == "anomaly_latency" && alert.value == 900 && alert.threshold < 70 && alert.state == .firing)
    }

    @Test(
        "a gateway that is quiet and syncs now and then is as usual, as a sync begins and as it ends, be it half a minute or half an hour",
        arguments: [3, 12, 45, 180])
    func syncs(slices: Int) {
        var detector = AnomalyDetector()
        var random = Xoshiro256(seed: UInt64(slices))
        var events: [Event] = []
        for index in 0..<8640 {
            let isSyncing = index % 700 >= 700 - slices
            let accepted = isSyncing ? 400 + Int(random.next() % 200) : Int(random.next() % 3)
            let slice = TrafficSlice(accepted: accepted, good: accepted, bad: 0, latencyMs: 60)
            events += detector.take(slice, at: Timestamp(milliseconds: Int64(index) * AnomalyDetector.sliceMs))
        }
        #expect(events.isEmpty, "\(events.count) events, the first: \(events.prefix(1))")
    }

    /// Whether the rate is told to be odd after each slice.
    private func firing(_ rates: [Int]) -> [Bool] {
        var detector = AnomalyDetector()
        return rates.map { rate in
            _ = detector.take(TrafficSlice(accepted: rate), at: Timestamp(milliseconds: 0))
            return detector.alerts.contains { $0.name == "anomaly_rate" }
        }
    }

    @Test("steady traffic of some operations a second is judged, though chance makes single slices small")
    func smallButSteady() {
        let usual = [31, 24, 38, 17, 29, 35, 22, 33, 27, 19]
        let steady: [Int] = (0..<500).map { usual[$0 % 10] }
        let surge: [Int] = [150, 150, 150]
        let told = firing(steady + surge)
        #expect(!told[..<500].contains(true) && told[502])
    }

    @Test("an outage is told until it is over, though a few operations come through")
    func trickleInOutage() {
        let before: [Int] = (0..<400).map { 60 + $0 % 5 }
        let outage: [Int] = (0..<40).map { $0 % 4 == 3 ? 16 : 0 }
        let after: [Int] = (0..<10).map { 60 + $0 % 5 }
        let told = firing(before + outage + after)
        #expect(!told[..<400].contains(true) && !told[402..<440].contains(false) && told.last == false)
    }

    @Test("a slow first slice after a start does not keep the rate from being judged")
    func slowStart() {
        var rates: [Int] = [0]
        rates += (0..<40).map { 100 + $0 % 7 }
        rates += [0, 0, 0]
        let told = firing(rates)
        #expect(!told[..<41].contains(true) && told[43])
    }

    @Test("too little traffic says nothing")
    func quiet() {
        var detector = AnomalyDetector()
        for index in 0..<500 {
            let slice = TrafficSlice(accepted: index % 4, good: index % 4, bad: index % 3, latencyMs: Double(index % 97) * 20)
            #expect(detector.take(slice, at: Timestamp(milliseconds: 0)).isEmpty)
        }
    }

    @Test("the watch counts what an engine tells, and samples latencies of a busy slice fairly")
    func watches() {
        let watch = AnomalyWatch()
        let id = OperationID.text("a")
        let now = Timestamp(milliseconds: 0)
        for slice in 0..<60 {
            for number in 0..<2000 {
                watch.record(.enqueued(id: id, seq: 1), at: now)
                // The second half of a slice is slow: the median must see both halves.
                let isSlow = slice >= 50 && number >= 600
                watch.record(.processed(id: id, latencyMs: isSlow ? 400 : 40, httpStatus: 200), at: now)
            }
            _ = watch.endSlice(at: now)
        }
        #expect(watch.alerts.map(\.name) == ["anomaly_latency"])
    }
}
