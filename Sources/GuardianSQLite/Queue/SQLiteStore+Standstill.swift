internal import GuardianCore

extension SQLiteStore {
    private static let writeStandstill = SQL(
        "UPDATE guardian_operation SET error_class = ?2, error_code = ?3, error_status = ?4, error_message = ?5 WHERE seq = ?1")

    /// The answer that has brought delivery to a stand becomes the last error of the operation that has met it. By itself, so that what
    /// goes back without one touches no index of errors.
    static func keep(_ standstill: LastError?, of seq: Int64, _ transaction: WriteTransaction) throws {
        guard let standstill else { return }
        let update = try transaction.statement(writeStandstill)
        update.bind(1, seq)
        try bind(update, standstill, of: seq, from: 2, transaction)
        try update.run()
    }
}
