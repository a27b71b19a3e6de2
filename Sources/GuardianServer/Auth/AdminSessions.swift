import GuardianCore

/// Who is logged in to the console. Times are milliseconds of the steady clock of the process.
struct AdminSessions {
    /// A session ends when nothing was asked for so long.
    static let idleMs: Int64 = 30 * 60_000
    /// And so long after its login, whatever was asked.
    static let longestMs: Int64 = 12 * 3_600_000
    /// Sessions at most; a login beyond it ends the one that has been idle longest.
    static let most = 1000

    struct Session: Sendable, Equatable {
        var name: String
        var role: AdminRole
        /// What forms of this session carry.
        var csrf: String
        var beganAt: Int64
        var seenAt: Int64
    }

    private var sessions: [[UInt8]: Session] = [:]

    /// Begins a session. Returns what goes into the cookie; only a digest of it is kept.
    mutating func begin(_ holder: AdminTokens.Holder, at now: Int64, using random: inout some RandomNumberGenerator) -> String {
        sweep(now)
        if sessions.count >= Self.most, let idlest = sessions.min(by: { $0.value.seenAt < $1.value.seenAt })?.key { sessions[idlest] = nil }
        let secret = Self.secret(using: &random)
        let csrf = Self.secret(using: &random)
        sessions[AdminTokens.digest(secret)] = Session(name: holder.name, role: holder.role, csrf: csrf, beganAt: now, seenAt: now)
        return secret
    }

    /// The session of a cookie. `keepsAlive`: somebody asked, not a page that updates itself.
    mutating func session(_ secret: String, at now: Int64, keepsAlive: Bool = true) -> Session? {
        let key = AdminTokens.digest(secret)
        guard var session = sessions[key] else { return nil }
        guard Self.isAlive(session, now) else {
            sessions[key] = nil
            return nil
        }
        if keepsAlive {
            session.seenAt = now
            sessions[key] = session
        }
        return session
    }

    mutating func end(_ secret: String) { sessions[AdminTokens.digest(secret)] = nil }

    private mutating func sweep(_ now: Int64) { sessions = sessions.filter { Self.isAlive($0.value, now) } }

    private static func isAlive(_ session: Session, _ now: Int64) -> Bool {
        now - session.seenAt < idleMs && now - session.beganAt < longestMs
    }

    /// 256 random bits as hexadecimal digits.
    static func secret(using random: inout some RandomNumberGenerator) -> String {
        UniqueID(high: random.next(), low: random.next()).hex + UniqueID(high: random.next(), low: random.next()).hex
    }
}
