/// Hands all that a store holds over to another one, a page at a time.
///
/// A page is on the other one's disk before this one lets go of it. Whatever dies in between, the next run finds it in both, and what the
/// other one knows already adds nothing there: nothing is lost, nothing is doubled. Nobody may deliver from this store meanwhile, so the
/// lock's fence is asked for; the other one may begin at once, for operations come in their order.
public protocol TransferStore: Sendable {
    /// The oldest that has not been handed over, at most `limit` of a kind; empty when nothing is left.
    func transferPage(_ fence: Fence, limit: Int) async throws(StoreError) -> TransferPage
    /// Writes a page in one durable transaction; what is known already adds nothing.
    func takeOver(_ page: TransferPage) async throws(StoreError)
    /// Lets go of a page that the other one has.
    func letGo(_ page: TransferPage, _ fence: Fence) async throws(StoreError)
}

/// Some of what a store holds, all of one kind: first what is remembered, then operations in their order, then what the books say of the
/// past.
public struct TransferPage: Sendable, Equatable {
    /// An id that left the queue not long ago.
    public struct Remembered: Sendable, Equatable {
        public var id: OperationID
        public var seq: Int64
        public var key: UniqueID
        public var at: Timestamp
        public var ending: Ending

        public init(id: OperationID, seq: Int64, key: UniqueID, at: Timestamp, ending: Ending) {
            (self.id, self.seq, self.key, self.at, self.ending) = (id, seq, key, at, ending)
        }
    }

    /// What is known of an entity at the upstream, by the line of that.
    public struct KnownEntity: Sendable, Equatable {
        public var line: Int64
        public var at: Timestamp
        /// As the store has it; the other one keeps what is ``EntityKnowledge/moved``.
        public var known: EntityKnowledge

        public init(line: Int64, at: Timestamp, known: EntityKnowledge) { (self.line, self.at, self.known) = (line, at, known) }
    }

    /// How far a feed was followed.
    public struct Feed: Sendable, Equatable {
        public var name: String
        /// Nil when it has told nothing yet.
        public var cursor: String?
        public var at: Timestamp

        public init(name: String, cursor: String?, at: Timestamp) { (self.name, self.cursor, self.at) = (name, cursor, at) }
    }

    /// The id that the upstream gave to an entity with a local one.
    public struct Alias: Sendable, Equatable {
        public var entity: EntityKey
        public var server: ServerID
        public var at: Timestamp

        public init(entity: EntityKey, server: ServerID, at: Timestamp) { (self.entity, self.server, self.at) = (entity, server, at) }
    }

    /// An optimistic change that is not done.
    public struct OpenChange: Sendable, Equatable {
        public var change: OptimisticChange
        public var registeredAt: Timestamp
        public var standing: OptimisticStanding

        public init(change: OptimisticChange, registeredAt: Timestamp, standing: OptimisticStanding) {
            (self.change, self.registeredAt, self.standing) = (change, registeredAt, standing)
        }
    }

    /// A stored operation, and what it waits for.
    public struct Moved: Sendable, Equatable {
        public var operation: Operation
        /// What it points to whose create is stored.
        public var awaits: [Reference]
        /// Whether it is a create whose entity may get another id.
        public var opensLocalID: Bool

        public init(operation: Operation, awaits: [Reference] = [], opensLocalID: Bool = false) {
            (self.operation, self.awaits, self.opensLocalID) = (operation, awaits, opensLocalID)
        }
    }

    /// Names the store it comes from.
    public var source: String
    /// The device's name, who is signed in, and which version of the app was refused; with every page.
    public var settings: [String: String] = [:]
    public var remembered: [Remembered] = []
    public var entities: [KnownEntity] = []
    public var feeds: [Feed] = []
    public var aliases: [Alias] = []
    public var changes: [OpenChange] = []
    public var endings: [OptimisticEnding] = []
    public var operations: [Moved] = []
    /// What has become of operations that are gone; the last page.
    public var history: Books?

    public init(source: String) { self.source = source }

    /// How many things it has.
    public var count: Int {
        remembered.count + entities.count + feeds.count + aliases.count + changes.count + endings.count + operations.count
            + (history == nil ? 0 : 1)
    }

    public var isEmpty: Bool { count == 0 }

    /// Settings that go along.
    public static let settingNames: Set<String> = ["device_id", "signed_in", "refused_version"]
}

extension Books {
    /// Of operations that have left the queue: accepted is their sum.
    public var past: Books? {
        var past = Books()
        past.processed = processed
        past.coalesced = coalesced
        past.cancelled = cancelled
        past.expired = expired
        past.cleared = cleared
        past.accepted = processed + coalesced + cancelled + expired + cleared
        return past.accepted == 0 ? nil : past
    }
}
