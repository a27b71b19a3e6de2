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
        CASE WHEN principal IS NOT NULL
            AND principal IS DISTINCT FROM (SELECT value FROM guardian_setting WHERE name = 'signed_in')
            THEN \(Self.due) ELSE \(due) END
        """
    }

    /// When a row is due by its own times.
    static let ownDue = "greatest(0, coalesce(next_retry_at, not_before, 0))"
}
