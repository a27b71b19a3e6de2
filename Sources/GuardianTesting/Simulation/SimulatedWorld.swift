package import GuardianCore

/// A world in virtual time: producers, processes that crash and freeze, one store, a network that loses and doubles, one upstream.
///
/// Single-threaded and drawn from one seed, so that a run replays exactly. After every step a judge compares what happened with what is
/// promised (spec section 3): nothing acknowledged is lost, order per line, never two claims in a line, no effect twice, stale fences
/// refused, the books balanced. Troubles end after ``Script/troubleMs``; from then on everything must be delivered with no one's help.
///
/// The store is a real one. Its calls are made one at a time, and processes are stopped between any two of them.
package struct SimulatedWorld: Sendable {
    /// What came of a run.
    package struct Report: Sendable {
        package var seed: UInt64
        /// Promises that were broken; empty when all were kept. The run ends at the first.
        package var violations: [String]
        package var steps = 0
        package var acknowledged = 0
        package var processed = 0
        /// Operations that were folded into another, or vanished with it.
        package var coalesced = 0
        /// Operations in `failed` at the end, and how many times one was put there.
        package var failed = 0
        package var failures = 0
        /// Endings of optimistic changes, entities that got the upstream's id, changes that a feed told and were taken or passed over.
        package var endings = 0
        package var aliases = 0
        package var told = 0
        package var passedOver = 0
        package var crashes = 0
        package var takeovers = 0
        package var breakerOpened = 0
        package var routesHeld = 0
        package var plaguesHeld = 0
        /// Operations that were fine and were put into `failed` as if they were not.
        package var wronglyFailed = 0
        /// From the beginning of a gateway to the hold, and from its end to the release.
        package var timeToHoldMs: Int64?
        package var timeToReleaseMs: Int64?
        package var attemptsOfBadWrites = 0
        package var lastDeliveredMs: Int64 = 0
        package var virtualMs: Int64 = 0
        /// A hash of everything that happened, in order: equal for equal runs.
        package var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    }

    package let script: Script
    let store: any Store
    /// Tells the store that the process of an owner is dead.
    let processDied: @Sendable (String) -> Void
    let configuration: ProcessorConfiguration
    let meddling: Meddling?
    let waysHome: Int64 = 6 * 3_600_000

    var random: Xoshiro256
    var agenda = Agenda()
    var judge: Judge
    var upstream = SimulatedUpstream()
    var processes: [SimulatedProcess]
    var now: Int64 = 0
    var wallOffset: Int64 = 1_767_225_600_000
    var isTroubled = true
    /// Who is signed in.
    var user = "a"
    var deadOwners: Set<String> = []
    /// The optimistic changes that operations belong to, by token.
    let changes: [String: OptimisticChange]
    /// Whoever follows the feed.
    var follower = Follower()
    var report: Report

    /// A world on a ``MemoryStore``, its script drawn from the seed unless one is given.
    package init(seed: UInt64, script: Script? = nil, meddling: Meddling? = nil) {
        let drawn = Self.script(seed: seed, script)
        let store = MemoryStore(ordering: drawn.ordering)
        self.init(seed: seed, script: drawn, store: store, meddling: meddling) { store.processDied(owner: $0) }
    }

    /// A world on an empty store of any kind. `processDied` names owners whose process is gone for good.
    package init(
        seed: UInt64, script: Script? = nil, store: any Store, meddling: Meddling? = nil, processDied: @escaping @Sendable (String) -> Void
    ) {
        self.script = Self.script(seed: seed, script)
        self.store = store
        self.processDied = processDied
        random = Xoshiro256(seed: seed &+ 1)
        self.meddling = meddling
        var configuration = ProcessorConfiguration(workers: self.script.workers, pollMs: self.script.pollMs)
        configuration.conflicts = ConflictRules(standard: self.script.conflicts)
        configuration.idempotencyWindowMs = self.script.idempotencyWindowMs
        if self.script.localIDs > 0 { configuration.assignsIDs = ["*"] }
        if self.script.holdsRoutes {
            for type in ["create", "update", "delete"] {
                for entity in ["room", "device"] { configuration.holds.set(.route, operation: type, entity: entity) }
            }
        }
        if self.script.others > 0 { configuration.conflicts = ConflictRules(standard: .merge(ThreeWayMerge())) }
        self.configuration = configuration
        report = Report(seed: seed, violations: [])
        processes = (0..<self.script.processes).map { _ in SimulatedProcess() }
        var draw = Xoshiro256(seed: seed &+ 2)
        let (records, changes) = Self.records(self.script, wall: wallOffset, &draw)
        judge = Judge(records: records, script: self.script)
        self.changes = changes
    }

    private static func script(seed: UInt64, _ given: Script?) -> Script {
        var draw = Xoshiro256(seed: seed)
        return given ?? Script(random: &draw)
    }

    var moment: Moment { Moment(steady: now, wall: Timestamp(milliseconds: wallOffset + now)) }

    /// Runs to the end, or to the first broken promise.
    package mutating func run() async -> Report {
        plan()
        await furnish()
        judge.countsWrongFailures = script.countsWrongFailures
        upstream.keyMemoryMs = script.keyMemoryMs
        while judge.violations.isEmpty, let (at, item) = agenda.next() {
            now = max(now, at)
            report.steps += 1
            note(UInt64(truncatingIfNeeded: now))
            if report.steps > 3_000_000 || now > script.troubleMs + waysHome {
                judge.violated("not everything was delivered \(waysHome / 60_000) min after the trouble ended: \(await leftovers())")
                break
            }
            await take(item)
            if !isTroubled, await isDone() { break }
        }
        await finish()
        return report
    }

    private func leftovers() async -> String {
        do throws(StoreError) {
            let rows = try await store.list(OperationFilter()).map { "\($0.seq) \($0.status) \($0.lastError?.code ?? "")" }
            let lock = String(describing: try await store.lockState())
            return "\(try await store.loadControl()); \(lock); \(rows.joined(separator: ", "))"
        } catch { return error.description }
    }

    private mutating func plan() {
        for process in processes.indices { agenda.add(.start(process: process), at: Int64(process) * 10) }
        var index = 0
        if script.localIDs > 0 { planNext(from: 0) }
        while index < judge.records.count, script.localIDs == 0 {
            let end = min(index + Int.random(in: 1...3, using: &random), judge.records.count)
            agenda.add(.produce(index..<end), at: Int64.random(in: 0..<(script.produceWithinMs ?? script.troubleMs), using: &random))
            index = end
        }
        let troubles: [(Int, Agenda.Trouble)] = [
            (script.freezes, .freeze), (script.clockJumps, .clockJump), (script.expiredLogins, .expireLogin),
            (script.forcedReleases, .forceRelease), (script.pauses, .pause), (script.cancellations, .cancel), (script.drains, .drain),
            (script.upgradesAsked, .askForUpgrade), (script.tlsFailures, .breakTLS), (script.userSwitches, .switchUser),
            (script.others, .otherWrites),
        ]
        for (times, trouble) in troubles {
            for _ in 0..<times { agenda.add(.trouble(trouble), at: Int64.random(in: 0..<script.troubleMs, using: &random)) }
        }
        if let upgradeAt = script.upgradeAt { agenda.add(.trouble(.upgradeBuild), at: upgradeAt) }
        // Who signs in again has another token.
        for span in script.signedOut { agenda.add(.trouble(.expireLogin), at: span.upperBound) }
        agenda.add(.trouble(.end), at: script.troubleMs)
    }

    private mutating func take(_ item: Agenda.Item) async {
        switch item {
        case .produce(let range): await produce(range)
        case .start(let process): start(process)
        case .tick(let life):
            guard processes[life.process].tickAt == now else { return }
            deliver(.tick, to: life)
        case .input(let life, let input): deliver(input, to: life)
        case .storeCall(let life, let call): await perform(call, for: life)
        case .arrive(let request): arrive(request)
        case .looked(let request, let look): looked(request, look)
        case .fetched(let request, let fetch): fetched(request, fetch)
        case .attemptEnds(let request, let outcome): attemptEnds(request, outcome)
        case .tokenAnswer(let life): answerToken(life)
        case .thaw(let process): processes[process].frozenUntil = nil
        case .trouble(let trouble): await make(trouble)
        case .appLooks: await appLooks()
        case .feed: await follow()
        }
    }

    /// Mixes a fact into the digest.
    mutating func note(_ fact: UInt64) { report.digest = (report.digest ^ fact) &* 0x0000_0100_0000_01b3 }

    mutating func chance(_ rate: Double) -> Bool { rate > 0 && random.unit() < rate }

    mutating func delay(_ range: ClosedRange<Int64>) -> Int64 { now + Int64.random(in: range, using: &random) }

    /// Whether nothing waits any more and every producer has its receipt. What was given up is tried once more by hand, or cancelled where
    /// it has expired.
    private mutating func isDone() async -> Bool {
        let isOver = judge.records.allSatisfy { $0.isAcknowledged && $0.fate != .waiting }
        // Others wait for an entity whose create has failed.
        guard isOver || script.localIDs > 0 else { return false }
        let given = judge.records.indices.filter {
            judge.records[$0].fate == .failed && (isOver || judge.records[$0].operation.type == "create")
        }
        for index in given where judge.records[index].hasExpired { await cancel(index) }
        let again = given.compactMap { index -> OperationID? in
            let record = judge.records[index]
            return record.fate == .failed && [.fine, .broken].contains(record.verdict) ? record.operation.id : nil
        }
        guard !again.isEmpty else { return isOver ? await isTold() : false }
        do throws(StoreError) {
            let count = try await store.retry(again, now: moment.wall)
            if count != again.count { judge.violated("retry put back \(count) of \(again.count)") }
            judge.retried(again)
        } catch { judge.violated("retry: \(error)") }
        return false
    }

    private mutating func finish() async {
        for record in judge.records where record.fate == .processed && !record.isOverruled && !upstream.hasApplied(record.operation.id) {
            judge.violated("seq \(record.seq ?? 0) is processed and has no effect")
        }
        report.endings = judge.optimism.told.values.reduce(0) { $0 + $1.count }
        report.aliases = judge.aliases.count
        report.violations = judge.violations
        report.wronglyFailed = judge.wronglyFailed
        report.acknowledged = judge.records.count(where: \.isAcknowledged)
        report.processed = judge.records.count { $0.fate == .processed }
        report.coalesced = judge.records.count { $0.fate == .merged || $0.fate == .vanished }
        report.failed = judge.records.count { $0.fate == .failed }
        report.failures = judge.failures
        report.virtualMs = now
    }
}
