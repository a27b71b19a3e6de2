import GuardianCore
import GuardianTesting
import Testing

/// One guard, switched off, and the troubles in which that shows.
struct Sabotage: Sendable, CustomTestStringConvertible {
    /// The promise that is broken.
    var guarded: String
    /// What is done to break it.
    var name: String
    var troubles: Troubles
    var store = SabotagedStore.Sabotage.none
    var meddling: SimulatedWorld.Meddling?

    var testDescription: String { "\(guarded): \(name)" }

    init(_ guarded: String, _ store: SabotagedStore.Sabotage, in troubles: Troubles) {
        self.guarded = guarded
        self.name = "the store \(store.rawValue)"
        self.troubles = troubles
        self.store = store
    }

    init(_ guarded: String, _ name: String, in troubles: Troubles, _ change: (inout SimulatedWorld.Meddling) -> Void) {
        self.guarded = guarded
        self.name = name
        self.troubles = troubles
        var meddling = SimulatedWorld.Meddling()
        change(&meddling)
        self.meddling = meddling
    }

    /// A world with this sabotage.
    func world(seed: UInt64) -> SimulatedWorld {
        let store = SabotagedStore(MemoryStore(), store)
        return SimulatedWorld(seed: seed, script: troubles.script, store: store, meddling: meddling) { store.processDied(owner: $0) }
    }

    /// Every sabotage of the store and of the engine.
    static let all = ofStore + ofEngine
    /// Those of conflicts, optimistic changes, local ids and the feed, and all others.
    static let ofTwoSides = all.filter { [.changes, .house, .sharing].contains($0.troubles) }
    static let ofDelivery = all.filter { ![.changes, .house, .sharing].contains($0.troubles) }

    static let ofStore = [
        Sabotage("nothing acknowledged is lost", .losesEnqueues, in: .crashes),
        Sabotage("stale writes are refused", .ignoresFences, in: .crashes),
        Sabotage("what is settled is settled", .forgetsSettlements, in: .crashes),
        Sabotage("an id is taken once", .doublesEnqueues, in: .crashes), Sabotage("never two claims in a line", .claimsTwice, in: .crashes),
        Sabotage("a key stays", .changesKeys, in: .crashes), Sabotage("the books balance", .miscounts, in: .crashes),
        Sabotage("only what must fail fails", .failsRetries, in: .crashes), Sabotage("a retry waits", .claimsEarly, in: .crashes),
        Sabotage("offline costs nothing", .chargesAlways, in: .portal), Sabotage("principals", .mixesUpUsers, in: .users),
        Sabotage("principals", .forgetsPrincipals, in: .users), Sabotage("crash suspects", .forgetsCrashes, in: .killer),
        Sabotage("crash suspects", .neverSetsAside, in: .killer), Sabotage("crash suspects", .setsAsideAtOnce, in: .killer),
        Sabotage("crash suspects", .claimsSuspectsBeside, in: .crashes),
        Sabotage("own claims back at once", .keepsLocksOfTheDead, in: .crashes),
        Sabotage("own claims back at once", .keepsClaimsOfTheDead, in: .crashes),
        Sabotage("a new key for a changed payload", .keepsKeysOfCasts, in: .upgrade), Sabotage("up-casters", .losesCasts, in: .upgrade),
        Sabotage("a look before a cast", .forgetsDoubt, in: .upgrade), Sabotage("doubt", .forgetsDoubt, in: .longOutage),
        Sabotage("truthful cancel", .deniesAttempts, in: .cancels), Sabotage("truthful cancel", .cancelsInFlight, in: .cancels),
        Sabotage("426 pauses", .losesPauses, in: .oldVersion), Sabotage("holds outlive a restart", .losesHolds, in: .gateway),
        Sabotage("explain", .seesNoQueue, in: .users), Sabotage("explain", .seesNobodyParked, in: .users),
        Sabotage("explain", .countsTwice, in: .users), Sabotage("endings are told once", .forgetsEndings, in: .changes),
        Sabotage("endings are told once", .keepsEndings, in: .changes), Sabotage("dependents roll back", .forgetsDependence, in: .changes),
        Sabotage("changes end", .losesTokens, in: .changes), Sabotage("overlay", .showsTheServerOnly, in: .changes),
        Sabotage("what points to a create waits for it", .letsReferencesGo, in: .house),
        Sabotage("local ids are rewritten", .forgetsAssignedIDs, in: .house),
        Sabotage("a new key for another id", .keepsKeysOfRenamed, in: .house),
        Sabotage("cursor and changes together", .movesTheCursorOnly, in: .sharing),
        Sabotage("stale changes are passed over", .believesEveryFeed, in: .sharing),
    ]
}
