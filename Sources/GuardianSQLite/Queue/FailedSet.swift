internal import GuardianCore

/// Failed operations with a number up to `through` that have not changed since `asOf`, a piece at a time, oldest first.
struct FailedSet {
    /// Rows that one transaction removes at most: writers and memory are not held up by a long list.
    static let piece = 1000

    let through: Int64
    /// nil whenever they failed.
    let asOf: Timestamp?

    private static let oldest = """
        FROM guardian_operation WHERE status = 2 AND seq <= ?1 AND updated_at <= ?2 ORDER BY seq LIMIT \(piece)
        """

    /// The numbers of the oldest piece.
    func numbers(_ transaction: WriteTransaction) throws -> [Int64] {
        let find = try bound("SELECT seq \(Self.oldest)", transaction)
        var found: [Int64] = []
        while try find.step() { found.append(find.int(0)) }
        return found
    }

    /// The tokens of the oldest piece, each once.
    func tokens(_ transaction: WriteTransaction) throws -> [String] {
        let find = try bound("SELECT DISTINCT txn_token FROM (SELECT txn_token \(Self.oldest)) WHERE txn_token IS NOT NULL", transaction)
        var found: [String] = []
        while try find.step() { if let token = find.text(0) { found.append(token) } }
        return found
    }

    /// Deletes the oldest piece. Returns how many rows that were.
    func delete(_ transaction: WriteTransaction) throws -> Int {
        try bound("DELETE FROM guardian_operation WHERE seq IN (SELECT seq \(Self.oldest))", transaction).run()
    }

    private func bound(_ sql: String, _ transaction: WriteTransaction) throws -> RawStatement {
        let statement = try transaction.statement(sql)
        statement.bind(1, through)
        statement.bind(2, asOf?.milliseconds ?? Int64.max)
        return statement
    }
}
