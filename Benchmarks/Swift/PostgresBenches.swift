import Foundation
import GuardianCore
import GuardianPostgres

/// Figures of the shared store, for `scripts/postgres-bench.sh`, which has the baselines and the server. Each command prints one number.
///
/// `pg enqueue URL COUNT BATCH WRITERS` operations/s · `pg drain URL COUNT BATCH [etag]` operations/s claimed and settled by one
/// processor, with an ETag in each answer · `pg fill URL PENDING KEYS` · `pg cost URL COUNT BATCH` µs of one operation, claimed and
/// settled · `pg sweep URL BEFORE` how many it has forgotten that were processed before that time, in ms since 1970
struct PostgresBenches {
    struct Usage: Error {}

    let words: [String]

    private func number(_ place: Int) throws -> Int {
        guard place < words.count, let number = Int(words[place]) else { throw Usage() }
        return number
    }

    func run() async throws {
        guard words.count >= 3 else { throw Usage() }
        let store = try await PostgresStore.open(.init(address: try DatabaseAddress(words[1])))
        defer { store.close() }
        switch words[0] {
        case "enqueue": try await enqueue(store, try number(2), batch: try number(3), writers: try number(4))
        case "drain":
            let tellsETags = words.count > 4 && words[4] == "etag"
            let (count, took) = try await drain(store, try number(2), batch: try number(3), tellsETags: tellsETags)
            print(Int(Double(count) / took))
        case "fill": try await fill(store, try number(2), keys: try number(3))
        case "cost":
            let (count, took) = try await drain(store, try number(2), batch: try number(3))
            print(String(format: "%.1f", took * 1e6 / Double(count)))
        case "sweep":
            let before = Timestamp(milliseconds: Int64(try number(2)))
            var count = 0
            while true {
                let swept = try await store.sweepLedger(before: before, limit: 2000)
                count += swept
                if swept < 2000 { break }
            }
            print(count)
        default: throw Usage()
        }
    }

    private func enqueue(_ store: PostgresStore, _ count: Int, batch: Int, writers: Int) async throws {
        let engine = SyncEngine(store: store, transport: Silent())
        // Each entity of its own, as in the baseline, where nothing is ordered. Made before the clock starts, as the baseline's are made by
        // the server.
        let prefix = UUID().uuidString.prefix(8)
        let calls = (0..<count / batch).map { call in
            (0..<batch).map { StoreBenches.operation($0, key: "\(prefix)-\(call * batch + $0)") }
        }
        let took = try await seconds {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<writers {
                    group.addTask {
                        for call in stride(from: writer, to: calls.count, by: writers) { try await engine.enqueue(calls[call]) }
                    }
                }
                try await group.waitForAll()
            }
        }
        print(Int(Double(calls.count * batch) / took))
    }

    private func fill(_ store: PostgresStore, _ pending: Int, keys: Int) async throws {
        let engine = SyncEngine(store: store, transport: Silent())
        var done = 0
        while done < pending {
            let size = min(5000, pending - done)
            let from = done
            try await engine.enqueue((0..<size).map { StoreBenches.operation($0, key: "entity-\((from + $0) % keys)") })
            done += size
        }
        print(done)
    }

    /// Settles what the exchange before has claimed, and claims more: one durable transaction for a batch.
    private func drain(
        _ store: PostgresStore, _ count: Int, batch: Int, tellsETags: Bool = false
    ) async throws -> (count: Int, seconds: Double) {
        let owner = "bench-" + UUID().uuidString
        guard
            case .acquired(let fence, _, _) = try await store.acquireLock(owner: owner, now: SystemClock().now.wall, staleAfterMs: 120_000)
        else { throw Usage() }
        var done = 0
        var claims: [Claim] = []
        let took = try await seconds {
            repeat {
                let settlements = claims.map { claim in
                    Settlement(
                        seq: claim.seq, id: claim.operation.id, result: .processed,
                        server: tellsETags ? ServerState(etag: "\"\(claim.seq)\"") : nil)
                }
                let wanted = done + claims.count < count ? batch : 0
                let result = try await store.exchange(
                    Exchange(fence: fence, now: SystemClock().now.wall, settlements: settlements, normal: wanted))
                done += claims.count
                claims = result.claims
            } while !claims.isEmpty
        }
        try await store.releaseLock(fence)
        return (max(done, 1), took)
    }
}
