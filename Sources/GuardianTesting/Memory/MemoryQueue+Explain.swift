import GuardianCore

extension MemoryQueue {
    func standing(of id: OperationID) -> Standing? {
        guard let seq = ids[id], let row = rows[seq] else { return nil }
        guard row.operation.status != .failed else { return Standing(operation: row.operation, isHead: false) }
        let head = head(of: row.line)
        var standing = Standing(
            operation: row.operation, isHead: head == seq, behind: head == seq ? nil : head.flatMap { rows[$0]?.operation.id },
            isParked: row.due == Self.parked)
        if standing.isHead, row.due == Self.awaiting {
            standing.isAwaiting = true
            standing.awaits = create(awaitedBy: seq).flatMap { rows[$0]?.operation.id }
        }
        return standing
    }

    func census(at now: Timestamp) -> Census {
        var census = Census()
        for (seq, row) in rows {
            switch row.operation.status {
            case .failed: census.failed += 1
            case .processing: census.leased += 1
            case .pending where head(of: row.line) != seq: census.behind += 1
            case .pending where row.due == Self.parked: census.parked += 1
            case .pending where row.due == Self.awaiting: census.awaiting += 1
            case .pending where row.due > now.milliseconds:
                if row.operation.nextRetryAt == nil { census.notBefore += 1 } else { census.backoff += 1 }
            case .pending:
                census.due += 1
                let since = max(Timestamp(milliseconds: row.due), row.operation.updatedAt)
                census.dueSince = census.dueSince.map { min($0, since) } ?? since
            }
        }
        return census
    }

    /// Stored operations that fit, in `seq` order.
    func all(_ fits: (Operation) -> Bool) -> [Operation] {
        rows.values.map(\.operation).filter(fits).sorted { $0.seq < $1.seq }
    }
}
