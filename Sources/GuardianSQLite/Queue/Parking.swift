internal import GRDB
internal import GuardianCore

/// Operations of a principal who is not signed in are pending and due at the end of time, so that no claim walks over them.
enum Parking {
    /// `due_at` of what is parked.
    static let due = Int64.max / 4
    /// `due_at` of what points to an entity whose create is not settled. Later than ``due``, and not touched when someone signs in.
    static let awaiting = Int64.max / 2

    /// An expression that parks a row whose principal is not signed in, and gives `due` for any other.
    static func sql(due: String) -> String {
        """
        CASE WHEN principal IS NOT NULL AND principal IS NOT (SELECT value FROM guardian_setting WHERE name = 'signed_in')
            THEN \(Self.due) ELSE \(due) END
        """
    }

    /// When a row is due by its own times.
    static let ownDue = "max(0, coalesce(next_retry_at, not_before, 0))"
}

extension WriteTransaction {
    /// The hash of the principal who is signed in.
    func signedIn() throws -> String? {
        let find = try statement("SELECT value FROM guardian_setting WHERE name = 'signed_in'")
        defer { find.reset() }
        return try find.step() ? find.text(0) : nil
    }

    /// Another principal is signed in: the operations of all others park, and its own come back.
    func signIn(_ signedIn: SignedIn) throws {
        guard try self.signedIn() != signedIn.hash else { return }
        if let hash = signedIn.hash {
            let save = try statement("INSERT OR REPLACE INTO guardian_setting (name, value) VALUES ('signed_in', ?1)")
            save.bind(1, hash as String?)
            try save.run()
        } else {
            try statement("DELETE FROM guardian_setting WHERE name = 'signed_in'").run()
        }
        let park = try statement(
            """
            UPDATE guardian_operation INDEXED BY guardian_operation_principal SET due_at = \(Parking.due)
            WHERE principal IS NOT NULL AND principal IS NOT ?1 AND status = 0 AND due_at < \(Parking.due) AND \(Claims.leavesRow)
            """)
        park.bind(1, signedIn.hash)
        try park.run()
        let back = try statement(
            """
            UPDATE guardian_operation INDEXED BY guardian_operation_principal SET due_at = \(Parking.ownDue)
            WHERE principal IS NOT NULL AND principal = ?1 AND status = 0 AND due_at = \(Parking.due)
            """)
        back.bind(1, signedIn.hash)
        try back.run()
        claimed.forgetAll()
    }
}
