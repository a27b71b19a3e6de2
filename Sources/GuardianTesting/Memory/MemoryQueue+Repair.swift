import GuardianCore

extension MemoryQueue {
    func list(_ filter: OperationFilter) -> [Operation] {
        let matching = rows.values.map(\.operation).filter { operation in
            operation.seq > filter.afterSeq
                && (filter.status.map { $0 == operation.status } ?? true)
                && (filter.operationType.map { $0 == operation.type } ?? true)
                && (filter.entityType.map { $0 == operation.entity.type } ?? true)
                && (filter.entityID.map { $0 == operation.entity.id } ?? true)
                && (filter.traceID.map { $0 == operation.traceID } ?? true)
                && (filter.since.map { $0 <= operation.enqueuedAt } ?? true)
                && (filter.until.map { operation.enqueuedAt < $0 } ?? true)
        }
        let page = matching.sorted { $0.seq < $1.seq }.prefix(filter.limit)
        return filter.includesPayload ? Array(page) : page.map(\.withoutPayload)
    }

    /// Puts a failed operation back into its line, at its old place. Returns whether it was failed.
    mutating func retry(_ id: OperationID, now: Timestamp) -> Bool {
        guard let seq = ids[id], var row = rows[seq], row.operation.status == .failed else { return false }
        row.operation.crashes = 0
        row.operation.status = .pending
        row.operation.attemptCount = 0
        row.operation.tries = 0
        row.operation.failureMark = nil
        row.operation.nextRetryAt = nil
        row.operation.backoffMs = 0
        row.operation.updatedAt = now
        row.due = due(of: row.operation)
        rows[seq] = row
        var line = lines[row.line, default: []]
        line.insert(seq, at: line.firstIndex { $0 > seq } ?? line.endIndex)
        lines[row.line] = line
        books.failed -= 1
        return true
    }

    mutating func resolve(_ id: OperationID, _ revision: Settlement.Revision?, now: Timestamp) -> Bool {
        guard let seq = ids[id], var row = rows[seq], row.operation.status == .failed, row.operation.lastError?.class == .conflict else {
            return false
        }
        guard let revision else {
            books.failed -= 1
            books.processed += 1
            tallies.add(.processed, .other)
            remove(seq)
            remember(id, seq, .processed(answer: nil), at: now)
            endOptimistic(row.operation.txnToken, .overruled, at: now)
            return true
        }
        row.operation.revise(revision)
        row.operation.rounds = 0
        row.operation.server = nil
        rows[seq] = row
        return retry(id, now: now)
    }

    mutating func cancel(_ id: OperationID, ifStill status: Operation.Status?, now: Timestamp) -> CancelAnswer {
        guard let seq = ids[id], let row = rows[seq] else { return .notFound }
        if row.operation.status == .processing { return .inFlight }
        if let status, row.operation.status != status { return .notFound }
        if row.operation.status == .failed { books.failed -= 1 }
        books.cancelled += 1
        remove(seq)
        remember(id, seq, .cancelled, at: now)
        endOptimistic(row.operation.txnToken, .cancelled, at: now)
        return row.operation.lastAttemptAt == nil ? .neverSent : .mayHaveApplied
    }

    mutating func clearFailed(through: Int64, asOf: Timestamp?) -> Int {
        let failed = all { operation in
            operation.status == .failed && operation.seq <= through && (asOf.map { operation.updatedAt <= $0 } ?? true)
        }
        for operation in failed { remove(operation.seq) }
        books.failed -= Int64(failed.count)
        books.cleared += Int64(failed.count)
        // What fails because of it fails after the set was frozen.
        let end = asOf?.adding(milliseconds: 1)
        for token in failed.compactMap(\.txnToken) { endOptimistic(token, .cleared, at: end) }
        return failed.count
    }

    /// Milliseconds that what is known of an entity is kept beyond the ledger's window: 89 days, so 90 in all.
    private static let entityMs: Int64 = 89 * 86_400_000

    mutating func sweepLedger(before: Timestamp, limit: Int) -> Int {
        let old = Array(ledgerOrder.lazy.filter { [ledger] id in ledger[id].map { $0.at < before } ?? true }.prefix(limit))
        sweepAliases(before: before)
        sweepEnded(before: before)
        sweepEntities(before: before.adding(milliseconds: -Self.entityMs))
        let gone = Set(old)
        ledgerOrder.removeAll { gone.contains($0) }
        var count = 0
        for id in old {
            // One that was folded into an operation that still waits is known as long as that is.
            if case .merged(let into) = ledger[id]?.ending, ids[into] != nil {
                ledger[id]?.at = before.adding(milliseconds: 3_600_000)
                ledgerOrder.append(id)
            } else {
                ledger[id] = nil
                count += 1
            }
        }
        return count
    }

    mutating func clampRetries(now: Timestamp) -> Int {
        var count = 0
        for line in lines.values {
            guard let seq = line.first, var row = rows[seq], row.operation.status == .pending, row.operation.backoffMs > 0 else { continue }
            let latest = now.milliseconds + row.operation.backoffMs
            guard row.due > latest, row.due < Self.parked else { continue }
            row.due = latest
            row.operation.nextRetryAt = Timestamp(milliseconds: latest)
            rows[seq] = row
            count += 1
        }
        return count
    }

    func check() -> CheckReport {
        var counts: [Operation.Status: Int64] = [:]
        for row in rows.values { counts[row.operation.status, default: 0] += 1 }
        var report = CheckReport(
            pending: counts[.pending] ?? 0, processing: counts[.processing] ?? 0, failed: counts[.failed] ?? 0, books: currentBooks,
            problems: [])
        let standing = lines.values.reduce(0) { $0 + $1.count }
        if Int64(standing) != report.pending + report.processing { report.problems.append("operations that stand in no line, or in two") }
        if lines.values.contains(where: { $0 != $0.sorted() }) { report.problems.append("a line out of order") }
        if Int64(claimed.count) != report.processing { report.problems.append("claims that are no one's") }
        if report.gap != 0 { report.problems.append("the books do not balance: unaccounted for \(report.gap)") }
        if report.failed != books.failed { report.problems.append("the books say \(books.failed) failed; there are \(report.failed)") }
        report.problems += aliasProblems
        return report
    }

    /// Lines up anew. Returns how many operations stood in another line.
    mutating func rebuild(ordering wanted: Ordering?) -> Int {
        ordering = wanted ?? ordering
        var wrong = 0
        lines = [:]
        claimed = [:]
        for seq in rows.keys.sorted() {
            guard var row = rows[seq] else { continue }
            let line = ordering.line(for: row.operation.orderingKey)
            if line != row.line { wrong += 1 }
            row.line = line
            rows[seq] = row
            if row.operation.status != .failed { lines[line, default: []].append(seq) }
            if row.operation.status == .processing { claimed[line] = seq }
        }
        return wrong
    }
}
