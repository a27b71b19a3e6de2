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

extension Write {
    private static let saveSignedIn = SQL(
        "INSERT INTO guardian_setting VALUES ('signed_in', $1) ON CONFLICT (name) DO UPDATE SET value = $1")
    private static let dropSignedIn = SQL("DELETE FROM guardian_setting WHERE name = 'signed_in'")
    /// In lines where somebody's place is to change.
    private static let concerned = SQL(
        """
        SELECT DISTINCT line FROM guardian_operation WHERE principal IS NOT NULL AND status = 0
            AND CASE WHEN principal = $1 THEN due_at = \(Parking.due) ELSE due_at < \(Parking.due) END
        """)
    private static let holdLines = SQL("SELECT line FROM guardian_line WHERE line = ANY($1) ORDER BY line FOR UPDATE")
    private static let holdFreeLines = SQL(
        "SELECT line FROM guardian_line WHERE line = ANY($1) ORDER BY line FOR UPDATE SKIP LOCKED")
    private static let park = SQL(
        """
        UPDATE guardian_operation o SET due_at = \(Parking.due) FROM unnest($2::bigint[]) AS h(line)
        WHERE principal IS NOT NULL AND principal IS DISTINCT FROM $1 AND status = 0 AND due_at < \(Parking.due) AND o.line = h.line
        """)
    private static let back = SQL(
        """
        UPDATE guardian_operation o SET due_at = \(Parking.ownDue) FROM unnest($2::bigint[]) AS h(line)
        WHERE principal IS NOT NULL AND principal = $1 AND status = 0 AND due_at = \(Parking.due) AND o.line = h.line
        """)
    /// Set while some lines do not know yet who is signed in.
    private static let unfinished = "signing_in"
    /// An operation that was written at the same time as its principal signed in may be parked, and was not seen by the sign-in.
    static let findUnfinishedSignIn = SQL(
        """
        SELECT 1 WHERE EXISTS (SELECT 1 FROM guardian_setting WHERE name = '\(unfinished)')
            OR EXISTS (SELECT 1 FROM guardian_operation WHERE status = 0 AND due_at = \(Parking.due)
                AND principal = (SELECT value FROM guardian_setting WHERE name = 'signed_in'))
        """)
    private static let saveUnfinished = SQL("INSERT INTO guardian_setting VALUES ('\(unfinished)', '1') ON CONFLICT (name) DO NOTHING")
    private static let dropUnfinished = SQL("DELETE FROM guardian_setting WHERE name = '\(unfinished)'")
    private static let dueOfHeads = SQL(
        """
        UPDATE guardian_line l SET due_at = o.due_at FROM guardian_operation o
        WHERE l.line = ANY($1) AND o.seq = l.head AND o.line = l.line AND l.state = 0 AND l.due_at <> o.due_at
        """)

    /// The hash of the principal who is signed in.
    func signedIn() throws -> String? { try setting("signed_in") }

    /// Another principal is signed in: the operations of all others park, and its own come back.
    func signIn(_ signedIn: SignedIn) throws {
        guard try self.signedIn() != signedIn.hash else { return }
        if let hash = signedIn.hash { later(Self.saveSignedIn, .text(hash)) } else { later(Self.dropSignedIn) }
        remember(setting: "signed_in", signedIn.hash)
        try finishSignIn()
    }

    /// Parks and brings back by who is signed in. A line that somebody's open transaction holds is left as it is, for the next rescue:
    /// whoever claims its head meanwhile gives back what its token must not carry.
    func finishSignIn() throws {
        let hash = Parameter.text(try signedIn())
        var lines = try rows(Self.concerned, hash).map { $0.int(0) }
        let concerned = Parameter.ints(lines)
        let isAll = try lines.isEmpty || attempt(lockMs: 100) { try rows(Self.holdLines, concerned) }
        if !isAll { lines = try rows(Self.holdFreeLines, concerned).map { $0.int(0) } }
        if !lines.isEmpty {
            later(Self.park, hash, .ints(lines))
            later(Self.back, hash, .ints(lines))
        }
        takeOverDue(of: Set(lines))
        later(isAll ? Self.dropUnfinished : Self.saveUnfinished)
    }

    /// Heads take over when their operations are due.
    func takeOverDue(of lines: Set<Int64>) {
        if !lines.isEmpty { later(Self.dueOfHeads, .ints(lines.sorted())) }
    }
}
