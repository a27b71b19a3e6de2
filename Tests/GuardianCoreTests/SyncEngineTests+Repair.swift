import GuardianCore
import GuardianTesting
import Testing

extension SyncEngineTests {
    @Test("a cancel through the engine is told, says what it can promise, and frees the next of the line with no tick of the clock")
    func cancelsTheHead() async throws {
        let rig = EngineRig()
        rig.transport.answer(operation: .text("a"), .status(500))
        try await rig.enqueue(["a", "b"], entity: "a")
        #expect(try await rig.engine.operations(of: EntityKey(type: "room", id: "a")).map(\.id) == [.text("a"), .text("b")])
        try await rig.run {
            await rig.sink.first { $0.isNamed("retry_scheduled") }
            let answer = try await rig.engine.cancel(.text("a"))
            #expect(answer == .mayHaveApplied)
            await rig.processed(1)
        }
        #expect(rig.sent == ["a", "b"])
        #expect(rig.clock.now.steady == 0)
        #expect(try await rig.engine.cancel(.text("a")) == .notFound)
        #expect(rig.sink.events.filter { $0.isNamed("cancelled") } == [.cancelled(id: .text("a"), mayHaveApplied: true)])
    }

    @Test("a retry through the engine is told and sent with no tick of the clock; where nothing has failed, nothing is told")
    func retriesTheFailed() async throws {
        let rig = EngineRig()
        rig.transport.answer(.status(422))
        try await rig.enqueue(["a"])
        try await rig.run {
            await rig.sink.first { $0.isNamed("failed") }
            let none = try await rig.engine.retry([.text("b")])
            let all = try await rig.engine.retry()
            #expect(none == 0 && all == 1)
            await rig.processed(1)
        }
        #expect(rig.sent == ["a", "a"])
        #expect(rig.clock.now.steady == 0)
        #expect(rig.sink.events.filter { $0.isNamed("retried") } == [.retried(count: 1)])
    }
}
