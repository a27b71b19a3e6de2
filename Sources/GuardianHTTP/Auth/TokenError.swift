public import GuardianCore

/// Why there is no token: what kind of trouble, and words that never hold a token or a secret.
public struct TokenError: TellableError, Sendable, Hashable {
    /// A kind of trouble; more may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        /// The credentials are over (`invalid_grant`): somebody has to sign in.
        public static let needsLogin = Code(description: "needs_login")
        /// The settings or the client's registration are wrong: a person has to look.
        public static let misconfigured = Code(description: "misconfigured")
        /// Nobody answered, or not now: trying later helps.
        public static let unavailable = Code(description: "unavailable")
        /// A file is missing, empty or not a token.
        public static let unreadable = Code(description: "unreadable")
        /// A file that has to be kept can't be written.
        public static let unwritable = Code(description: "unwritable")
        /// The command could not be run, or ended badly.
        public static let commandFailed = Code(description: "command_failed")
        /// No answer in time.
        public static let timeout = Code(description: "timeout")
        /// More was said than is read.
        public static let tooLarge = Code(description: "too_large")
        /// What was said is no token.
        public static let badAnswer = Code(description: "bad_answer")
        /// The caller gave up.
        public static let interrupted = Code(description: "interrupted")
    }

    /// What callers go by: see ``isTransient``.
    public var code: Code
    /// For people: what went wrong, and often what to do.
    public var message: String
    /// How long the issuer asks to be left alone.
    public var retryAfterMs: Int64?

    /// For sources of the app's own too. `message` is logged and shown, so it must not hold a token or a secret.
    public init(_ code: Code, _ message: String, retryAfterMs: Int64? = nil) {
        self.code = code
        self.message = message
        self.retryAfterMs = retryAfterMs
    }

    /// Whether asking again later may help without anybody doing anything.
    public var isTransient: Bool { [.unavailable, .timeout, .badAnswer, .tooLarge, .interrupted].contains(code) }

    public var description: String { "\(code): \(message)" }
}
