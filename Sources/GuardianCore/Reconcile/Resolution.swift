/// How a ``Conflict`` goes on.
public enum Resolution: Sendable, Equatable {
    /// The server has what the operation wanted: settle it as a success, nothing is sent.
    case alreadyDone
    /// The local change is dropped: settle as resolved, and bring the optimistic change back to the server's state, or to nothing when
    /// the entity is gone.
    case takeServer
    /// Send again at once, from the same place in line.
    case send(Revision)
    /// Stays `failed` as a conflict with both sides kept, until a person chooses. The text says why.
    case person(String)

    /// The operation as it is sent again. It needs a new idempotency key, also where only `If-Match` is new: under the old one an
    /// upstream may repeat its refusal.
    public struct Revision: Sendable, Equatable {
        /// nil for an operation without one.
        public var payload: JSONValue?
        /// What the operation becomes; nil when its type stays.
        public var operationType: String?
        /// The ETag of the server's state that was looked at; nil when the upstream gave none, and then `If-Match` is left out.
        public var ifMatch: String?
        /// The server's state that this revision was made from. It must replace the operation's base: were the old base kept, the next
        /// round would take what the server changed in this one for an edit of the user's. nil leaves the base as it is.
        public var base: JSONValue?

        /// Without `ifMatch` it is written over whatever is there by then.
        public init(payload: JSONValue?, operationType: String? = nil, ifMatch: String? = nil, base: JSONValue? = nil) {
            self.payload = payload
            self.operationType = operationType
            self.ifMatch = ifMatch
            self.base = base
        }
    }
}
