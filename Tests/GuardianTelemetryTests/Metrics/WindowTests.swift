import GuardianCore
import GuardianTelemetry
import Testing

@Suite struct WindowTests {
    @Test("quantiles are those of the sorted values, to a thousandth", arguments: [1, 2, 3])
    func quantiles(seed: UInt64) {
        var random = Xoshiro256(seed: seed)
        var window = LatencyWindow(windowMs: 60_000)
        var values: [UInt64] = []
        for _ in 0..<20_000 {
            // From 100 µs to 100 s, as many of each order of magnitude.
            var value = 100.0
            for _ in 0..<Int(random.next() % 7) { value *= 10 * (0.5 + random.unit() / 2) }
            values.append(UInt64(value))
            window.record(microseconds: values[values.count - 1], now: 1000)
        }
        values.sort()
        let (count, found) = window.quantiles([0.5, 0.95, 0.99], now: 1000)
        #expect(count == 20_000)
        for (quantile, value) in zip([0.5, 0.95, 0.99], found) {
            let exact = values[Int((quantile * 20_000).rounded(.up)) - 1]
            #expect(abs(Double(value) - Double(exact)) <= Double(exact) * 0.001 + 1, "p\(quantile): \(value), not \(exact)")
        }
    }

    @Test("what is older than the window counts no more, and a slice is used again")
    func slides() {
        var window = LatencyWindow(windowMs: 60_000)
        window.record(microseconds: 9_000_000, now: 0)
        #expect(window.quantiles([0.5], now: 59_999).count == 1)
        #expect(window.quantiles([0.5], now: 60_000).count == 0)
        window.record(microseconds: 1000, now: 60_000)
        let (count, values) = window.quantiles([0.5], now: 60_001)
        #expect(count == 1)
        #expect(values.first.map { $0 < 2000 } == true)
        // A thread that was slow to come here records into a slice that is over: nothing old comes back.
        window.record(microseconds: 9_000_000, now: 5)
        #expect(window.quantiles([0.5], now: 60_001).count == 1)
        #expect(LatencyWindow(windowMs: 1000).quantiles([0.5], now: 7).values.isEmpty)
    }

    @Test("10 000 keys, from many threads: at most the limit are told apart, every event is counted once")
    func labelCap() async {
        final class Cell: Sendable {
            let key: Int
            let count = Counted()
            init(_ key: Int) { self.key = key }
        }
        let table = LabelTable<Int, Cell>(limit: 100, other: { _ in -1 }) { Cell($0) }
        await withTaskGroup(of: Void.self) { group in
            for part in 0..<4 {
                group.addTask { for number in 0..<10_000 { table[(number * 7 + part) % 10_000].count.add() } }
            }
        }
        #expect(table.all.count == 101)
        #expect(table.all.reduce(0) { $0 + $1.value.count.value } == 40_000)
        #expect(table.all.allSatisfy { $0.key == $0.value.key })
    }

    @Test("whoever makes a value may look into the table meanwhile", .timeLimit(.minutes(1)))
    func makesUnlocked() {
        final class Cell: Sendable {}
        let later = Dial<LabelTable<String, Cell>?>(nil)
        let table = LabelTable<String, Cell>(limit: 10, other: { _ in "other" }) { key in
            if key == "outer" { _ = later.value?["inner"] }
            return Cell()
        }
        later.value = table
        let outer = table["outer"]
        #expect(outer === table["outer"])
        #expect(Set(table.all.map(\.key)) == ["outer", "inner"])
        later.value = nil
    }

    @Test("how often a total rose within a long window, over a restart that loses the notes of half of it")
    func trips() {
        var history = TripHistory()
        let start = Timestamp(milliseconds: 1_800_000_000_000)
        let day: Int64 = 86_400_000
        #expect(history.rise(to: 1000, now: start, windowMs: day) == 0)
        for hour in 1...48 {
            let now = start.adding(milliseconds: Int64(hour) * 3_600_000)
            let rise = history.rise(to: 1000 + Int64(hour) * 2, now: now, windowMs: day)
            #expect(rise == Int64(min(hour, 24)) * 2, "after \(hour) h")
        }
        // The clock goes back by a day: what lies ahead says nothing.
        #expect(history.rise(to: 1100, now: start.adding(milliseconds: 30 * 3_600_000), windowMs: day) >= 0)
    }

    @Test("what a new store counts rises from its own beginning, though the one before it had counted more")
    func newStore() {
        var history = TripHistory()
        let start = Timestamp(milliseconds: 1_800_000_000_000)
        func rise(to total: Int64, after seconds: Int64) -> Int64 {
            history.rise(to: total, now: start.adding(milliseconds: seconds * 1000), windowMs: 86_400_000)
        }
        #expect(rise(to: 60, after: 0) == 0)
        #expect(rise(to: 0, after: 1) == 0)
        #expect(rise(to: 3, after: 2) == 3)
    }
}
