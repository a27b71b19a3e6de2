/// Hands all that a store holds over to another one, a page at a time.
///
/// A page is on the other one's disk before this one lets go of it. Whatever dies in between, the next run finds it in both, and what the
/// other one knows already adds nothing there: nothing is lost, nothing is doubled. Nobody may deliver from this store meanwhile, so the
/// lock's fence is asked for; the other one may begin at once, for operations come in their order.
package protocol TransferStore: Sendable {
    /// The oldest that has not been handed over, at most `limit` of a kind; empty when nothing is left.
    func transferPage(_ fence: Fence, limit: Int) async throws(StoreError) -> TransferPage
    /// Writes a page in one durable transaction; what is known already adds nothing.
    func takeOver(_ page: TransferPage) async throws(StoreError)
    /// Lets go of a page that the other one has.
    func letGo(_ page: TransferPage, _ fence: Fence) async throws(StoreError)
}

/// Some of what a store holds, all of one kind: first what is remembered, then operations in their order, then what the books say of the
/// past.
package struct TransferPage: Sendable, Equatable {
    /// An id that left the queue not long ago.
    package struct Remembered: Sendable, Equatable {
        package var id: OperationID
        package var seq: Int64
        package var key: UniqueID
        package var at: Timestamp
        package var ending: Ending

        package init(id: OperationID, seq: Int64, key: UniqueID, at: Timestamp, ending: Ending) {
            (self.id, self.seq, self.key, self.at, self.ending) = (id, seq, key, at, ending)
        }
    }

    /// What is known of an entity at the upstream, by the line of that.
    package struct KnownEntity: Sendable, Equatable {
        package var line: Int64
        package var at: Timestamp
        /// As the store has it; the other one keeps what is `EntityKnowledge/moved`.
        package var known: EntityKnowledge

        package init(line: Int64, at: Timestamp, known: EntityKnowledge) { (self.line, self.at, self.known) = (line, at, known) }
    }

    /// How far a feed was followed.
    package struct Feed: Sendable, Equatable {
        package var name: String
        /// Nil when it has told nothing yet.
        package var cursor: String?
        package var at: Timestamp

        package init(name: String, cursor: String?, at: Timestamp) { (self.name, self.cursor, self.at) = (name, cursor, at) }
    }

    /// The id that the upstream gave to an entity with a local one.
    package struct Alias: Sendable, Equatable {
        package var entity: EntityKey
        package var server: ServerID
        package var at: Timestamp

        package init(entity: EntityKey, server: ServerID, at: Timestamp) { (self.entity, self.server, self.at) = (entity, server, at) }
    }

    /// An optimistic change that is not done.
    package struct OpenChange: Sendable, Equatable {
        package var change: OptimisticChange
        package var registeredAt: Timestamp
        package var standing: OptimisticStanding

        package init(change: OptimisticChange, registeredAt: Timestamp, standing: OptimisticStanding) {
            (self.change, self.registeredAt, self.standing) = (change, registeredAt, standing)
        }
    }

    /// A stored operation, and what it waits for.
    package struct Moved: Sendable, Equatable {
        package var operation: Operation
        /// What it points to whose create is stored.
        package var awaits: [Reference]
        /// Whether it is a create whose entity may get another id.
        package var opensLocalID: Bool

        package init(operation: Operation, awaits: [Reference] = [], opensLocalID: Bool = false) {
            (self.operation, self.awaits, self.opensLocalID) = (operation, awaits, opensLocalID)
        }
    }

    /// Names the store it comes from.
    package var source: String
    /// The device's name, who is signed in, and which version of the app was refused; with every page.
    package var settings: [String: String] = [:]
    package var remembered: [Remembered] = []
    package var entities: [KnownEntity] = []
    package var feeds: [Feed] = []
    package var aliases: [Alias] = []
    package var changes: [OpenChange] = []
    package var endings: [OptimisticEnding] = []
    package var operations: [Moved] = []
    /// What has become of operations that are gone; the last page.
    package var history: Books?

    package init(source: String) { self.source = source }

    /// How many things it has.
    package var count: Int {
        remembered.count + entities.count + feeds.count + aliases.count + changes.count + endings.count + operations.count
            + (history == nil ? 0 : 1)
    }

    package var isEmpty: Bool { count == 0 }

    /// Settings that go along.
    package static let settingNames: Set<String> = ["device_id", "signed_in", "refused_version"]
}

extension Books {
    /// Of operations that have left the queue: accepted is their sum.
    package var past: Books? {
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
