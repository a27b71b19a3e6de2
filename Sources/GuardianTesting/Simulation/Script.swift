package import GuardianCore

extension SimulatedWorld {
    /// What may happen in a world, and how often. Rates are chances between 0 and 1; times are virtual milliseconds.
    package struct Script: Sendable {
        package var ordering: Ordering = .entity
        package var operations = 20
        package var entities = 4
        /// Operations are enqueued and troubles happen until then; afterwards all is well, and everything must be delivered.
        package var troubleMs: Int64 = 300_000
        package var processes = 2
        package var workers = 4
        package var pollMs: Int64 = 500
        /// Of a request: never arrives. Of an answer: never comes back. Of a request: arrives a second time, later.
        package var lostRequests = 0.0
        package var lostAnswers = 0.0
        package var duplicates = 0.0
        /// Of a request, while nothing else is wrong: answered 5xx, half of the time with its effect applied.
        package var serverErrors = 0.0
        /// Of a request: answered 429 or 503 with `Retry-After`.
        package var pushBacks = 0.0
        /// Whether what is pushed back makes only its own route wait: there is one for each operation type and entity type.
        package var holdsRoutes = false
        /// Of a store call: the process dies before or after it, its answer not heard.
        package var crashes = 0.0
        /// Of a store call: the store answers with an error and has done nothing.
        package var storeErrors = 0.0
        /// Spans during which no request arrives, and spans during which each is answered 5xx.
        package var outages: [Range<Int64>] = []
        package var storms: [Range<Int64>] = []
        /// Spans during which a gateway forbids everything (403).
        package var gateways: [Range<Int64>] = []
        /// Spans during which the login has expired, and nobody gives another.
        package var signedOut: [Range<Int64>] = []
        /// Spans during which a stranger answers in the upstream's place: a captive portal, a proxy.
        package var portals: [Range<Int64>] = []
        /// How long the upstream remembers keys, and how long processors rely on that: less, by what the network may delay.
        /// A copy of what the upstream has refused may come when its key is forgotten, so no copies and no clock that jumps beside.
        package var keyMemoryMs: Int64 = 86_400_000
        package var idempotencyWindowMs: Int64 = 86_400_000
        /// Operations of version 1, while newer builds cast to version 2; and from when on processes start as a newer build, the older ones
        /// being asked to end. A look can't see what is still on the wire, so nothing may be there when a new build begins: no crashes,
        /// copies or forced releases beside.
        package var outdated = 0.0
        package var upgradeAt: Int64?
        /// How many times each of these happens, at a random moment.
        package var freezes = 0
        package var clockJumps = 0
        package var expiredLogins = 0
        package var forcedReleases = 0
        package var pauses = 0
        package var cancellations = 0
        package var drains = 0
        package var upgradesAsked = 0
        package var tlsFailures = 0
        /// Operations of one of two users, and how many times the other signs in.
        package var owned = 0.0
        package var userSwitches = 0
        /// Operations whose sending kills the process.
        package var killers = 0
        /// Operations that the upstream refuses for good (422), and the number of a single one.
        package var badWrites = 0.0
        package var loneBadWrite: Int?
        /// Operations are enqueued until then; nil means as long as there is trouble.
        package var produceWithinMs: Int64?
        /// Whether operations that fail for the server's fault are only counted.
        package var countsWrongFailures = false
        /// The store is checked after so many steps; 1 checks after every one.
        package var checkEvery = 1
        /// Operations that the upstream never takes: 422, 409, or 500 while there is trouble.
        package var poison = 0.0
        /// How conflicts (409) are settled.
        package var conflicts = ConflictPolicy.manual
        /// Operations that must wait for a time, end at a time, or go first.
        package var dated = 0.0
        package var urgent = 0.0
        /// Operations that may be folded into one that waits; where there are any, they also create and delete.
        package var folds = 0.0
        /// Operations that belong to an optimistic change, and changes that depend on an earlier one.
        package var optimistic = 0.0
        package var dependent = 0.0
        /// Operations that make an entity under a local id, to which later ones point; more than 0 makes a world of rooms and devices.
        package var localIDs = 0.0
        /// How many times somebody else writes one of the entities. More than 0 makes a world in which the upstream has versions and a feed,
        /// and conflicts are merged.
        package var others = 0
        /// Spans during which the feed is away.
        package var feedOutages: [Range<Int64>] = []
        /// Whether answers hold the state that was written.
        package var tellsStates = true

        package init() {}

        /// A mixture of troubles drawn from a seed.
        package init(random: inout Xoshiro256) {
            func often(_ chance: Double, _ most: Double) -> Double { random.unit() < chance ? random.unit() * most : 0 }
            func times(_ chance: Double, _ most: Int) -> Int { random.unit() < chance ? Int.random(in: 1...most, using: &random) : 0 }
            ordering = random.unit() < 0.1 ? .strict : .entity
            operations = Int.random(in: 3...30, using: &random)
            entities = Int.random(in: 1...8, using: &random)
            troubleMs = Int64.random(in: 10_000...600_000, using: &random)
            processes = Int.random(in: 1...2, using: &random)
            workers = Int.random(in: 1...6, using: &random)
            pollMs = [500, 2000, 5000][Int.random(in: 0..<3, using: &random)]
            lostRequests = often(0.5, 0.3)
            lostAnswers = often(0.5, 0.3)
            duplicates = often(0.5, 0.3)
            serverErrors = often(0.5, 0.5)
            pushBacks = often(0.2, 0.1)
            crashes = often(0.5, 0.08)
            storeErrors = often(0.3, 0.1)
            if random.unit() < 0.4 { outages = [Self.span(in: troubleMs, &random)] }
            if random.unit() < 0.4 { storms = [Self.span(in: troubleMs, &random)] }
            freezes = times(0.3, 3)
            clockJumps = times(0.2, 2)
            expiredLogins = times(0.2, 2)
            forcedReleases = times(0.2, 2)
            pauses = times(0.2, 2)
            cancellations = times(0.2, 4)
            drains = times(0.2, 2)
            upgradesAsked = times(0.05, 1)
            tlsFailures = times(0.1, 4)
            poison = often(0.3, 0.3)
            conflicts = [.manual, .clientWins, .serverWins][Int.random(in: 0..<3, using: &random)]
            dated = often(0.3, 0.3)
            urgent = often(0.3, 0.5)
            owned = often(0.3, 0.8)
            userSwitches = owned > 0 ? Int.random(in: 1...4, using: &random) : 0
            killers = times(0.1, 1)
            if random.unit() < 0.3 { portals = [Self.span(in: troubleMs, &random)] }
            if random.unit() < 0.3, clockJumps == 0, duplicates == 0 {
                idempotencyWindowMs = Int64.random(in: 10_000...300_000, using: &random)
                keyMemoryMs = idempotencyWindowMs + 100_000
            }
            if random.unit() < 0.5, duplicates == 0, crashes == 0, forcedReleases == 0, killers == 0 {
                outdated = random.unit()
                upgradeAt = Int64.random(in: 0..<troubleMs, using: &random)
            }
            folds = often(0.3, 1)
            optimistic = often(0.4, 0.8)
            dependent = random.unit()
            let kind = random.unit()
            if kind < 0.2, upgradeAt == nil, keyMemoryMs >= 86_400_000 { localIDs = 0.2 + random.unit() * 0.3 }
            if kind > 0.75, upgradeAt == nil, keyMemoryMs >= 86_400_000 { share(&random) }
        }

        /// Others write too. Times are those of the wall, so it does not jump; what can't be foreseen of edits that fail is left out.
        private mutating func share(_ random: inout Xoshiro256) {
            others = Int.random(in: 1...20, using: &random)
            tellsStates = random.unit() < 0.5
            (folds, poison, killers, clockJumps, dated) = (0, 0, 0, 0, 0)
            if random.unit() < 0.3 { feedOutages = [Self.span(in: troubleMs, &random)] }
        }

        private static func span(in length: Int64, _ random: inout Xoshiro256) -> Range<Int64> {
            let start = Int64.random(in: 0..<length, using: &random)
            return start..<start + Int64.random(in: 1...length, using: &random)
        }
    }
}
