internal import GRDB
internal import GuardianCore

/// Processed operations that leave the queue for the ledger, many in one statement: every statement opens the table and each of its indexes.
///
/// What waits here still stands in the queue. It is written before anything looks at more than its own row.
struct Departures {
    /// Rows of one statement.
    private static let together = 16
    private static let deleteOne = SQL("DELETE FROM guardian_operation WHERE seq = ?1")
    private static let deleteMany = SQL("DELETE FROM guardian_operation WHERE seq IN (\(SQL.places(1...together)))")
    private static let releaseOne = SQL("DELETE FROM guardian_claim WHERE operation = ?1")
    private static let releaseMany = SQL("DELETE FROM guardian_claim WHERE operation IN (\(SQL.places(1...together)))")
    private static let rememberMany = SQL(
        """
        INSERT INTO guardian_ledger (id, seq, idempotency_key, at, \(EndingColumns.names))
        VALUES \((0..<together).map { "(\(SQL.places($0 * 7 + 1...$0 * 7 + 7)))" }.joined(separator: ", "))
        ON CONFLICT (id) DO NOTHING
        """)

    private struct Departing {
        var seq: Int64
        var id: OperationID
        var key: UniqueID
        var answer: String?
    }

    private let transaction: WriteTransaction
    private let now: Timestamp
    private var waiting: [Departing] = []

    init(_ transaction: WriteTransaction, _ now: Timestamp) {
        self.transaction = transaction
        self.now = now
    }

    /// Whether it has left already, as far as whoever settles is concerned.
    func has(_ seq: Int64) -> Bool { waiting.contains { $0.seq == seq } }

    mutating func add(_ settlement: Settlement, key: UniqueID) throws {
        waiting.append(Departing(seq: settlement.seq, id: settlement.id, key: key, answer: settlement.answer))
        if waiting.count == Self.together { try write() }
    }

    /// Takes all that waits out of the queue.
    mutating func write() throws {
        if waiting.count == Self.together { try writeTogether() } else { for row in waiting { try write(row) } }
        for row in waiting { try transaction.forgetReferences(row.seq) }
        transaction.count { $0.processed += Int64(waiting.count) }
        waiting.removeAll(keepingCapacity: true)
    }

    private func write(_ row: Departing) throws {
        let delete = try transaction.statement(Self.deleteOne)
        delete.bind(1, row.seq)
        try delete.run()
        let release = try transaction.statement(Self.releaseOne)
        release.bind(1, row.seq)
        try release.run()
        try transaction.remember(row.id, seq: row.seq, key: row.key, .processed(answer: row.answer), now)
    }

    private func writeTogether() throws {
        let delete = try transaction.statement(Self.deleteMany)
        let release = try transaction.statement(Self.releaseMany)
        let remember = try transaction.statement(Self.rememberMany)
        for (index, row) in waiting.enumerated() {
            delete.bind(Int32(index + 1), row.seq)
            release.bind(Int32(index + 1), row.seq)
            let column = Int32(index * 7)
            remember.bind(column + 1, row.id)
            remember.bind(column + 2, row.seq)
            remember.bind(column + 3, row.key)
            remember.bind(column + 4, now)
            try EndingColumns.bind(.processed(answer: row.answer), of: row.seq, to: remember, from: column + 5, transaction)
        }
        try delete.run()
        try release.run()
        try remember.run()
        transaction.forgetNewest()
    }
}
