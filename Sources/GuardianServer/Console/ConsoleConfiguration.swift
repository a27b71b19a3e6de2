public import GuardianCore
public import GuardianPrivacy

/// One setting in force.
public struct ConsoleSetting: Sendable, Equatable {
    /// As settings name it, such as `upstream.url`.
    public var key: String
    /// Masked where it is a secret.
    public var value: String
    /// Where it came from: default, file, environment or flag.
    public var source: String

    /// A secret is to be masked in `value` already.
    public init(key: String, value: String, source: String) {
        self.key = key
        self.value = value
        self.source = source
    }
}

/// What the console needs from outside; the composition root fills it in.
public struct ConsoleConfiguration: Sendable {
    /// Who may log in.
    public var tokens: AdminTokens
    /// Takes out what is personal or secret. Everything that is shown goes through it.
    public var redactor: Redactor
    /// The configuration in force, masked.
    public var settings: @Sendable () -> [ConsoleSetting] = { [] }
    /// Every alert that is known, firing or not.
    public var alerts: @Sendable () -> [Alert] = { [] }
    /// Where the log can be searched; nil for what the process has told lately.
    public var logs: (any ConsoleLogs)?
    /// Where the audit log is kept; nil for memory only.
    public var auditFile: String?
    /// What the header says is delivered to.
    public var upstream = ""
    /// Shown at the foot of each page.
    public var version = ""
    /// Whether it is reached over TLS: cookies then never leave it.
    public var isSecure = false
    /// After how many milliseconds of silence the lock counts as stale.
    public var lockStaleAfterMs: Int64 = 120_000
    /// The request that a pending operation would become now.
    public var preview: @Sendable (Operation, any Store) async -> ConsolePreview = { _, _ in
        .impossible("this process does not know its routes")
    }
    /// Bulk work: operations a second, unless the person says otherwise.
    public var bulkRate = 50.0
    /// Milliseconds after which a dialog counts its set no further.
    package var countingMs: Int64 = 20
    /// Failed operations up to which a dialog counts a set of them whatever it takes: an index leads to them.
    package var countedAtOnce: Int64 = 20_000

    /// The rest has defaults that show little; set it on what this returns.
    public init(tokens: AdminTokens, redactor: Redactor = .standard) {
        self.tokens = tokens
        self.redactor = redactor
    }
}
