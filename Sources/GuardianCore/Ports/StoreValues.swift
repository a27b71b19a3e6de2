/// Who writes: every write after a claim carries it, and is refused unless it is the lock's.
public struct Fence: Sendable, Hashable {
    /// Unique for each start of a processor.
    public var owner: String
    /// Raised at each change of hands.
    public var epoch: Int64

    /// As the lock's row has them.
    public init(owner: String, epoch: Int64) {
        self.owner = owner
        self.epoch = epoch
    }
}

/// Who has the lock, and what is heard of it.
public struct LockState: Sendable, Equatable {
    /// Of the holder.
    public var fence: Fence
    /// When it last said that it is alive, by its own wall clock, or by the database's in a store that machines share.
    public var heartbeatAt: Timestamp
    /// When it took the lock, by the same clock.
    public var acquiredAt: Timestamp

    /// For whoever implements a store.
    public init(fence: Fence, heartbeatAt: Timestamp, acquiredAt: Timestamp) {
        self.fence = fence
        self.heartbeatAt = heartbeatAt
        self.acquiredAt = acquiredAt
    }
}

/// What came of asking for the lock.
public enum LockAnswer: Sendable, Equatable {
    /// Held now. `takenOver` when somebody else's was stale or dead; `returned` claims were given back.
    case acquired(Fence, takenOver: LockState?, returned: Int)
    /// Somebody else has it, and may be alive; nothing has changed.
    case heldBy(LockState)
}

/// One round trip of a processor to its store.
public struct Exchange: Sendable {
    /// That of the lock; otherwise the whole exchange is refused as `stale`.
    public var fence: Fence
    /// The processor's wall clock: what is due, expired or updated goes by it.
    public var now: Timestamp
    /// Results that wait to be written, in this order.
    public var settlements: [Settlement]
    /// Saved when it changed.
    public var health: OriginHealth?
    /// Pauses the processor itself has set or lifted.
    public var pauses: [Pause: Bool]
    /// Who is signed in now, when that has changed.
    public var signedIn: SignedIn?
    /// Claims that the processor still holds once these settlements are written. One that a crash made suspect is claimed only alone.
    public var held: Int
    /// How many heads of priority > 0 to claim at most.
    public var urgent: Int
    /// How many heads of any priority to claim at most, after the urgent ones.
    public var normal: Int
    /// Whether they are claimed to ask with whether the upstream is back: of the processors that share a store one at a time does.
    public var isProbe = false
    /// The version of the app that the upstream has refused, kept with a pause for an upgrade that ``pauses`` sets; nil where nobody says.
    public var appVersion: String?

    /// Claims nothing and saves nothing but what is given.
    public init(
        fence: Fence, now: Timestamp, settlements: [Settlement] = [], health: OriginHealth? = nil, pauses: [Pause: Bool] = [:],
        signedIn: SignedIn? = nil, held: Int = 0, urgent: Int = 0, normal: Int = 0
    ) {
        self.signedIn = signedIn
        self.held = held
        self.fence = fence
        self.now = now
        self.settlements = settlements
        self.health = health
        self.pauses = pauses
        self.urgent = urgent
        self.normal = normal
    }
}

/// Whose token is in force: only that principal's operations, and those of nobody, are sent.
public enum SignedIn: Sendable, Equatable {
    /// No token, or one of no principal.
    case nobody
    /// The hash of a principal.
    case principal(String)

    /// The hash; nil for nobody.
    public var hash: String? {
        if case .principal(let hash) = self { return hash }
        return nil
    }
}

/// What an exchange has done. All of it is on disk.
public struct ExchangeResult: Sendable {
    /// Heads that leave the queue in one exchange, expired or set aside, before it ends: when very many have expired, nobody waits for all
    /// of them, and no more than these are in hand at once.
    package static let mostDepartures = 500

    /// Heads that are the processor's to deliver now, the greatest priority first.
    public var claims: [Claim]
    /// Whether each settlement found its claim still in force, in order.
    public var settled: [Bool]
    /// Numbers of settlements that could not be written now, because somebody else's open transaction holds their line: the claims are
    /// still in force, and the settlements are to be handed in again.
    public var postponed: Set<Int64> = []
    /// Operations whose `expiresAt` had passed when their turn came, and which had no effect; they have left the queue, counted.
    public var expired: [OperationID]
    /// Operations that are not sent although their turn came; they are failed now, and why: in hand when a process died three times, or
    /// expired with an outcome that is unknown.
    public var setAside: [(id: OperationID, reason: LastError)] = []
    /// Optimistic changes that have come to their end, in the order of their endings.
    public var ended: [OptimisticEnding] = []
    /// Operations of changes that were rolled back with what they depend on; they are failed now, and why.
    public var steppedOut: [(id: OperationID, reason: LastError)] = []
    /// A crash suspect is claimed, or waits to be: nothing else goes beside it.
    public var isAlone = false
    /// When the next head that waits for a time becomes due; now, where heads that are due were not looked at, because 500 others have left
    /// the queue in this exchange.
    public var nextDue: Timestamp?
    /// Pauses in force, whoever set them.
    public var pauses: Set<Pause>
    /// What another processor of the same store has learnt of the upstream since the last exchange; nil when that is nothing new, and in a
    /// store that one processor has to itself.
    public var shared: OriginHealth?
    /// Nothing was claimed to probe with, because another processor's probe is under way.
    public var awaitsProbe = false

    /// For whoever implements a store; the rest is set afterwards.
    public init(claims: [Claim] = [], settled: [Bool] = [], expired: [OperationID] = [], nextDue: Timestamp? = nil, pauses: Set<Pause> = [])
    {
        self.claims = claims
        self.settled = settled
        self.expired = expired
        self.nextDue = nextDue
        self.pauses = pauses
    }

    /// Whether no more heads leave in this exchange; those that are due are looked at by the next one.
    package var isFull: Bool { expired.count + setAside.count >= Self.mostDepartures }
}

/// The right to deliver one operation now.
///
/// It is handed from queue to queue on its way, and an operation is large: it stands in a box, so that handing it on copies a reference.
public struct Claim: Sendable, Equatable {
    @usableFromInline
    final class Box: Sendable {
        @usableFromInline let operation: Operation
        init(_ operation: Operation) { self.operation = operation }
    }

    /// Under which it was claimed. Once the lock has another, the claim is void.
    @usableFromInline var box: Box
    public var fence: Fence

    /// For whoever implements a store.
    public init(operation: Operation, fence: Fence) {
        box = Box(operation)
        self.fence = fence
    }

    /// As it was claimed, in `processing`; what is changed here reaches no store.
    public var operation: Operation {
        @inlinable get { box.operation }
        set { box = Box(newValue) }
    }

    /// The operation's number, by which a settlement names its claim.
    public var seq: Int64 { box.operation.seq }

    public static func == (one: Claim, other: Claim) -> Bool {
        (one.box === other.box || one.operation == other.operation) && one.fence == other.fence
    }
}

/// The result of one attempt, to be written.
public struct Settlement: Sendable, Equatable {
    /// What becomes of the operation.
    public enum Result: Sendable, Equatable {
        /// Leaves the queue; its id and key stay in the ledger.
        case processed
        /// Stays at the head of its line until `due`.
        /// `unknownAt`: since when an outcome under the present key is unknown; nil when none is.
        case retry(
            due: Timestamp, backoffMs: Int64, error: LastError, charged: Bool, failureMark: Int64, unknownAt: Timestamp? = nil)
        /// Steps out of its line, with its reason.
        case failed(LastError)
        /// Claimed but not sent: as if it had not been claimed. Uses up nothing.
        case unsent
        /// Claimed but not sent, because the upstream has asked the route that it goes by to wait: as if it had not been claimed, and at
        /// the head of its line until then, `waitMs` from now. Uses up nothing.
        case putOff(until: Timestamp, waitMs: Int64)
        /// Sent, and stopped by a shutdown or a pause before an answer counted: back to the head of its line, no attempt used up. Its
        /// outcome is unknown from then on, unless a ``Settlement/standstill`` says that this attempt had no effect.
        case returned
        /// Claimed, not sent, and brought up to a newer version: back to the head of its line with another payload and base; nil leaves it
        /// without a base. One that was ever attempted gets the new key, for what is sent under a key never changes.
        case recast(payload: String, base: String?, schemaVersion: Int, newKey: UniqueID)
        /// Refused as a conflict and changed: back to the head of its line, to be sent at once, under a new key.
        case revised(Revision)
        /// Refused as a conflict, and the server's state stands: leaves the queue, counted as processed. Its optimistic change is rolled
        /// back.
        case overruled
    }

    /// What a conflict has made of an operation.
    public struct Revision: Sendable, Equatable {
        /// A JSON object as text; nil for a delete without one.
        public var payload: String?
        /// What the operation is from now on: a create whose entity is there becomes an update.
        public var type: String
        /// The server's state that it was made from; nil leaves the base as it is.
        public var base: String?
        /// The ETag of the state that it was made on; nil leaves it at the last one known of the entity.
        public var ifMatch: String?
        /// A fresh UUID v4: under the old key the upstream may repeat its refusal.
        public var newKey: UniqueID
        /// Whether the upstream had refused it: one of the rounds that it gets.
        public var wasRefused: Bool

        /// After a refusal, unless `wasRefused` says that nothing was sent.
        public init(payload: String?, type: String, base: String?, ifMatch: String?, newKey: UniqueID, wasRefused: Bool = true) {
            self.wasRefused = wasRefused
            self.payload = payload
            self.type = type
            self.base = base
            self.ifMatch = ifMatch
            self.newKey = newKey
        }
    }

    /// The claim that it settles; one that is no longer in force changes nothing.
    public var seq: Int64
    /// Kept in the ledger when the operation leaves the queue.
    public var id: OperationID
    /// What the attempt has come to.
    public var result: Result
    /// What the upstream said of the entity, for the store to keep.
    public var server: ServerState?
    /// The id that the upstream has given to what a create made, when it is another than the local one.
    public var assignedID: String?
    /// Whether the answer has that id as a JSON number: references are then written as numbers.
    public var assignedIsNumber = false
    /// The body of the answer, when it is to be kept for whoever asks for the outcome.
    public var answer: String?
    /// The answer that has brought delivery to a stand (401, 426, no safe connection), of one that is `returned`: kept as its last error,
    /// though it is no failure of its own. nil leaves the one that it has.
    public var standstill: LastError?
    /// Of one that is `returned` with a ``standstill``: since when an outcome under the present key is unknown, as that of an earlier
    /// attempt may be; nil when none is.
    public var unknownAt: Timestamp?
    /// Whether it is told as an event, and so counts in the ``Tally``s.
    package var isTold = true

    /// What goes with a `returned` one is set afterwards.
    public init(
        seq: Int64, id: OperationID, result: Result, server: ServerState? = nil, assignedID: String? = nil, answer: String? = nil
    ) {
        self.seq = seq
        self.id = id
        self.result = result
        self.server = server
        self.assignedID = assignedID
        self.answer = answer
    }
}

/// Why delivery stands still although operations are due.
public enum Pause: String, Sendable, CaseIterable, Codable {
    /// By a person or the app (``SyncEngine/pause()``). Ends by hand only.
    case `operator` = "paused"
    /// The upstream refuses the token, or whoever gives tokens gives none, also because it can't be reached. Ends by itself: it is asked
    /// every two seconds, and delivery goes on with the first token that is another than the refused one.
    case auth = "auth_required"
    /// The upstream wants another version of the app (426). Ends by itself with the first run of one
    /// (``ProcessorConfiguration/appVersion``).
    case upgrade = "upgrade_required"
    /// More than two attempts in a row found no safe connection: a certificate or pin that is not trusted. Ends by hand only.
    case tls = "tls_failure"
    /// The guard of a rollout found too many errors after a change (``RolloutGuard``).
    case rollout = "rollout_halted"
}

/// What outlives a restart beside the operations.
public struct Control: Sendable, Equatable {
    /// nil when no processor has saved any yet.
    public var health: OriginHealth?
    /// In force now, whoever set them.
    public var pauses: Set<Pause>
    /// The durable count of processed operations.
    public var processed: Int64
    /// Whose token was in force last.
    public var signedIn: SignedIn = .nobody
    /// The version of the app that met the 426 behind the pause for an upgrade; nil where it was not said, which counts as another one than
    /// any that is said, and without that pause.
    public var refusedVersion: String?

    /// For whoever implements a store.
    public init(health: OriginHealth? = nil, pauses: Set<Pause> = [], processed: Int64 = 0) {
        self.health = health
        self.pauses = pauses
        self.processed = processed
    }
}

/// The books, durable counters: accepted = pending + processing + processed + failed + coalesced + cancelled + expired + cleared.
public struct Books: Sendable, Equatable {
    /// Taken in, ever; a duplicate is not.
    public var accepted: Int64 = 0
    /// Delivered, or ended by a conflict that left nothing to send.
    public var processed: Int64 = 0
    /// Folded into another; a create and the delete that cancelled each other out are two.
    public var coalesced: Int64 = 0
    /// Taken out by a person or the app.
    public var cancelled: Int64 = 0
    /// Not sent in time, without effect.
    public var expired: Int64 = 0
    /// Removed for good after they had failed.
    public var cleared: Int64 = 0
    /// Operations in `failed` now.
    public var failed: Int64 = 0
    /// Operations in `processing` now.
    public var processing: Int64 = 0

    /// Those of a store that has never had an operation.
    public init() {}

    /// What must be waiting if the books balance.
    public var pending: Int64 { accepted - processed - coalesced - cancelled - expired - cleared - failed - processing }
}

/// Which stored operations, and which page of them, in `seq` order. What is nil lets all through.
public struct OperationFilter: Sendable {
    /// As it is stored; one that is claimed is `processing`.
    public var status: Operation.Status?
    /// The whole word.
    public var operationType: String?
    /// The whole word, capitals as they are.
    public var entityType: String?
    /// As it is stored: the upstream's id once that is known.
    public var entityID: String?
    /// The operation's UUID v4.
    public var traceID: UniqueID?
    /// Enqueued then or later.
    public var since: Timestamp?
    /// Enqueued before.
    public var until: Timestamp?
    /// The number of the last one of the page before; 0 for the first page.
    public var afterSeq: Int64
    /// Whether payload and base are read at all; true by default.
    public var includesPayload = true
    /// 1…``longestPage``, 100 by default; the nearest of those whatever it is set to.
    public var limit: Int {
        didSet { limit = Self.inRange(limit) }
    }

    /// Operations of one page at most.
    public static let longestPage = 1000

    /// Brings `limit` into its range.
    public init(status: Operation.Status? = nil, afterSeq: Int64 = 0, limit: Int = 100) {
        self.status = status
        self.afterSeq = afterSeq
        self.limit = Self.inRange(limit)
    }

    private static func inRange(_ limit: Int) -> Int { min(max(limit, 1), longestPage) }
}

/// What came of a cancel. After the first two the operation has left the queue.
public enum CancelAnswer: String, Sendable {
    /// No attempt was ever made: no effect, guaranteed.
    case neverSent = "never_sent"
    /// An attempt was made; its effect may stand.
    case mayHaveApplied = "may_have_applied"
    /// On the wire now: not cancelled.
    case inFlight = "in_flight"
    /// None of that id is stored, or it has another status than was asked for.
    case notFound = "not_found"
}

/// What a check of the whole store has found.
public struct CheckReport: Sendable, Equatable {
    /// Rows counted by status.
    public var pending: Int64
    /// Claimed now; counted anew too.
    public var processing: Int64
    /// Counted from the rows; the books have their own number.
    public var failed: Int64
    /// The durable counters, as they stood in the same instant.
    public var books: Books
    /// What is broken, in words; empty when nothing is.
    public var problems: [String]

    /// For whoever implements a store.
    public init(pending: Int64, processing: Int64, failed: Int64, books: Books, problems: [String]) {
        self.pending = pending
        self.processing = processing
        self.failed = failed
        self.books = books
        self.problems = problems
    }

    /// accepted minus everything that is accounted for, counted from the rows; must be 0.
    public var gap: Int64 {
        books.accepted - pending - processing - failed - books.processed - books.coalesced - books.cancelled - books.expired - books.cleared
    }
}
