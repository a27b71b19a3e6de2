import GuardianCore
import GuardianTesting
import Synchronization

/// A memory store that breaks one promise. What it does to an exchange stands in `SabotagedStore+Exchange.swift`.
final class SabotagedStore: EnqueueStore, DeliveryStore, LockStore, InspectStore, ExplainStore, RepairStore {
    enum Sabotage: String {
        /// Says yes and writes nothing, now and then.
        case losesEnqueues
        /// Takes writes of fences that are no longer the lock's.
        case ignoresFences
        /// Forgets a settlement that it has confirmed.
        case forgetsSettlements
        /// Enqueues an id again under another name.
        case doublesEnqueues
        /// Hands out a claim twice.
        case claimsTwice
        /// Changes an operation's key between attempts.
        case changesKeys
        /// Miscounts what was processed.
        case miscounts
        /// Gives up on operations that only have to wait.
        case failsRetries
        /// Hands out what is to be tried again later.
        case claimsEarly
        /// Counts attempts that cost nothing.
        case chargesAlways
        /// Takes one user for the other.
        case mixesUpUsers
        /// Does not keep whose an operation is.
        case forgetsPrincipals
        /// Forgets how often a process died with an operation in hand.
        case forgetsCrashes
        /// Puts a suspect back into its line instead of setting it aside.
        case neverSetsAside
        /// Sets a suspect aside after its first crash.
        case setsAsideAtOnce
        /// Hands out a suspect beside others.
        case claimsSuspectsBeside
        /// Does not believe that a process is dead.
        case keepsLocksOfTheDead
        /// Leaves claims with processes that are gone.
        case keepsClaimsOfTheDead
        /// Keeps the old key for a payload that has changed after an attempt.
        case keepsKeysOfCasts
        /// Says that a cast is written, and leaves the row as it was.
        case losesCasts
        /// Forgets that the outcome of an attempt is unknown.
        case forgetsDoubt
        /// Says `never_sent` of what was sent, and of what is on the wire.
        case deniesAttempts
        case cancelsInFlight
        /// Forgets the pauses and the holds that a processor writes.
        case losesPauses
        case losesHolds
        /// Tells everyone that nobody is before them, or that nobody is parked; counts one twice.
        case seesNoQueue
        case seesNobodyParked
        case countsTwice
        /// Loses endings of optimistic changes, or tells them again and again.
        case forgetsEndings
        case keepsEndings
        /// Forgets what a change depends on, or which change an operation belongs to.
        case forgetsDependence
        case losesTokens
        /// Hides what waits from the user.
        case showsTheServerOnly
        /// Does not wait for the create that an operation points to.
        case letsReferencesGo
        /// Forgets the id that the upstream has given.
        case forgetsAssignedIDs
        /// Keeps the old key for an operation that got another id after an attempt.
        case keepsKeysOfRenamed
        /// Keeps a feed's cursor, and not what it told; or takes whatever it tells, however old.
        case movesTheCursorOnly
        case believesEveryFeed
        case none
    }

    /// What it has to remember for its tricks.
    struct Memory {
        var calls = 0
        var ids = UInt64(1)
        var claim: Claim?
        var keys: [Int64: UniqueID] = [:]
    }

    let store: MemoryStore
    let sabotage: Sabotage
    let memory = Mutex(Memory())

    init(_ store: MemoryStore, _ sabotage: Sabotage) {
        self.store = store
        self.sabotage = sabotage
    }

    func every(_ n: Int) -> Bool {
        memory.withLock {
            $0.calls += 1
            return $0.calls % n == 0
        }
    }

    /// A generator that never repeats itself.
    func random() -> Xoshiro256 {
        memory.withLock {
            $0.ids += 1
            return Xoshiro256(seed: $0.ids)
        }
    }

    func processDied(owner: String) { if sabotage != .keepsLocksOfTheDead { store.processDied(owner: owner) } }

    func enqueue(_ operations: [Operation]) async throws(StoreError) -> [Receipt] {
        var written = operations
        switch sabotage {
        case .losesEnqueues where every(3):
            return operations.enumerated().map { Receipt(id: $1.id, seq: 1000 + Int64($0), outcome: .accepted) }
        case .doublesEnqueues:
            var twins = operations
            var random = random()
            for index in twins.indices { twins[index].id = .uuid(.v4(using: &random)) }
            _ = try await store.enqueue(twins)
        case .forgetsPrincipals: for index in written.indices { written[index].principal = nil }
        case .losesTokens: for index in written.indices { written[index].txnToken = nil }
        case .letsReferencesGo:
            for index in written.indices {
                let isCreate = written[index].type == "create"
                written[index].references.removeAll { !$0.isOwn || !isCreate }
            }
        default: break
        }
        return try await store.enqueue(written)
    }

    func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult {
        var result = try await store.exchange(try await spoil(exchange))
        try await spoil(&result, of: exchange)
        return result
    }

    func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer {
        let answer = try await store.acquireLock(owner: owner, now: now, staleAfterMs: staleAfterMs)
        guard sabotage == .keepsClaimsOfTheDead, case .acquired(let fence, let before, let returned) = answer, returned > 0 else {
            return answer
        }
        _ = try await store.exchange(Exchange(fence: fence, now: now, urgent: returned, normal: returned))
        return .acquired(fence, takenOver: before, returned: 0)
    }

    func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError) {
        if sabotage == .ignoresFences { return }
        try await store.renewLock(fence, now: now)
    }

    func loadControl() async throws(StoreError) -> Control {
        var control = try await store.loadControl()
        if sabotage == .mixesUpUsers { control.signedIn = Self.other(control.signedIn) }
        return control
    }

    static func other(_ user: SignedIn) -> SignedIn { user.hash.map { .principal($0 == "a" ? "b" : "a") } ?? user }

    func check() async throws(StoreError) -> CheckReport {
        var report = try await store.check()
        if sabotage == .miscounts, report.books.processed > 3 { report.books.processed -= 1 }
        return report
    }

    func resolve(_ entity: EntityKey) async throws(StoreError) -> EntityKey { try await store.resolve(entity) }
    func resolve(_ id: OperationID, _ revision: Settlement.Revision?, now: Timestamp) async throws(StoreError) -> Bool {
        try await store.resolve(id, revision, now: now)
    }
    func cancel(_ id: OperationID, ifStill status: Operation.Status?, now: Timestamp) async throws(StoreError) -> CancelAnswer {
        let answer = try await store.cancel(id, ifStill: status, now: now)
        let isLie = sabotage == .deniesAttempts && answer == .mayHaveApplied || sabotage == .cancelsInFlight && answer == .inFlight
        return isLie ? .neverSent : answer
    }

    func standing(of id: OperationID) async throws(StoreError) -> Standing? {
        guard var standing = try await store.standing(of: id) else { return nil }
        if sabotage == .seesNobodyParked { standing.isParked = false }
        if sabotage == .seesNoQueue, standing.operation.status == .pending { standing.isHead = true }
        return standing
    }

    func census(at now: Timestamp) async throws(StoreError) -> Census {
        var census = try await store.census(at: now)
        if sabotage == .countsTwice, census.behind > 0 { census.backoff += 1 }
        return census
    }
}

extension SabotagedStore: SearchStore {}
