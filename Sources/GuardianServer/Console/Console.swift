public import GuardianCore
import GuardianPrivacy
import Synchronization

/// The admin console: what its pages share, whoever looks (spec section 10).
///
/// It is an event sink too: from what the engine tells it keeps the charts, the trail of attempts, and a log for a process that writes
/// none.
public final class Console: EventSink {
    private struct Doors {
        var sessions = AdminSessions()
        var limiter = LoginLimiter()
        var flashes: [String: String] = [:]
    }

    private struct Memory {
        var history = ConsoleHistory()
        var trail = AttemptTrail()
    }

    private struct Watch {
        var pulse = Newest<Pulse>()
        var count = Newest<Pulse.Count>()
        var readers: [Int: AsyncStream<Void>.Continuation] = [:]
        var lastReader = 0
        /// Steady time at which somebody last asked for a page.
        var askedAt = Int64.min / 2
    }

    let configuration: ConsoleConfiguration
    let clock: any TimeSource
    let jobs: BulkJobs
    let audit: AuditLog
    let views: ConsoleViews
    private let journal: EventJournal
    private let doors = Mutex(Doors())
    private let memory = Mutex(Memory())
    private let watch = Mutex(Watch())
    let groups = FailureGroupCache()
    let ends = StatusEnds()

    /// Reads the end of the audit log where there is one. Sessions, login limits and bulk work go by `clock`.
    public init(_ configuration: ConsoleConfiguration, clock: any TimeSource = SystemClock()) {
        self.configuration = configuration
        self.clock = clock
        jobs = BulkJobs(clock: clock)
        audit = AuditLog(path: configuration.auditFile)
        views = ConsoleViews()
        journal = EventJournal(redactor: configuration.redactor)
    }

    public func record(_ event: Event, at time: Timestamp) { record(event, about: nil, at: time) }

    public func record(_ event: Event, about subject: Event.Subject?, at time: Timestamp) {
        memory.withLock { memory in
            memory.history.record(event, at: time)
            memory.trail.record(event, at: time)
        }
        journal.record(event, about: subject, at: time)
    }

    var logs: any ConsoleLogs { configuration.logs ?? journal }

    var history: ConsoleHistory { memory.withLock { $0.history } }

    func trail(of id: OperationID) -> [AttemptTrail.Entry] { memory.withLock { $0.trail.entries(of: id) } }

    // MARK: Doors

    enum Login {
        /// `wrongBefore`: wrong tokens from the same address, just before the right one.
        case welcome(cookie: String, AdminTokens.Holder, wrongBefore: Int64)
        /// nil when nothing is written down of it.
        case refused(LoginLimiter.Note?)
        case tooMany(waitMs: Int64)
    }

    /// Milliseconds before an attempt from this address is looked at; 0 for none.
    func loginWait(_ address: String) -> Int64 {
        let now = clock.now.steady
        return doors.withLock { $0.limiter.wait(address, at: now) }
    }

    func logIn(token: String, address: String) -> Login {
        let now = clock.now.steady
        return doors.withLock { doors in
            let wait = doors.limiter.wait(address, at: now)
            guard wait <= 0 else { return .tooMany(waitMs: wait) }
            guard let holder = configuration.tokens.holder(of: token) else {
                return .refused(doors.limiter.failed(address, at: now))
            }
            let wrongBefore = doors.limiter.succeeded(address, at: now)
            var random = SystemRandomNumberGenerator()
            return .welcome(cookie: doors.sessions.begin(holder, at: now, using: &random), holder, wrongBefore: wrongBefore)
        }
    }

    func session(_ cookie: String, keepsAlive: Bool = true) -> AdminSessions.Session? {
        let now = clock.now.steady
        return doors.withLock { $0.sessions.session(cookie, at: now, keepsAlive: keepsAlive) }
    }

    func logOut(_ cookie: String) { doors.withLock { $0.sessions.end(cookie) } }

    /// Keeps a sentence for the next page of a session.
    func tell(_ session: AdminSessions.Session, _ sentence: String) {
        doors.withLock { doors in
            if doors.flashes.count > AdminSessions.most { doors.flashes.removeAll() }
            doors.flashes[session.csrf] = sentence
        }
    }

    func takeSentence(_ session: AdminSessions.Session) -> String? { doors.withLock { $0.flashes.removeValue(forKey: session.csrf) } }

    // MARK: Pulse

    /// The latest; read now when there is none yet, or it is older than two seconds.
    func pulse(_ engine: SyncEngine, _ store: any Store) async -> Pulse {
        let now = clock.now
        let known = watch.withLock { watch in
            watch.askedAt = now.steady
            return watch.pulse.value
        }
        if let known, now.wall.milliseconds - known.at.milliseconds < 2000, now.wall >= known.at { return known }
        return await beat(engine, store, counts: false)
    }

    /// Something was done: what is known of the queue is old.
    func forgetPulse() { watch.withLock { $0.pulse.forget() } }

    /// What the last beat has read, however old it is.
    var lastPulse: Pulse? { watch.withLock { $0.pulse.last } }

    /// Says to one reader, from now on, that there is a new ``lastPulse``.
    func beats() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = watch.withLock { watch in
            watch.lastReader += 1
            watch.readers[watch.lastReader] = continuation
            return watch.lastReader
        }
        continuation.onTermination = { [weak self] _ in _ = self?.watch.withLock { $0.readers.removeValue(forKey: number) } }
        return stream
    }

    private var isWatched: Bool {
        let now = clock.now.steady
        return watch.withLock { !$0.readers.isEmpty || now - $0.askedAt < 10_000 }
    }

    /// Reads how the queue stands, for everybody; where another beat has overtaken this one, for the caller alone.
    @discardableResult
    private func beat(_ engine: SyncEngine, _ store: any Store, counts: Bool) async -> Pulse {
        let (number, last) = watch.withLock { ($0.pulse.begin(), $0.pulse.last) }
        var pulse = last ?? Pulse(at: clock.now.wall)
        pulse.at = clock.now.wall
        pulse.isDelivering = engine.isActive
        pulse.alerts = configuration.alerts()
        do throws(StoreError) {
            pulse.books = try await store.books()
            pulse.control = try await store.loadControl()
            pulse.processors = try await store.processors()
            pulse.oldestPending = try await store.oldestPending()
            if counts || watch.withLock({ $0.count.last == nil }) { try await count(engine, store) }
            pulse.trouble = nil
        } catch {
            pulse.trouble = configuration.redactor.redact(error.description)
        }
        let readers = watch.withLock { watch -> [AsyncStream<Void>.Continuation] in
            if pulse.trouble != nil, let latest = watch.pulse.last {
                // What another beat has read meanwhile is newer than what this one has not.
                (pulse.books, pulse.control) = (latest.books, latest.control)
                (pulse.processors, pulse.oldestPending) = (latest.processors, latest.oldestPending)
            }
            if let count = watch.count.last { pulse.count = count }
            guard watch.pulse.keep(pulse, of: number) else { return [] }
            // Under this lock, so that older books are not noted after newer ones.
            if pulse.trouble == nil { memory.withLock { $0.history.note(pulse.books, at: pulse.at) } }
            return Array(watch.readers.values)
        }
        for reader in readers { reader.yield() }
        return pulse
    }

    private func count(_ engine: SyncEngine, _ store: any Store) async throws(StoreError) {
        let number = watch.withLock { $0.count.begin() }
        var count = Pulse.Count(indexEntries: try await store.indexEntries())
        do throws(SyncError) { count.explanation = try await engine.explainQueue() } catch { count.explanation = nil }
        watch.withLock { _ = $0.count.keep(count, of: number) }
    }

    /// Samples for the charts, beats for who looks, works through bulk jobs, and keeps searches quick; until cancelled.
    public func run(_ engine: SyncEngine, _ store: any Store) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.keepBeating(engine, store) }
            group.addTask {
                try await self.jobs.run(engine, store) { job in
                    self.note(job)
                }
            }
            group.addTask { try await self.prepareSearches(store) }
            try await group.waitForAll()
        }
    }

    private func keepBeating(_ engine: SyncEngine, _ store: any Store) async throws {
        var countAt = Int64.min
        var second = 0
        while true {
            try await clock.wait(untilSteady: clock.now.steady + 1000)
            second += 1
            let looks = isWatched
            guard looks || second % 5 == 0 else { continue }
            let before = clock.now.steady
            let counts = looks && before >= countAt
            await beat(engine, store, counts: counts)
            // Counting walks the index of heads: a long one is walked more rarely, so that it never costs more than a twentieth.
            let after = clock.now.steady
            if counts { countAt = after + max(2000, (after - before) * 20) }
        }
    }

    private func prepareSearches(_ store: any Store) async throws {
        while true {
            var hasMore = false
            // What can't be read now is read later; the pulse says that the store is in trouble.
            do throws(StoreError) { hasMore = try await store.prepareSearch() } catch { hasMore = false }
            try await clock.wait(untilSteady: clock.now.steady + (hasMore ? 50 : 1000))
        }
    }

    /// Writes down how a job has ended, also where the process ends with it.
    private func note(_ job: BulkJob) {
        let ending = job.state == .stopped && !job.isStopAsked ? "; the process ended" : ""
        let total = job.total.map { "\($0)" } ?? "all that fit"
        let entry = AuditLog.Entry(
            at: clock.now.wall, who: job.who, role: "", address: "", action: "bulk_\(job.kind.rawValue)", count: job.done,
            detail: "job \(job.number): \(job.done) of \(total)\(ending)", outcome: job.state.name)
        // The job has ended; a log that can't be written any more is told by the next action.
        do { try audit.record(entry) } catch {}
    }
}
