import Synchronization

/// The durable outbox: takes operations, keeps them on disk, and delivers them.
///
/// `enqueue` works at any time, also while nobody runs the engine. ``run()`` delivers until its task is cancelled (at once, giving claims
/// back) or ``drain()`` is called (gracefully). Several engines may share one store; one of them delivers, the others stand by.
public final class SyncEngine: Sendable {
    /// What an engine is made with; see ``SyncEngine/configuration`` for what it goes by.
    public struct Configuration: Sendable {
        /// How it delivers. What its transport says of routes and of the app's version fills in what is not set.
        public var processor: ProcessorConfiguration
        /// The most that the engine takes in one payload and in one call; an up-cast is held to it too.
        public var limits: Limits
        /// Hours that ids of processed operations are remembered; 24 by default, 0…87 600 (ten years). An engine takes what lies outside of
        /// that as the nearest that is in it.
        public var ledgerHours: Int64
        /// Which payload fields hold ids of other entities: local ones are rewritten once the upstream has given its own.
        public var references = References()
        /// Turns a principal into what is stored of it, such as a keyed SHA-256. Without one, operations of principals are refused, and
        /// nothing is sent with a token that names one.
        public var principalHash: (@Sendable (String) -> String)?
        /// Which operations may be folded into one of the same entity that waits and was never attempted (see `Folding`); nil for none.
        public var coalesces: (@Sendable (Operation) -> Bool)?

        /// The defaults, but for what is given; ``references`` are set afterwards.
        public init(
            processor: ProcessorConfiguration = .init(), limits: Limits = .init(), ledgerHours: Int64 = 24,
            principalHash: (@Sendable (String) -> String)? = nil, coalesces: (@Sendable (Operation) -> Bool)? = nil
        ) {
            self.principalHash = principalHash
            self.coalesces = coalesces
            self.processor = processor
            self.limits = limits
            self.ledgerHours = ledgerHours
        }
    }

    /// What it goes by: as given, brought into range, and with what the transport says.
    public let configuration: Configuration
    package let store: any Store
    let transport: any Transport
    let tokens: any TokenProvider
    let clock: any TimeSource
    let hub: EventHub
    let mailbox = Mailbox()
    let endingHandlers = EndingHandlers()
    private let admission: Admission
    private let chance: Mutex<Admission.Chance>
    private let running = Atomic<Bool>(false)
    /// Whether this engine holds the lock now.
    let holdsLock = Atomic<Bool>(false)
    /// Whether workers are free that have nothing to send, and nothing holds delivery.
    let hasFreeWorkers = Atomic<Bool>(false)
    /// How often the store has answered an exchange that asked for claims.
    let claimAnswers = Atomic<Int>(0)
    let stalls = Atomic<Int>(0)
    let accountingGap = Atomic<Int>(0)

    /// Opens nothing and starts nothing: `enqueue` works at once, ``run()`` or a ``Delivery`` delivers.
    ///
    /// - Parameters:
    ///   - store: Where operations live. Other engines may have it too.
    ///   - transport: The way to the upstream.
    ///   - tokens: Who gives credentials; by default nobody, for an upstream that wants none.
    ///   - clock: The machine's own, unless a test brings another.
    ///   - sinks: Who hears every event, with what it is about; readers of ``events`` may come later.
    ///   - configuration: Defaults throughout.
    ///   - random: Where ids, keys and jitter come from; give one with a seed to have the same again.
    public init(
        store: any Store, transport: any Transport, tokens: any TokenProvider = NoToken(), clock: any TimeSource = SystemClock(),
        sinks: [any EventSink] = [], configuration: Configuration = .init(), random: Xoshiro256 = .fromSystem()
    ) {
        self.store = store
        self.transport = transport
        self.tokens = tokens
        self.clock = clock
        var configuration = configuration
        configuration.processor.upcasters.payloadBytes = configuration.limits.payloadBytes
        if configuration.processor.holds == HoldRules() { configuration.processor.holds = transport.holds }
        if configuration.processor.appVersion == nil { configuration.processor.appVersion = transport.appVersion }
        // What holds, for whoever asks; a processor sees to its own, for it is also made without an engine.
        configuration.processor = configuration.processor.clamped
        configuration.ledgerHours = min(max(configuration.ledgerHours, 0), 87_600)
        self.configuration = configuration
        chance = Mutex(Admission.Chance(random: random))
        hub = EventHub(sinks: sinks)
        admission = Admission(configuration)
    }

    /// Whether this engine delivers now (and does not stand by for another).
    public var isActive: Bool { holdsLock.load(ordering: .acquiring) }

    /// How often the watchdog found an operation that was due and that nobody claimed.
    package var stallCount: Int { stalls.load(ordering: .relaxed) }

    /// Accepted operations that were not accounted for at the last audit, a minute ago at most; must be 0.
    package var lastAccountingGap: Int { accountingGap.load(ordering: .relaxed) }

    /// What happens from now on, for one reader. Ends with the engine.
    public var events: AsyncStream<Event> { hub.subscribe() }

    /// As ``events``; `missed` counts what this reader loses.
    package func events(missed: MissedEvents) -> AsyncStream<Event> { hub.subscribe(missed: missed) }

    /// Writes one operation to disk and returns its receipt. Throws ``SyncError``; nothing is stored then.
    @discardableResult
    public func enqueue(_ operation: NewOperation) async throws(SyncError) -> Receipt {
        try await write(try admit([operation]))[0]
    }

    /// Writes all operations, or none, in one transaction. Receipts come in the same order.
    @discardableResult
    public func enqueue(_ operations: [NewOperation]) async throws(SyncError) -> [Receipt] {
        guard operations.count <= configuration.limits.batch else {
            throw .validation(field: "operations", constraint: "at most \(configuration.limits.batch) in one call")
        }
        guard !operations.isEmpty else { return [] }
        return try await write(try await admitTogether(operations))
    }

    /// Operations that one task checks; more are checked by two at once.
    private static let admittedAlone = 1000

    /// As ``admit(_:)``, a great batch in two halves at once, the first wrong field in its order all the same.
    private func admitTogether(_ operations: [NewOperation]) async throws(SyncError) -> [Operation] {
        guard operations.count > Self.admittedAlone else { return try admit(operations) }
        let now = clock.now.wall
        let middle = operations.count / 2
        var front = fork(middle, at: now)
        let back = fork(operations.count - middle, at: now)
        async let second = { () -> Result<[Operation], SyncError> in
            var back = back
            return Result { () throws(SyncError) in try admission.admit(operations, middle..<operations.count, at: now, &back) }
        }()
        var stamped = try admission.admit(operations, 0..<middle, at: now, &front)
        stamped += try await second.get()
        return stamped
    }

    /// Checks and stamps without storing: what `enqueue` would store.
    package func admit(_ operations: [NewOperation]) throws(SyncError) -> [Operation] {
        let now = clock.now.wall
        var own = fork(operations.count, at: now)
        return try admission.admit(operations, operations.indices, at: now, &own)
    }

    /// Chance of its own for one call, with `count` ticks, so that callers don't wait for each other.
    private func fork(_ count: Int, at now: Timestamp) -> Admission.Chance {
        chance.withLock { Admission.Chance(random: Xoshiro256(seed: $0.random.next()), ticks: $0.ticks.reserve(count, at: now)) }
    }

    /// A fresh idempotency key.
    func newKey() -> UniqueID { chance.withLock { UniqueID.v4(using: &$0.random) } }

    private func write(_ operations: [Operation]) async throws(SyncError) -> [Receipt] {
        let receipts: [Receipt]
        let start = clock.steadyNanoseconds
        do { receipts = try await store.enqueue(operations) } catch { throw .store(error) }
        enqueued(receipts, of: operations, tookMicroseconds: (clock.steadyNanoseconds - start) / 1000)
        return receipts
    }

    /// Says that these receipts stand on disk, written by somebody else than `enqueue`, such as a transaction of the app's own.
    ///
    /// `operations` are those that the receipts are of, in the same order, where the caller has them.
    package func enqueued(_ receipts: [Receipt], of operations: [Operation] = [], tookMicroseconds: Int64? = nil) {
        if hub.isHeard {
            let now = clock.now.wall
            for (index, receipt) in receipts.enumerated() {
                guard let event = Event(of: receipt) else { continue }
                let subject = index < operations.count ? operations[index] : nil
                hub.tell(
                    event, about: subject.map { Event.Subject($0, attempt: 0, tookMicroseconds: tookMicroseconds) }, at: now)
            }
        }
        mailbox.wake()
    }

    /// Stops delivery, durably and for every processor of the store, until ``resume(_:)``. What is on the wire is finished.
    public func pause() async throws(SyncError) {
        do { try await store.setPause(.operator, to: true) } catch { throw .store(error) }
        mailbox.wake()
    }

    /// Ends ``pause()``, or by hand another pause, such as the one of an upgrade that has been made.
    public func resume(_ pause: Pause = .operator) async throws(SyncError) {
        do { try await store.setPause(pause, to: false) } catch { throw .store(error) }
        mailbox.wake()
    }

    /// Says that another user may be signed in, or none: the token provider forgets what it kept of the last login, and is asked again.
    /// Nothing more is sent until it has answered.
    public func tokenChanged() {
        tokens.loginChanged()
        mailbox.put(.tokenChanged)
    }

    /// What is stored of a principal.
    package func hash(_ principal: String) throws(SyncError) -> String {
        guard let hash = configuration.principalHash else {
            throw .validation(field: "principal", constraint: "needs an engine with a principalHash in its configuration")
        }
        return hash(principal)
    }

    /// Tells every sink and reader of something that the engine itself can't know, such as an alert.
    package func tell(_ event: Event) { hub.tell(event, at: clock.now.wall) }

    /// Says that the store has changed outside of `enqueue`.
    public func wake() { mailbox.wake() }

    /// Finishes what is on the wire, gives the rest back, releases the lock; ``run()`` then returns.
    ///
    /// False when nobody runs the engine: nothing was drained, and a run that begins later is not ended by it, also when its task has been
    /// made already. Who starts and stops delivery leaves that to ``Delivery``.
    @discardableResult
    public func drain() -> Bool { mailbox.put(.drain) }

    /// Delivers until drained or cancelled. One call at a time: another one meanwhile throws ``SyncError/refused(reason:)``.
    ///
    /// Once it is told to end it returns as soon as all that it began has ended. Requests are cancelled after
    /// ``ProcessorConfiguration/drainMs`` at the latest, the app's own code (token providers, handlers of optimistic changes) when the rest
    /// has ended; what takes no notice of its task's cancellation is waited for.
    public func run() async throws { try await run(cancelledBy: .stop) }

    /// As ``run()``; `end` is what cancelling its task asks for.
    func run(cancelledBy end: Processor.Input) async throws(SyncError) {
        guard running.exchange(true, ordering: .acquiringAndReleasing) == false else {
            throw SyncError.refused(reason: "this engine runs already")
        }
        defer {
            mailbox.open(false)
            holdsLock.store(false, ordering: .releasing)
            hasFreeWorkers.store(false, ordering: .releasing)
            running.store(false, ordering: .releasing)
        }
        var generator = fork(0, at: clock.now.wall).random
        let owner = UniqueID.v4(using: &generator).description
        mailbox.open(true)
        // A task of its own, for it must outlive the cancellation of this one by as long as it takes to give claims back; awaited here.
        let loop = Task { [generator] in
            var loop = EngineLoop(engine: self, owner: owner, random: generator)
            await loop.run()
        }
        await withTaskCancellationHandler {
            await loop.value
        } onCancel: {
            mailbox.put(end)
        }
    }
}
