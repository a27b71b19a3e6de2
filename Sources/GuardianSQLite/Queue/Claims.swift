internal import GRDB
internal import GuardianCore

/// Up to which number all heads that wait for no time are in hand, for each priority: the next claim begins behind that instead of passing
/// over each of them again. Nothing depends on it but time: where nothing is left behind that number all heads are looked at, and now and
/// then in any case.
struct ClaimedHeads {
    /// Claims after which all heads are looked at again.
    private static let mostUses = 256

    private var numbers: [Int: Int64] = [:]
    private var uses = 0

    /// The number behind which those are that may be claimed; nil when that is not known.
    mutating func number(_ priority: Int) -> Int64? {
        uses += 1
        if uses > Self.mostUses { self = ClaimedHeads() }
        return numbers[priority]
    }

    /// All up to `seq` are in hand.
    mutating func set(_ priority: Int, upTo seq: Int64) { numbers[priority] = seq }

    mutating func forget(_ priority: Int) { numbers[priority] = nil }

    /// Any row may have become a head that can be claimed.
    mutating func forgetAll() { numbers = [:] }

    /// A row has become a head.
    mutating func add(_ seq: Int64) {
        for (priority, number) in numbers where number >= seq { numbers[priority] = seq - 1 }
    }
}

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
        transaction.claimed.forgetAll()
        let at = take.int(0)
        let mark = try transaction.statement(markOne)
        mark.bind(1, seq)
        mark.bind(2, epoch)
        mark.bind(3, at)
        try mark.run()
    }

    /// Brings all of them into their rows.
    static func takeAll(_ transaction: WriteTransaction) throws {
        transaction.claimed.forgetAll()
        try transaction.statement("\(mark) WHERE \(holdsRow)").run()
        try transaction.statement("DELETE FROM guardian_claim").run()
    }
}
