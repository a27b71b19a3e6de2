/// An entity as the upstream had it when it was heard of last.
public struct ServerState: Sendable, Equatable {
    /// A JSON object as text; nil when the entity is gone, or nothing but its ETag was told.
    public var state: String?
    /// As the upstream wrote it, a weak `W/` included; nil when none was told.
    public var etag: String?
    /// Whether it is known not to be there.
    public var isGone: Bool

    /// `state` is not checked here.
    public init(state: String? = nil, etag: String? = nil, isGone: Bool = false) {
        self.state = state
        self.etag = etag
        self.isGone = isGone
    }
}
