/// A write that the upstream refused with 409 or 412, and all that is known to settle it. The server's state was fetched after the refusal.
public struct Conflict: Sendable, Equatable {
    /// Rounds of fetch, decide and send that one operation gets; after them a person decides.
    public static let mostRounds = 3

    /// What the fetch found.
    public enum Server: Sendable, Equatable {
        /// The entity under the app's names, and its ETag; nil when the upstream told none.
        case present(JSONValue, etag: String?)
        /// 404 or 410: it is not there.
        case gone
    }

    /// `create`, `update`, `delete`, or a custom word, which is settled like an update.
    public var operationType: String
    /// What both sides have changed.
    public var entity: EntityKey
    /// The payload that was refused; nil for an operation without one.
    public var local: JSONValue?
    /// The entity as it was when the user edited it; nil when the caller gave none.
    public var base: JSONValue?
    /// The other side.
    public var server: Server
    /// 1 for the first refusal, one more for each that follows a ``Resolution/send(_:)``.
    public var round: Int
    /// 409 or 412.
    public var status: Int
    /// The ETag that the refused request named in its `If-Match`; nil when it named none.
    public var ifMatch: String?

    /// A first refusal with 409, unless something else is said.
    public init(
        operationType: String, entity: EntityKey, local: JSONValue?, base: JSONValue? = nil, server: Server, round: Int = 1,
        status: Int = 409, ifMatch: String? = nil
    ) {
        self.operationType = operationType
        self.entity = entity
        self.local = local
        self.base = base
        self.server = server
        self.round = round
        self.status = status
        self.ifMatch = ifMatch
    }
}
