/// How far a feed was followed; kept in the transaction that keeps what it told.
public struct FeedMark: Sendable, Equatable {
    /// Which feed; one store may follow several.
    public var feed: String
    /// Where the feed stood before: a mark that does not follow what is kept is refused, for somebody else has gone on meanwhile.
    public var after: String?
    /// Nil when it has told nothing yet: from the first look on, answers are known to be ahead of it.
    public var cursor: String?
    /// Changes may be missing before the cursor: nothing is awaited any more, and the states that come with it stand.
    public var isReset: Bool

    /// For whoever follows a feed: `after` is the cursor that it went on from.
    public init(feed: String, after: String?, cursor: String?, isReset: Bool = false) {
        self.feed = feed
        self.after = after
        self.cursor = cursor
        self.isReset = isReset
    }
}
