import GuardianCore
import GuardianTesting
import Testing

extension ProcessorTests {
    @Test("the answer to a token call that was begun before a switch of user is not used: the provider is asked again at once")
    func voidsOldAnswers() {
        var bench = ProcessorBench()
        _ = bench.give(.tick)
        let locked = bench.give(.lockAnswered(.acquired(bench.fence(1), takenOver: nil, returned: 0), Control()))
        #expect(locked.asksForToken)
        #expect(!bench.give(.tokenChanged).asksForToken, "one call at a time")
        var late = bench.give(.tokenAnswered(.success("old")))
        #expect(late.asksForToken)
        late += bench.give(.exchanged(.success(ExchangeResult())))
        #expect(late.exchanges.allSatisfy { $0.urgent + $0.normal == 0 && $0.signedIn == nil })
        _ = bench.give(.tokenAnswered(.success("new")))
        #expect(bench.claims(1...1).sends.map(\.token) == ["new"])
    }

    @Test("what waits after a 401 is not given back for an answer of before a switch of user, and goes out with the next one")
    func waitsOverASwitch() {
        var bench = ProcessorBench()
        _ = bench.begin(token: "old")
        let send = bench.claims(1...1).sends[0]
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        #expect(bench.give(.attempted(seq: 1, attempt: send.attempt, .status(401))).asksForToken)
        _ = bench.give(.tokenChanged)
        let void = bench.give(.tokenAnswered(.failure(.init("away"))))
        #expect(void.asksForToken && void.events.isEmpty && void.settlements.isEmpty)
        #expect(bench.processor.pauses.isEmpty)
        #expect(bench.give(.tokenAnswered(.success("new"))).sends.map(\.token) == ["new"])
    }

    @Test("a switch of user is asked about at once, however short a time ago the provider has answered")
    func asksAtOnce() {
        var bench = ProcessorBench()
        _ = bench.begin(token: "old")
        #expect(bench.give(.tokenChanged).asksForToken)
        _ = bench.give(.tokenAnswered(.success("new")))
        #expect(bench.claims(1...1).sends.map(\.token) == ["new"])
    }
}
