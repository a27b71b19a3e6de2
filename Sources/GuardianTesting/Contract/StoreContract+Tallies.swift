import GuardianCore

extension StoreContract {
    /// What is counted for metrics that survive a restart.
    static let tallyChecks: [Check] = [
        Check(name: "outcomes are counted under their labels with the settlement; what is not told is not, nor what is settled twice") {
            contract in
            try await contract.enqueue(["a", "b"])
            try await contract.enqueue(["c", "d"], from: 2) { $0.entity = EntityKey(type: "user", id: $0.entity.id) }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence).sorted { $0.seq < $1.seq }
            let later = contract.retryLater(0)
            var settlements = zip(claims, [.processed, .failed(failure), later, later] as [Settlement.Result]).map {
                Settlement(seq: $0.seq, id: $0.operation.id, result: $1)
            }
            try contract.expect(settlements.count, 4, "claims")
            settlements[3].isTold = false
            let answer = try await contract.store.exchange(
                Exchange(fence: fence, now: start, settlements: settlements, urgent: 9, normal: 9))
            try contract.expect(answer.settled, [true, true, true, true], "settled")
            let second = answer.claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
            try contract.expect(second.count, 2, "claims of a second attempt")
            try await contract.expectStale("a settlement") { () async throws(StoreError) in
                let stranger = Fence(owner: "a", epoch: fence.epoch + 1)
                _ = try await contract.store.exchange(Exchange(fence: stranger, now: start, settlements: second))
            }
            let twice = try await contract.store.exchange(Exchange(fence: fence, now: start, settlements: second + second)).settled
            try contract.expect(twice, [true, true, false, false], "settled twice in one exchange")
            try contract.expect(
                try await contract.tallies(),
                [
                    "processed update room  1", "processed update user  2", "failed update room permanent 1", "backoff update user  1",
                    "retry update user  2",
                ], "tallies")
        },
        Check(name: "hundreds of entity types are counted in a hundred rows, and one for the rest") { contract in
            let fence = try await contract.acquire()
            for part in 0..<3 {
                try await contract.enqueue((0..<100).map { "\($0)" }, from: part * 100) {
                    $0.entity = EntityKey(type: "type-\(part)-\($0.entity.id)", id: "x")
                }
                try await contract.settle(try await contract.claim(fence), .processed, fence)
            }
            let tallies = try await contract.store.tallies()
            try contract.expect(tallies.count, Tally.mostLabels + 1, "rows")
            try contract.expect(tallies.first { $0.labels == .other }?.count, 200, "the rest")
            try contract.expect(tallies.reduce(0) { $0 + $1.count }, 300, "all together")
            try contract.expect(try await contract.store.books().processed, 300, "what the books say")
        },
    ]

    private func tallies() async throws -> [String] {
        try await store.tallies().sorted {
            ($0.kind.rawValue, $0.labels.entityType) < ($1.kind.rawValue, $1.labels.entityType)
        }.map { "\($0.kind) \($0.labels.operationType) \($0.labels.entityType) \($0.labels.errorClass) \($0.count)" }
    }
}
