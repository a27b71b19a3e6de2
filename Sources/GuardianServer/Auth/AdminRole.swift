/// What somebody may do in the console. Each role may do what the one before may.
public enum AdminRole: String, Sendable, CaseIterable, Comparable {
    /// Looks; changes nothing.
    case viewer
    /// Works with operations: retry, cancel, resolve, export, pause and resume.
    case `operator`
    /// Does what can hurt the queue as a whole: clear failed ones, force the lock, rebuild the index.
    case admin

    public static func < (one: AdminRole, other: AdminRole) -> Bool { one.rank < other.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
