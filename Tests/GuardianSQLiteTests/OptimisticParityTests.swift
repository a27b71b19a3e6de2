import GuardianCore
import GuardianSQLite
import GuardianTesting
import Testing

/// The same seeded history on a file and in memory: operations of changes that depend on each other are claimed, settled, cancelled,
/// expire, are retried and cleared.
@Suite(.serialized) struct OptimisticParityTests {
    private static let start = Timestamp(milliseconds: 1_800_000_000_000)

    @Test("both stores tell the same endings, and both keep their queue in order", arguments: UInt64(1)...12)
    func parity(seed: UInt64) async throws {
        try await withStore { store, _ in
            let file = try await history(seed, on: store)
            let memory = try await history(seed, on: MemoryStore())
            #expect(file.told == memory.told, "seed \(seed)")
            #expect(file.stored == memory.stored, "seed \(seed)")
            #expect(file.problems == [], "seed \(seed)")
            #expect(file.told.contains { $0.hasSuffix("committed") } && file.told.contains { $0.hasSuffix("DEPENDS_ON") }, "seed \(seed)")
        }
    }

    private struct History {
        var told: [String] = []
        var stored: [String] = []
        var problems: [String] = []
    }

    private func history(_ seed: UInt64, on store: any Store) async throws -> History {
        var random = Xoshiro256(seed: seed)
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "a", now: Self.start, staleAfterMs: 1000) else {
            throw SyncError.refused(reason: "no lock")
        }
        var history = History()
        var claims: [Claim] = []
        var next = 0
        for step in 0..<150 {
            let now = Self.start.adding(milliseconds: Int64(step))
            switch Int.random(in: 0..<10, using: &random) {
            case 0...2:
                try await enqueue(&next, now, &random, store)
            case 3: _ = try await store.cancel(.text("op-\(Int.random(in: 0...max(0, next), using: &random))"), now: now)
            case 4:
                if Int.random(in: 0..<3, using: &random) == 0 { _ = try await store.clearFailed() }
                if Int.random(in: 0..<2, using: &random) == 0 { _ = try await store.retry(nil, now: now) }
            default:
                let settled = claims.prefix(Int.random(in: 0...3, using: &random))
                claims.removeFirst(settled.count)
                let settlements = settled.map { Settlement(seq: $0.seq, id: $0.operation.id, result: Self.result(&random)) }
                let answer = try await store.exchange(
                    Exchange(fence: fence, now: now, settlements: settlements, held: claims.count, normal: 3))
                claims += answer.claims
                history.told += answer.ended.map { "in the exchange: \($0.change.txnToken) \($0.reason?.code ?? "committed")" }
                history.told += answer.steppedOut.map { "stepped out: \($0.id)" }
            }
            let report = try await store.check()
            history.problems += report.problems + (report.gap == 0 ? [] : ["gap \(report.gap) at step \(step)"])
        }
        history.told += try await store.endings(after: 0, limit: 1000).map {
            "\($0.number) \($0.change.txnToken) \($0.reason?.code ?? "committed")"
        }
        history.stored = try await store.list(OperationFilter(limit: 1000)).map {
            "\($0.id) \($0.status.name) \($0.lastError?.code ?? "-")"
        }
        return history
    }

    /// A change with up to three operations, which may depend on an earlier one.
    private func enqueue(_ next: inout Int, _ now: Timestamp, _ random: inout Xoshiro256, _ store: any Store) async throws {
        let token = "t\(next)"
        let base = next > 0 && Bool.random(using: &random) ? "t\(Int.random(in: max(0, next - 4)..<next, using: &random))" : nil
        let entity = EntityKey(type: "room", id: "\(Int.random(in: 0..<4, using: &random))")
        try await store.register(OptimisticChange(txnToken: token, entity: entity, original: nil, dependsOn: base), now: now)
        var operations: [GuardianCore.Operation] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            var operation = GuardianCore.Operation(
                id: .text("op-\(next)"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
                entity: EntityKey(type: "room", id: "\(Int.random(in: 0..<4, using: &random))"), payload: "{}", txnToken: token,
                enqueuedAt: now)
            if Int.random(in: 0..<6, using: &random) == 0 { operation.expiresAt = now.adding(milliseconds: 8) }
            operations.append(operation)
            next += 1
        }
        _ = try await store.enqueue(operations)
    }

    private static func result(_ random: inout Xoshiro256) -> Settlement.Result {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: .failed(LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "never"))
        case 1: .overruled
        case 2: .unsent
        default: .processed
        }
    }
}
