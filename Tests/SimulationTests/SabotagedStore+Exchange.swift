import GuardianCore
import GuardianTesting
import Synchronization

extension SabotagedStore {
    /// What is written instead of what was asked for.
    func spoil(_ exchange: Exchange) async throws(StoreError) -> Exchange {
        var changed = exchange
        switch sabotage {
        case .ignoresFences: if let lock = try await store.lockState() { changed.fence = lock.fence }
        case .forgetsSettlements: if every(5) { changed.settlements = [] }
        case .mixesUpUsers: changed.signedIn = exchange.signedIn.map { Self.other($0) }
        case .claimsSuspectsBeside: changed.held = 0
        case .losesPauses: changed.pauses = [:]
        case .losesHolds: changed.health = nil
        case .forgetsAssignedIDs: for index in changed.settlements.indices { changed.settlements[index].assignedID = nil }
        default: for index in changed.settlements.indices { changed.settlements[index].result = spoil(changed.settlements[index]) }
        }
        return changed
    }

    private func spoil(_ settlement: Settlement) -> Settlement.Result {
        switch (sabotage, settlement.result) {
        case (.failsRetries, .retry(_, _, var error, _, _, _)):
            error.class = .exhausted
            return .failed(error)
        case (.claimsEarly, .retry(_, let backoffMs, let error, let charged, let mark, let unknownAt)):
            return .retry(
                due: Timestamp(milliseconds: 0), backoffMs: backoffMs, error: error, charged: charged, failureMark: mark,
                unknownAt: unknownAt)
        case (.chargesAlways, .retry(let due, let backoffMs, let error, _, let mark, let unknownAt)):
            return .retry(due: due, backoffMs: backoffMs, error: error, charged: true, failureMark: mark, unknownAt: unknownAt)
        case (.forgetsDoubt, .retry(let due, let backoffMs, let error, let charged, let mark, _)):
            return .retry(due: due, backoffMs: backoffMs, error: error, charged: charged, failureMark: mark, unknownAt: nil)
        case (.keepsKeysOfCasts, .recast(let payload, let base, let version, let newKey)):
            let key = memory.withLock { $0.keys[settlement.seq] }
            return .recast(payload: payload, base: base, schemaVersion: version, newKey: key ?? newKey)
        case (.keepsKeysOfCasts, .revised(var revision)):
            if let key = memory.withLock({ $0.keys[settlement.seq] }) { revision.newKey = key }
            return .revised(revision)
        case (.losesCasts, .recast): return .unsent
        default: return settlement.result
        }
    }

    /// What is answered instead of what was done.
    func spoil(_ result: inout ExchangeResult, of exchange: Exchange) async throws(StoreError) {
        switch sabotage {
        case .forgetsSettlements: result.settled = exchange.settlements.map { _ in true }
        case .claimsTwice:
            guard let claim = result.claims.first else { return }
            result.claims.append(memory.withLock { $0.claim } ?? claim)
            memory.withLock { $0.claim = claim }
        case .changesKeys:
            var random = random()
            for index in result.claims.indices { result.claims[index].operation.idempotencyKey = .v4(using: &random) }
        case .forgetsCrashes: for index in result.claims.indices { result.claims[index].operation.crashes = 0 }
        case .neverSetsAside where !result.setAside.isEmpty:
            _ = try await store.retry(result.setAside.map(\.id), now: exchange.now)
            result.setAside = []
        case .setsAsideAtOnce:
            let suspects = result.claims.filter { $0.operation.crashes > 0 }
            guard !suspects.isEmpty else { return }
            let settlements = suspects.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .failed(.crashSuspect)) }
            _ = try await store.exchange(Exchange(fence: exchange.fence, now: exchange.now, settlements: settlements))
            result.claims.removeAll { $0.operation.crashes > 0 }
            result.setAside += suspects.map { (id: $0.operation.id, reason: LastError.crashSuspect) }
        case .keepsKeysOfRenamed:
            for index in result.claims.indices {
                let (seq, key) = (result.claims[index].seq, result.claims[index].operation.idempotencyKey)
                result.claims[index].operation.idempotencyKey = memory.withLock { memory in
                    memory.keys[seq] = memory.keys[seq] ?? key
                    return memory.keys[seq] ?? key
                }
            }
        case .keepsKeysOfCasts: for claim in result.claims { memory.withLock { $0.keys[claim.seq] = claim.operation.idempotencyKey } }
        default: break
        }
    }
}
