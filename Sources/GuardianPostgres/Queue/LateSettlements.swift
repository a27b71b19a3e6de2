internal import GuardianCore

/// What an exchange begins with: settlements that were late before, and what is written but not told yet.
struct LateSettlements: Sendable {
    /// Numbers of those that somebody was in the way of the last time.
    var late: Set<Int64> = []
    /// The one of them that may wait for its line as long as anything else: a line that many write to is free now and then only.
    var patient: Int64?
    /// What was settled by itself in an exchange that then failed.
    var untold = Exchanged()
}

extension PostgresStore.Memory {
    /// How many exchanges with late settlements go by until one of them is waited for longer: the others wait with it.
    private static let patienceEvery = 8

    mutating func begin(_ exchange: Exchange) -> LateSettlements {
        var found = LateSettlements()
        for settlement in exchange.settlements {
            if let known = untold[settlement.seq], known.epoch == exchange.fence.epoch {
                found.untold.add(known.done)
            } else if postponed[settlement.seq] != nil {
                found.late.insert(settlement.seq)
            }
        }
        guard !found.late.isEmpty else { return found }
        lateExchanges += 1
        guard lateExchanges % Self.patienceEvery == 0 else { return found }
        found.patient = found.late.max { postponed[$0, default: 0] < postponed[$1, default: 0] }
        if let patient = found.patient { postponed[patient] = 0 }
        return found
    }

    /// A settlement was written by itself: whatever becomes of the rest of its exchange, it is over.
    mutating func settledApart(_ settlement: Settlement, _ done: Exchanged, _ fence: Fence) {
        guard done.settled.contains(settlement.seq) else { return }
        handed[settlement.seq] = nil
        untold[settlement.seq] = PostgresStore.Untold(epoch: fence.epoch, done: done)
    }

    /// The exchange has said what became of its settlements.
    mutating func told(_ settlements: [Settlement], postponed late: Set<Int64>) {
        for settlement in settlements where !late.contains(settlement.seq) {
            handed[settlement.seq] = nil
            postponed[settlement.seq] = nil
            untold[settlement.seq] = nil
        }
        for seq in late { postponed[seq, default: 0] += 1 }
    }
}
