/// What an operation would be sent as, for its page.
public enum ConsolePreview: Sendable, Equatable {
    /// The request as text, redacted, the token masked; `note` is what will differ all the same.
    case request(String, note: String?)
    /// Nothing can be sent, or it can't be said: why, for people.
    case impossible(String)
}
