internal import GuardianCore

/// What apps' own transactions book: rows of their own, so that one that is left open is in the way of no other count. They are part of the
/// books at once, and carried over into the rows that many count in.
extension PostgresStore {
    /// Rows that one transaction carries over at most.
    private static let carriedAtOnce: Int64 = 5000
    /// Transactions of one call at most: as many rows as come in seconds.
    private static let mostCarries = 20

    static let findBooked = SQL("SELECT 1 FROM guardian_books_app LIMIT 1")
    private static let carry = SQL("SELECT guardian_carry_over($1, $2)")

    func carryOver() async throws(StoreError) {
        for _ in 0..<Self.mostCarries {
            let count = try await write(isRepeatable: true) { write in try Self.carryOver(write, limit: Self.carriedAtOnce) }
            if count < Self.carriedAtOnce { return }
        }
    }

    /// Returns how many rows.
    @discardableResult
    static func carryOver(_ write: Write, limit: Int64 = .max) throws -> Int64 {
        try write.first(carry, .int32(write.connection.stripe), .int(limit))?.int(0) ?? 0
    }
}
