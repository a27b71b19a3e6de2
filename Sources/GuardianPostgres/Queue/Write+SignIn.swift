internal import GuardianCore

/// How far a switch of user has come: what others wrote parks first, then what the one who is signed in wrote comes back, the oldest first.
struct SignInPlace: Sendable {
    /// Who is signed in, by the hash; nil for nobody.
    var hash: String?
    var isParking = true
    /// The last row that was looked at.
    var principal = ""
    var seq: Int64 = 0
    /// Whether a line was left that somebody's open transaction holds.
    var leavesSome = false
}

/// Another user signs in. A queue may have a million operations of both, so that only the first of them change their places in the
/// transaction that says who it is; the rest follow page by page, each in a transaction of its own, by whomever
/// (``PostgresStore/goOnSigningIn(from:)``).
///
/// Until then the rest is where it was: what is parked stays so for a while, and what is not may be claimed by somebody whose token must
/// not carry it, who gives it back unsent, which parks it.
extension Write {
    private static let saveSignedIn = SQL(
        "INSERT INTO guardian_setting VALUES ('signed_in', $1) ON CONFLICT (name) DO UPDATE SET value = $1")
    private static let dropSignedIn = SQL("DELETE FROM guardian_setting WHERE name = 'signed_in'")
    private static let page = SQL("SELECT principal, seq, line FROM guardian_sign_in_page($1, $2, $3, $4, $5)")
    private static let move = SQL("SELECT guardian_sign_in($1, $2, $3, $4)")
    private static let holdLines = SQL("SELECT line FROM guardian_line WHERE line = ANY($1) ORDER BY line FOR UPDATE")
    private static let holdFreeLines = SQL(
        "SELECT line FROM guardian_line WHERE line = ANY($1) ORDER BY line FOR UPDATE SKIP LOCKED")
    private static let dueOfHeads = SQL(
        """
        UPDATE guardian_line l SET due_at = o.due_at FROM guardian_operation o
        WHERE l.line = ANY($1) AND o.seq = l.head AND o.line = l.line AND l.state = 0 AND l.due_at <> o.due_at
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
    private static let holdUnfinished = SQL(
        "INSERT INTO guardian_setting VALUES ('\(unfinished)', '1') ON CONFLICT (name) DO UPDATE SET value = '1'")
    private static let dropUnfinished = SQL("DELETE FROM guardian_setting WHERE name = '\(unfinished)'")

    /// Operations that one transaction parks or brings back at most.
    private static let signInPage = 5000

    /// The hash of the principal who is signed in.
    func signedIn() throws -> String? { try setting("signed_in") }

    /// Another principal is signed in: the operations of all others park, and its own come back. Returns where to go on; nil at the end.
    func signIn(_ signedIn: SignedIn) throws -> SignInPlace? {
        guard try self.signedIn() != signedIn.hash else { return nil }
        if let hash = signedIn.hash { later(Self.saveSignedIn, .text(hash)) } else { later(Self.dropSignedIn) }
        return try goOnSigningIn(from: SignInPlace())
    }

    /// Parks and brings back by who is signed in, a page of it. Returns where to go on; nil at the end.
    ///
    /// A line that somebody's open transaction holds is left as it is, for the next rescue.
    func goOnSigningIn(from given: SignInPlace) throws -> SignInPlace? {
        // Who signs in meanwhile waits for this page, and this one for him: who it is is read after that.
        later(Self.holdUnfinished)
        try readSettings()
        let hash = try signedIn()
        var place = given
        if place.hash != hash { place = SignInPlace(hash: hash) }
        var left = Self.signInPage
        if place.isParking {
            left -= try movePage(&place, left)
            if left == 0 { return place }
            place = SignInPlace(hash: hash, isParking: false, leavesSome: place.leavesSome)
        }
        if hash != nil {
            left -= try movePage(&place, left)
            if left == 0 { return place }
        }
        if !place.leavesSome { later(Self.dropUnfinished) }
        return nil
    }

    /// Returns how many were looked at.
    private func movePage(_ place: inout SignInPlace, _ limit: Int) throws -> Int {
        let (parks, hash) = (Parameter.bool(place.isParking), Parameter.text(place.hash ?? ""))
        let found = try rows(Self.page, parks, hash, .text(place.principal), .int(place.seq), .int(Int64(limit)))
        guard let last = found.last else { return 0 }
        (place.principal, place.seq) = (last.text(0) ?? "", last.int(1))
        let moved = found.map { (seq: $0.int(1), line: $0.int(2)) }
        let lines = Set(moved.map(\.line))
        let concerned = Parameter.ints(lines.sorted())
        var free = moved
        if try !attempt(lockMs: 100, { try rows(Self.holdLines, concerned) }) {
            let held = Set(try rows(Self.holdFreeLines, concerned).map { $0.int(0) })
            free = moved.filter { held.contains($0.line) }
            place.leavesSome = true
        }
        if !free.isEmpty { later(Self.move, parks, hash, .ints(free.map(\.seq)), .ints(free.map(\.line))) }
        return found.count
    }

    /// Heads take over when their operations are due.
    func takeOverDue(of lines: Set<Int64>) {
        if !lines.isEmpty { later(Self.dueOfHeads, .ints(lines.sorted())) }
    }
}
