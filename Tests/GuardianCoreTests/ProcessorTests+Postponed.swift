import GuardianCore
import GuardianTesting
import Testing

extension ProcessorTests {
    /// Two are sent, and the result of the first can't be written: `begun` is what the answer to that has it do.
    private func postponed() -> (bench: ProcessorBench, begun: [Processor.Action]) {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...2).sends
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        _ = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, Self.ok))
        _ = bench.give(.attempted(seq: 2, attempt: sends[1].attempt, Self.ok))
        let begun = bench.give(.exchanged(.success(Self.inTheWay)))
        return (bench, begun)
    }

    /// Somebody's open transaction holds the line of the first.
    private static var inTheWay: ExchangeResult {
        var result = ExchangeResult(settled: [false])
        result.postponed = [1]
        return result
    }

    @Test("a result that can't be written now is handed in again, told once it is written, and nobody else's waits for it")
    func postponedResult() {
        let scene = postponed()
        var bench = scene.bench
        #expect(scene.begun.settlements.map(\.seq) == [2])
        #expect(!scene.begun.events.contains { $0.isNamed("processed") })
        let others = bench.give(.exchanged(.success(ExchangeResult(settled: [true]))))
        #expect(others.events.count { $0.isNamed("processed") } == 1 && others.settlements.isEmpty)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        bench.pass(ms: 499)
        #expect(bench.give(.tick).settlements.isEmpty)
        bench.pass(ms: 1)
        #expect(bench.give(.tick).settlements.map(\.seq) == [1])
        let told = bench.give(.exchanged(.success(ExchangeResult(settled: [true]))))
        #expect(told.events.count { $0.isNamed("processed") } == 1)
    }

    @Test("a drain waits for such a result as long as a drain lasts, then lets the lock go")
    func postponedDrain() {
        var bench = postponed().bench
        _ = bench.give(.exchanged(.success(ExchangeResult(settled: [true]))))
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        #expect(!bench.give(.drain).releasesLock)
        bench.pass(ms: 10_000)
        let last = bench.give(.tick)
        #expect(last.settlements.map(\.seq) == [1] && !last.releasesLock)
        _ = bench.give(.renewed(.success(()), begunAt: bench.now.steady))
        #expect(bench.give(.exchanged(.success(Self.inTheWay))).releasesLock)
    }
}

extension [Processor.Action] {
    fileprivate var releasesLock: Bool { contains { if case .releaseLock = $0 { true } else { false } } }
}
