import GuardianCore
import GuardianTesting
import Testing

/// Folding as an app sees it.
@Suite struct CoalescingEngineTests {
    private func operation(_ type: String, _ id: String, _ payload: String? = "{}", entity: String = "room") -> NewOperation {
        NewOperation(type, entityType: entity, entityID: "1", payload: payload, id: id)
    }

    private func engine(
        _ transport: ScriptedTransport = ScriptedTransport(), sink: RecordingSink = RecordingSink(),
        coalesces: (@Sendable (Operation) -> Bool)? = { $0.entity.type == "room" }
    ) -> SyncEngine {
        SyncEngine(store: MemoryStore(), transport: transport, sinks: [sink], configuration: .init(coalesces: coalesces))
    }

    @Test("nothing is folded unless the app asks, and then only what it names")
    func asked() async throws {
        let off = engine(coalesces: nil)
        #expect(try await off.enqueue([operation("update", "a"), operation("update", "b")]).map(\.outcome) == [.accepted, .accepted])
        let on = engine()
        #expect(try await on.enqueue(operation("update", "a")).outcome == .accepted)
        #expect(try await on.enqueue(operation("update", "b")).outcome == .coalesced)
        let others = [operation("update", "c", entity: "user"), operation("update", "d", entity: "user")]
        #expect(try await on.enqueue(others).map(\.outcome) == [.accepted, .accepted])
    }

    @Test("each receipt is told as an event, and a duplicate as none")
    func events() async throws {
        let sink = RecordingSink()
        let engine = engine(sink: sink)
        for _ in 0..<2 {
            try await engine.enqueue([operation("create", "a"), operation("update", "b"), operation("delete", "c", nil)])
        }
        let told = sink.entries.map(\.event)
        #expect(told.map(\.name) == ["enqueued", "coalesced", "cancelled_out"])
        #expect(told.last == .cancelledOut(id: .text("c"), with: .text("a")))
        #expect(told[1].operationID == .text("b"))
        let json = told[1].json(at: Timestamp(milliseconds: 0)).text
        #expect(json == #"{"at":"1970-01-01T00:00:00.000Z","event":"coalesced","id":"b","into":"a"}"#)
    }

    @Test("the outcome of a folded one is that of the one it is part of; what cancelled out was cancelled")
    func outcomes() async throws {
        let transport = ScriptedTransport()
        let engine = engine(transport)
        try await engine.enqueue([operation("update", "a", #"{"x":1}"#), operation("update", "b", #"{"y":2}"#)])
        try await engine.enqueue([
            operation("create", "c", entity: "room").of("2"), operation("update", "d").of("2"), operation("delete", "e", nil).of("2"),
        ])
        for id in ["c", "d", "e"] { #expect(try await engine.outcome(of: .text(id)) == .cancelled) }
        async let running: Void = engine.run()
        #expect(try await engine.outcome(of: .text("b")) == .processed(answer: nil))
        engine.drain()
        try await running
        #expect(transport.attempts.map(\.operation.payload) == [#"{"x":1,"y":2}"#])
    }

    @Test("an edit made while the one before it is on the wire is sent by itself")
    func inFlight() async throws {
        let transport = ScriptedTransport()
        transport.hold()
        let engine = engine(transport)
        try await engine.enqueue(operation("update", "a"))
        async let running: Void = engine.run()
        await transport.waitForAttempts(1)
        #expect(try await engine.enqueue(operation("update", "b")).outcome == .accepted)
        #expect(try await engine.enqueue(operation("update", "c")).outcome == .coalesced)
        transport.release()
        #expect(try await engine.outcome(of: .text("c")) == .processed(answer: nil))
        engine.drain()
        try await running
        #expect(transport.attempts.map(\.operation.id) == [.text("a"), .text("b")])
    }
}

extension NewOperation {
    fileprivate func of(_ entity: String) -> NewOperation {
        var moved = self
        moved.entityID = entity
        return moved
    }
}
