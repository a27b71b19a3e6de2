internal import GRDB
internal import GuardianCore

/// Claims in force, in a narrow table of their own: a claim then rewrites neither the row of its operation nor the entry of its head, which
/// most operations leave for good with their next step (docs/decisions/0052-claims-stand-apart.md). A row that is claimed has `status = 0`.
///
/// What becomes of a claim, other than that its operation was processed, is written into the row: ``take(_:_:_:)`` brings the claim there
/// first, as `status = 1`, which lasts as long as a transaction.
enum Claims {
    /// Whether the row whose number is `seq` in a statement is claimed.
    static let holdsRow = "seq IN (SELECT operation FROM guardian_claim)"
    /// Whether it is not.
    static let leavesRow = "seq NOT IN (SELECT operation FROM guardian_claim)"

    /// What a row of this status fulfils.
    static func condition(_ status: GuardianCore.Operation.Status) -> String {
        switch status {
        case .pending: "status = 0 AND \(leavesRow)"
        case .processing: holdsRow
        case .failed: "status = 2"
        }
    }

    /// Rows of one statement: every statement opens the table.
    private static let together = 16
    private static let insertOne = SQL("INSERT INTO guardian_claim (operation, epoch, claimed_at) VALUES (?3, ?1, ?2)")
    private static let insertMany = SQL(
        """
        INSERT INTO guardian_claim (operation, epoch, claimed_at)
        VALUES \((3...together + 2).map { "(?\($0), ?1, ?2)" }.joined(separator: ", "))
        """)
    private static let takeOne = SQL("DELETE FROM guardian_claim WHERE operation = ?1 AND epoch = ?2 RETURNING claimed_at")
    private static let mark = """
        UPDATE guardian_operation SET status = 1, attempted_before = last_attempt_at,
            claim_epoch = (SELECT epoch FROM guardian_claim WHERE operation = seq),
            last_attempt_at = (SELECT claimed_at FROM guardian_claim WHERE operation = seq),
            updated_at = (SELECT claimed_at FROM guardian_claim WHERE operation = seq)
        """
    private static let markOne = SQL(
        """
        UPDATE guardian_operation SET status = 1, claim_epoch = ?2, attempted_before = last_attempt_at, last_attempt_at = ?3, updated_at = ?3
        WHERE seq = ?1
        """)

    /// Writes the claims of rows, many in one statement.
    static func write(_ seqs: inout [Int64], _ fence: Fence, _ now: Timestamp, _ transaction: WriteTransaction) throws {
        var rest = seqs[...]
        while !rest.isEmpty {
            let piece = rest.count >= together ? rest.prefix(together) : rest.prefix(1)
            let insert = try transaction.statement(piece.count == 1 ? insertOne : insertMany)
            insert.bind(1, fence.epoch)
            insert.bind(2, now)
            for (index, seq) in piece.enumerated() { insert.bind(Int32(index + 3), seq) }
            try insert.run()
            rest = rest.dropFirst(piece.count)
        }
        seqs.removeAll()
    }

    /// Brings the claim of `epoch` into its row, as `status = 1`. Nothing happens when that claim is not in force.
    static func take(_ seq: Int64, _ epoch: Int64, _ transaction: WriteTransaction) throws {
        let take = try transaction.statement(takeOne)
        take.bind(1, seq)
        take.bind(2, epoch)
        defer { take.reset() }
        guard try take.step() else { return }
        let at = take.int(0)
        let mark = try transaction.statement(markOne)
        mark.bind(1, seq)
        mark.bind(2, epoch)
        mark.bind(3, at)
        try mark.run()
    }

    /// Brings all of them into their rows.
    static func takeAll(_ transaction: WriteTransaction) throws {
        try transaction.statement("\(mark) WHERE \(holdsRow)").run()
        try transaction.statement("DELETE FROM guardian_claim").run()
    }
}
