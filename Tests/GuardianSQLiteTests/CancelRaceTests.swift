import GuardianCore
import GuardianSQLite
import GuardianTesting
import Synchronization
import Testing

@Suite struct CancelRaceTests {
    static let count = 10_000

    @Test("10 000 cancels raced against delivery: whatever was cancelled as never sent has no effect")
    func tellsTheTruth() async throws {
        try await withStore { store, _ in
            let upstream = Upstream()
            let engine = SyncEngine(store: store, transport: upstream, configuration: .init(processor: .init(workers: 8)))
            try await engine.enqueue(
                (0..<Self.count).map { NewOperation("update", entityType: "room", entityID: "\($0)", payload: "{}", id: "op-\($0)") })
            var random = Xoshiro256(seed: 5)
            let order = (0..<Self.count).shuffled(using: &random)
            async let running: Void = engine.run()
            let answers = try await withThrowingTaskGroup(of: [(OperationID, CancelAnswer)].self) { group in
                for lane in 0..<8 {
                    group.addTask {
                        var answers: [(OperationID, CancelAnswer)] = []
                        for number in order where number % 8 == lane {
                            let id = OperationID.text("op-\(number)")
                            answers.append((id, try await store.cancel(id, now: SystemClock().now.wall)))
                        }
                        return answers
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            while try await store.books().pending + store.books().processing > 0 { await Task.yield() }
            engine.drain()
            try await running
            let applied = upstream.applied
            let neverSent = answers.filter { $0.1 == .neverSent }.map(\.0)
            #expect(neverSent.allSatisfy { !applied.contains($0) })
            let books = try await store.books()
            #expect(Int(books.processed + books.cancelled) == Self.count)
            #expect(try await store.check().problems == [])
            let counts = Dictionary(answers.map { ($0.1.rawValue, 1) }, uniquingKeysWith: +)
            print(
                "measured: \(neverSent.count) never sent of \(Self.count) cancels, none of them applied; \(counts.sorted { $0.key < $1.key })"
            )
        }
    }
}

private final class Upstream: Transport {
    private let seen = Mutex<Set<OperationID>>([])

    var applied: Set<OperationID> { seen.withLock { $0 } }

    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        seen.withLock { _ = $0.insert(claim.operation.id) }
        return .accepted(Answer(status: 200))
    }
}
