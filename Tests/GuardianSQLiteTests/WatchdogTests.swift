import GRDB
import GuardianCore
import GuardianSQLite
import GuardianTesting
import Testing

@Suite struct WatchdogTests {
    @Test("a line that lost its head is noticed, told, lined up anew, and delivered", .timeLimit(.minutes(5)))
    func repairs() async throws {
        try await withStore { store, path in
            let sink = RecordingSink()
            let engine = SyncEngine(store: store, transport: ScriptedTransport(), sinks: [sink])
            try await engine.enqueue(NewOperation("update", entityType: "room", entityID: "1", payload: "{}"))
            try await DatabaseQueue(path: path).write { db in try db.execute(sql: "UPDATE guardian_operation SET head = 0") }
            async let running: Void = engine.run()
            await sink.wait(for: 1) { if case .processed = $0 { true } else { false } }
            #expect(engine.stallCount > 0)
            #expect(sink.events.contains { if case .stalled = $0 { true } else { false } })
            engine.drain()
            try await running
            #expect(try await store.check().problems == [])
        }
    }

    @Test("books that a row was taken from do not balance, and say by how much")
    func gap() async throws {
        try await withStore { store, path in
            let engine = SyncEngine(store: store, transport: ScriptedTransport())
            try await engine.enqueue((0..<3).map { NewOperation("update", entityType: "room", entityID: "\($0)", payload: "{}") })
            #expect(try await store.accountingGap() == 0)
            try await DatabaseQueue(path: path).write { db in try db.execute(sql: "DELETE FROM guardian_operation WHERE seq = 2") }
            #expect(try await store.accountingGap() == 1)
        }
    }
}
