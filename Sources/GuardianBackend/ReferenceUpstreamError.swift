/// Why the reference upstream could not start.
public struct ReferenceUpstreamError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is. Open: new kinds may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// A stable name in snake_case.
        public let description: String

        /// A value of the configuration can't be used.
        public static let invalidConfiguration = Code(description: "invalid_configuration")
        /// The journal can't be read or written.
        public static let journalUnavailable = Code(description: "journal_unavailable")
        /// The journal holds a line that is no effect.
        public static let journalCorrupt = Code(description: "journal_corrupt")
    }

    /// What kind of failure it is.
    public let code: Code
    /// What happened, for a person.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(code): \(message)" }
}
