/// The whole of delivery as a value: what happened goes in, what to do comes out.
///
/// It knows no clock, no randomness of its own, no store and no network: ``SyncEngine`` performs its actions against the real ones, and
/// the simulator against a world in virtual time. At most one exchange with the store, one lock call and one token call are under way at
/// any time; requests run in parallel, each for another line.
///
/// States: *standby* (no lease: asks for the lock now and then) → *active* (claims, sends, settles) → standby again when a write comes
/// back stale → *draining* (a graceful stop: nothing new is sent, unsent claims go back) → *finished* (the lock is released).
package struct Processor: Sendable {
    /// What happened.
    package enum Input: Sendable {
        /// Time has passed.
        case tick
        /// There may be something to claim.
        case wake
        case lockAnswered(LockAnswer, Control)
        case lockFailed(StoreError)
        case renewed(Result<Void, StoreError>, begunAt: Int64)
        case exchanged(Result<ExchangeResult, StoreError>)
        case attempted(seq: Int64, attempt: Int64, Outcome)
        /// The provider's answer: a token (or none needed), or why there is none.
        case tokenAnswered(Result<Token?, TokenFailure>)
        /// Another user may be signed in: the provider is asked again.
        case tokenChanged
        /// A look at the upstream has ended.
        case looked(seq: Int64, attempt: Int64, Look)
        /// What is at the upstream, after a conflict or before a first write.
        case fetched(seq: Int64, attempt: Int64, Fetch)
        case lockReleased
        /// End gracefully: what is on the wire may finish, for as long as a drain lasts.
        case drain
        /// End at once: what is on the wire is interrupted.
        case stop
    }

    /// What to do.
    package enum Action: Sendable {
        case acquireLock(owner: String, staleAfterMs: Int64)
        case renewLock(Fence)
        case releaseLock(Fence)
        case exchange(Exchange)
        case send(Claim, attempt: Int64, token: String?, timeoutMs: Int64)
        /// Ask whether the effect is there already, before it is sent again.
        case look(Claim, attempt: Int64, token: String?, timeoutMs: Int64)
        /// Get what is there, to settle a conflict, or to merge it in before a first write.
        case fetch(Claim, attempt: Int64, token: String?, timeoutMs: Int64)
        case fetchToken(refresh: Bool)
        /// Cancel what is on the wire: the drain's time is up.
        case interruptAll
        case clampRetries
        case emit(Event, about: Event.Subject? = nil)
        case finished
    }

    /// Why there is no token; the text never holds a secret.
    package struct TokenFailure: Error, Sendable, Equatable {
        package var reason: String
        package init(_ reason: String) { self.reason = reason }

        /// What a provider threw: the type's name of an error that is no ``TellableError``, for its text may hold anything.
        package init(of error: any Error) { reason = (error as? any TellableError)?.description ?? "\(type(of: error))" }

        /// Whose a token is can't be compared with whose the operations are.
        static let withoutPrincipalHash = TokenFailure(
            "misconfigured: the provider names a principal, and the engine's configuration has no principalHash")
    }

    struct Flight: Sendable {
        var claim: Claim
        var attempt: Int64
        var startedAt: Int64
        var generation: Int
        var isProbe: Bool
        var tokenIsFresh: Bool
        /// What it was sent with.
        var credential: Credential = .unknown
        var isPlagueProbe = false
        /// What went out before it as a plague's probe has asked nothing of writes: what follows may go as the probe, at once.
        var mayProbe = false
        /// A look has shown that no earlier attempt had an effect.
        var isCleared = false
        /// The 401 after which it waits for a token.
        var standstill: LastError?
        /// The conflict whose other side is being fetched.
        var conflict: LastError?
        /// What is there is being fetched before the first write.
        var looksAhead = false

        /// Whether what is there is being fetched: nothing is written by it.
        var isFetch: Bool { looksAhead || conflict != nil }
    }

    /// An operation with a permanent answer, until it is known whether the write or the server is wrong.
    struct Accused: Sendable {
        var claim: Claim
        var error: LastError
    }

    /// A result that waits to be written, and what to tell then. Large, and moved from list to list: they hold references.
    final class Verdict: Sendable {
        let settlement: Settlement
        let events: [Event]
        let subject: Event.Subject?

        /// `subject` is what the events are about.
        init(settlement: Settlement, events: [Event], subject: Event.Subject) {
            var settlement = settlement
            settlement.isTold = !events.isEmpty
            self.settlement = settlement
            self.events = events
            self.subject = events.isEmpty ? nil : subject
        }

        /// A claim that goes back without a word; `standstill` is the answer that has stopped it.
        init(_ claim: Claim, _ result: Settlement.Result, standstill: LastError? = nil, unknownAt: Timestamp? = nil) {
            var settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: result)
            settlement.standstill = standstill
            settlement.unknownAt = unknownAt
            self.settlement = settlement
            events = []
            subject = nil
        }
    }

    package let owner: String
    package let configuration: ProcessorConfiguration
    let decider: OutcomeDecider
    var workers: Workers

    // The lease.
    package internal(set) var lease: Lease?
    var lockCallUnderWay = false
    var askForLockAt: Int64 = .min
    /// When the lock call under way was begun: a lease counts from there, as the store's heartbeat does.
    var lockCallBegunAt: Int64 = .min
    // Delivery.
    var ready = ReadyQueue()
    var flights: [Int64: Flight] = [:]
    var normalInFlight = 0
    var serial = AttemptSerial()
    // The store.
    var outbox: [Verdict] = []
    var outboxSent = 0
    /// Since when something in it waits to be written.
    var outboxSince: Int64?
    /// Results that somebody else's transaction keeps from being written, and when they are handed in again.
    var postponed: [Verdict] = []
    var postponedUntil: Int64 = .max
    var exchangeUnderWay = false
    /// Whose claims the exchange under way asks for; its answer is void once the lease is another.
    var exchangeFence: Fence?
    var exchangeBegunAt: Int64 = .min
    var askStoreAt: Int64 = .min
    var storeFailures = 0
    var mayHaveMore = true
    var nextDue: Timestamp?
    /// What is known of the upstream is to be saved; `healthSent`: it is on its way.
    var healthChanged = false
    var healthSent = false
    /// A plague's hold has ended and the store does not know yet.
    var plagueEnded = false
    var plagueEndSent = false
    /// Others were told that the plague is over while we hold on evidence of our own: unless our probe says so too, they are to know.
    var plagueIsUntold = false
    var pauseWrites: [Pause: Bool] = [:]
    var pauseWritesSent: [Pause: Bool] = [:]
    // The upstream.
    package internal(set) var breaker: CircuitBreaker
    package internal(set) var holdUntil: Int64 = .min
    /// Routes that wait by themselves.
    package internal(set) var routeHolds = RouteHolds()
    var trips: Int64 = 0
    package internal(set) var ramp: Ramp
    package internal(set) var pacer = Pacer()
    /// How many requests the upstream takes at once, where that is to be found out.
    package internal(set) var capacity: AdaptiveLimit?
    package internal(set) var pauses: Set<Pause> = []
    var tlsFailures = 0
    var rollout: RolloutGuard?
    package internal(set) var plague = PlagueDetector()
    var accused: [Int64: Accused] = [:]
    var plagueSince: Timestamp?
    /// When those that were probes in vain may be made due again, at the earliest.
    var askProbesAgainAt: Int64 = .min
    /// Another processor of the store asks whether the upstream is back.
    var awaitsProbe = false
    /// Whether the last exchange that asked for operations of any priority got none: there is nothing else to send.
    var isDry = false
    var normalAsked = 0
    /// Whether the last one asked for urgent operations only, which says nothing of the others.
    var askedOnlyUrgent = false
    // The token.
    var token: Credential = .unknown
    /// The one that the upstream has refused last; delivery that waits for a login goes on with any other.
    var refusedToken: Credential = .unknown
    var tokenCallUnderWay = false
    /// Whether the call under way was begun before another user may have signed in.
    var tokenAnswerIsVoid = false
    var askForTokenAt: Int64 = .min
    /// When the token in force is about to end.
    var renewTokenAt: Int64?
    var waitingForToken: [Flight] = []
    /// Whose token is in force, as the store knows it.
    var storedSignedIn: SignedIn?
    var signedInSent: SignedIn?
    // The end.
    package internal(set) var drainDeadline: Int64?
    var interrupted = false
    var releasing = false
    package internal(set) var isFinished = false
    // The clocks.
    var lastSeen: Moment?

    /// `owner` must be unique for each start of a processor.
    package init(owner: String, configuration: ProcessorConfiguration) {
        let configuration = configuration.clamped
        self.owner = owner
        self.configuration = configuration
        decider = OutcomeDecider(policy: configuration.retry)
        workers = Workers(count: configuration.workers)
        breaker = CircuitBreaker(policy: configuration.breaker)
        rollout = configuration.rollout
        ramp = Ramp(most: configuration.workers, isFixed: !configuration.adapts)
        if configuration.findsCapacity { capacity = AdaptiveLimit(most: configuration.workers) }
    }
}
