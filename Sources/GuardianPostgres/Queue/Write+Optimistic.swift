internal import GuardianCore

/// The ends of optimistic changes, in the transaction that makes them.
extension Write {
    private static let neverAttempted = SQL(
        """
        SELECT o.seq, o.id, o.line FROM \(OperationRow.source)
        WHERE o.txn_token IS NOT NULL AND o.txn_token = $1 AND o.status = 0 AND o.last_attempt_at IS NULL AND l.line IS NULL ORDER BY o.line
        """)
    private static let lockLines = SQL("SELECT 1 FROM guardian_line WHERE line = ANY($1) ORDER BY line FOR UPDATE")

    /// An operation of `token` has departed: ends the change when that is its end, and rolls back what depends on it, newest first.
    ///
    /// Call it when the operation's row is deleted or failed, and its line is in order.
    func endOptimistic(
        _ token: String, _ departure: Departure, state: String? = nil, _ now: Timestamp?, _ result: inout ExchangeResult
    ) throws {
        guard let known = try OptimisticRow.find(token, self) else { return }
        let isLast = try !OptimisticRow.hasOperations(token, self)
        let (standing, told) = known.standing.after(departure, isLast: isLast)
        if standing != known.standing { OptimisticRow.set(token, standing, self) }
        if case .rolledBack = told { try rollBackDependents(of: token, now, &result) }
        if let told { result.ended.append(try OptimisticRow.tell(known.change, told, state: state, now, self)) }
        if isLast { OptimisticRow.ended(token, now, self) }
    }

    /// As above, where nobody asks for the endings: whoever takes them finds them in the store.
    func endOptimistic(_ token: String, _ departure: Departure, _ now: Timestamp?) throws {
        var result = ExchangeResult()
        try endOptimistic(token, departure, now, &result)
    }

    private func rollBackDependents(of token: String, _ now: Timestamp?, _ result: inout ExchangeResult) throws {
        for dependent in try OptimisticRow.dependents(of: token, self) {
            let name = dependent.txnToken
            let reason = LastError.dependsOn(dependent.dependsOn ?? token)
            OptimisticRow.set(name, .refused, self)
            for id in try stepOut(name, reason, now) { result.steppedOut.append((id, reason)) }
            result.ended.append(try OptimisticRow.tell(dependent, .rolledBack(reason), state: nil, now, self))
        }
    }

    /// Operations of these tokens were stored: where a change was rolled back with what it depends on, they step out at once.
    func stepOutIfRefused(_ tokens: Set<String>, _ now: Timestamp) throws {
        guard !tokens.isEmpty, try uses(.optimistic) else { return }
        for token in tokens.sorted() {
            guard let known = try OptimisticRow.find(token, self), known.standing == .refused else { continue }
            _ = try stepOut(token, .dependsOn(known.change.dependsOn ?? token), now)
        }
    }

    /// Fails the operations of a change that were never attempted: they wait for a person. Returns which.
    func stepOut(_ token: String, _ reason: LastError, _ now: Timestamp?) throws -> [OperationID] {
        let lines = Set(try rows(Self.neverAttempted, .text(token)).map { $0.int(2) })
        guard !lines.isEmpty else { return [] }
        later(Self.lockLines, .ints(lines.sorted()))
        // Looked at again now that nobody else can claim them.
        let waiting = try rows(Self.neverAttempted, .text(token)).map { (seq: $0.int(0), id: try $0.operationID(1), line: $0.int(2)) }
        for row in waiting {
            fail(row.seq, reason, now)
            tally(.failed, .other(reason.class))
        }
        for line in Set(waiting.map(\.line)).sorted() { mend(line, now) }
        return waiting.sorted { $0.seq < $1.seq }.map(\.id)
    }
}
