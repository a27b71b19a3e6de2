import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("A batch that is too large for one statement")
struct LargeBatchTests {
    @Test("goes in pieces, in order; what is too large by itself goes alone")
    func pieces() {
        #expect(StatementBytes.pieces([], limit: 10) == [])
        #expect(StatementBytes.pieces([4, 6], limit: 10) == [0..<2])
        #expect(StatementBytes.pieces([4, 6, 1, 11, 0, 10], limit: 10) == [0..<2, 2..<3, 3..<4, 4..<6])
        #expect(StatementBytes.pieces([11, 11], limit: 10) == [0..<1, 1..<2])
    }

    @Test("is written in one transaction all the same, and known when it is handed in again")
    func together() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        let payload = #"{"a":""# + String(repeating: "x", count: StatementBytes.limit / 16) + #""}"#
        let operations = (0..<20).map { number in
            var operation = StoreContract.sample(entity: EntityKey(type: "room", id: "r\(number % 2)"), id: "large-\(number)")
            operation.payload = payload
            return operation
        }
        let receipts = try await store.enqueue(operations)
        #expect(receipts.map(\.seq) == receipts.map(\.seq).sorted() && receipts.allSatisfy { $0.outcome == .accepted })
        let written = "SELECT count(DISTINCT xmin::text) || ' ' || count(DISTINCT cmin::text) FROM guardian_operation"
        let counts = try server.texts(written, database: database)
        #expect(counts == ["1 2"])
        let again = try await store.enqueue(operations)
        #expect(again == receipts.map { Receipt(id: $0.id, seq: $0.seq, outcome: .duplicate) })
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.books.accepted == 20)
    }
}
