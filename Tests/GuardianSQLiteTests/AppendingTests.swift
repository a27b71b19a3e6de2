import GuardianCore
import GuardianSQLite
import Testing

/// Callers that wait together are written as one batch; none of them may notice.
@Suite struct AppendingTests {
    private static let callers = 48
    private static let each = 25

    /// Each caller's n-th operation, under an id that its neighbour uses as well: of the two, one is a duplicate.
    private static func operation(_ caller: Int, _ n: Int) throws -> GuardianCore.Operation {
        let pair = caller / 2
        var random = Xoshiro256(seed: UInt64(pair * 1000 + n))
        return try Admission().admit(
            NewOperation(
                "update", entityType: "room", entityID: "room-\(pair % 7)", payload: #"{"n":\#(n)}"#, id: "pair-\(pair)-\(n)",
                priority: n % 5 == 0 ? 1 : 0),
            at: Timestamp(milliseconds: 1_800_000_000_000), random: &random)
    }

    @Test("of two callers with one id, one is told it was first, and both hear the same number; lines keep each caller's order")
    func together() async throws {
        try await withStore { store, _ in
            let receipts = try await withThrowingTaskGroup(of: [Receipt].self) { group in
                for caller in 0..<Self.callers {
                    group.addTask {
                        var mine: [Receipt] = []
                        for n in 0..<Self.each { mine += try await store.enqueue([try Self.operation(caller, n)]) }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let byID = Dictionary(grouping: receipts, by: \.id)
            #expect(byID.count == Self.callers / 2 * Self.each)
            for pair in byID.values {
                #expect(pair.map(\.outcome).sorted { $0.rawValue < $1.rawValue } == [.accepted, .duplicate])
                #expect(Set(pair.map(\.seq)).count == 1)
            }
            for pair in 0..<Self.callers / 2 {
                let numbers = try (0..<Self.each).map { n in byID[try Self.operation(pair * 2, n).id]?.first?.seq ?? 0 }
                #expect(numbers == numbers.sorted())
            }
            let report = try await store.check()
            #expect(report.problems == [])
            #expect(report.gap == 0)
        }
    }
}
