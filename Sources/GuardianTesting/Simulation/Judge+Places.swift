import GuardianCore

/// Why each operation is not moving, told from what the judge knows itself (spec section 3.12).
extension Judge {
    /// Compares one explanation with the judge's own.
    mutating func compare(_ explanation: Explanation, _ standing: Standing, _ situation: Explanation.Situation) {
        let operation = standing.operation
        guard let record = record(of: operation.seq) else { return violated("seq \(operation.seq) is listed and never came") }
        let own = reason(record, operation, situation)
        if explanation.reason != own {
            violated("explain: seq \(operation.seq) is \(Self.word(explanation.reason)), and should be \(Self.word(own))")
        }
        let head = head(of: record.line)
        if own == .behind, explanation.by.flatMap({ seq(of: $0) }) != (head == record.seq ? awaited(by: record).last : head) {
            violated("explain: seq \(operation.seq) is behind \(explanation.by.map { "\($0)" } ?? "nobody")")
        }
    }

    private static func word(_ reason: Explanation.Reason?) -> String { reason?.rawValue ?? "claimable" }

    /// The first that holds, in the order that `Explanation` promises; nil when it may be claimed.
    private func reason(_ record: Record, _ operation: Operation, _ situation: Explanation.Situation) -> Explanation.Reason? {
        let now = situation.now
        func lies(ahead time: Timestamp?) -> Bool { time.map { $0 > now } ?? false }
        if record.fate == .failed { return .failed }
        if claimed[record.line] == record.seq { return .leased }
        if head(of: record.line) != record.seq || !awaited(by: record).isEmpty { return .behind }
        if control.pauses.contains(.operator) || control.pauses.contains(.tls) { return .paused }
        if control.pauses.contains(.auth) { return .authRequired }
        if control.pauses.contains(.upgrade) { return .upgradeRequired }
        if let principal = record.operation.principal, principal != control.signedIn.hash { return .principal }
        if operation.type != "delete", operation.expiresAt == nil || lies(ahead: operation.expiresAt), let since = operation.unknownAt,
            now.milliseconds - since.milliseconds >= situation.idempotencyWindowMs
        {
            return .inDoubt
        }
        if control.health?.plagueSince != nil { return .plagueHold }
        if lies(ahead: control.health?.openUntil) { return .breaker }
        if lies(ahead: control.health?.holdUntil) { return .originHold }
        if let due = operation.nextRetryAt { return due > now ? .backoff : nil }
        return lies(ahead: operation.notBefore) ? .notBefore : nil
    }
}
