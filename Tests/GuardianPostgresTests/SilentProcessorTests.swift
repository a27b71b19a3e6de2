import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("A processor that goes silent holds up its own claims only")
struct SilentProcessorTests {
    private static let now = StoreContract.start

    /// Two processors, of which one has claimed `n1` and `n2` and says nothing more.
    private struct Silence {
        let server: Server
        let database: String
        let store: PostgresStore
        let other: Fence
        let silent: Fence
        let held: [Claim]

        init() async throws {
            server = try Server.shared.get()
            database = try server.emptyDatabase()
            store = try await server.store(database)
            _ = try await store.enqueue(["n1", "n2"].map { Silence.note($0) })
            other = try await SharingTests.acquire(store, "other")
            silent = try await SharingTests.acquire(store, "silent", staleAfterMs: 300)
            held = try await SharingTests.claim(store, silent, 2).claims
        }

        static func note(_ id: String) -> GuardianCore.Operation {
            StoreContract.sample(entity: EntityKey(type: "note", id: id), id: id)
        }

        /// Waits until its lease is over.
        func leaseEnds() async throws {
            let isOver = """
                SELECT (clock_timestamp() > to_timestamp((heartbeat_at + stale_after_ms) / 1000.0))::text FROM guardian_processor
                WHERE owner = 'silent'
                """
            try await eventually("the end of the lease") { try server.texts(isOver, database: database) == ["true"] }
        }
    }

    @Test("frozen in the middle of a write it keeps nobody from their heartbeats, their seats and their claims")
    func frozen() async throws {
        let scene = try await Silence()
        let store = scene.store
        defer { store.close() }
        let frozen = try OpenTransaction(
            scene.server, scene.database, "SELECT 1 FROM guardian_processor WHERE owner = 'silent' FOR KEY SHARE")
        try await scene.leaseEnds()
        let start = ContinuousClock.now
        try await store.renewLock(scene.other, now: Self.now)
        let none = try await store.rescue(scene.other, now: Self.now)
        #expect(none == 0)
        let third = try await SharingTests.acquire(store, "third")
        _ = try await store.enqueue([Silence.note("n3")])
        let claims = try await SharingTests.claim(store, third, 5).claims
        #expect(claims.map(\.operation.entity.id) == ["n3"])
        #expect(ContinuousClock.now - start < .seconds(10))
        // The server ends what waits for its next statement too long.
        try frozen.end("ROLLBACK")
        let returned = try await store.rescue(scene.other, now: Self.now)
        #expect(returned == 2)
        let again = try await SharingTests.claim(store, scene.other, 5).claims
        #expect(again.map(\.seq) == scene.held.map(\.seq))
    }

    @Test("what an app's open transaction holds of it goes back later; what it writes meanwhile is refused")
    func heldLine() async throws {
        let scene = try await Silence()
        let store = scene.store
        defer { store.close() }
        let app = try OpenTransaction(
            scene.server, scene.database, "SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{}', id => 'app')")
        try await scene.leaseEnds()
        let first = try await store.rescue(scene.other, now: Self.now)
        #expect(first == 1)
        let seated = try await store.processors()
        #expect(seated.map(\.fence) == [scene.other])
        await #expect(throws: StoreError.stale) {
            _ = try await SharingTests.claim(store, scene.silent, 1, settling: scene.held)
        }
        await #expect(throws: StoreError.stale) { try await store.renewLock(scene.silent, now: Self.now) }
        let claims = try await SharingTests.claim(store, scene.other, 5).claims
        #expect(claims.map(\.operation.entity.id) == ["n2"])
        let meanwhile = try await store.check()
        #expect(meanwhile.problems == [])
        try app.end()
        let second = try await store.rescue(scene.other, now: Self.now)
        #expect(second == 1)
        let late = try await SharingTests.claim(store, scene.other, 5).claims
        #expect(late.map(\.operation.id) == [.text("n1")])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
        let seats = try scene.server.texts("SELECT owner FROM guardian_processor", database: scene.database)
        #expect(seats == ["other"])
    }

    @Test(
        "a lock that is let go of or taken by force leaves what an app's open transaction holds to the next rescue",
        arguments: [false, true])
    func heldByTheWay(isForced: Bool) async throws {
        let scene = try await Silence()
        let store = scene.store
        defer { store.close() }
        let app = try OpenTransaction(
            scene.server, scene.database, "SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{}', id => 'app')")
        if isForced { _ = try await store.forceReleaseLock() } else { try await store.releaseLock(scene.silent) }
        let next = try await SharingTests.acquire(store, "next")
        let claims = try await SharingTests.claim(store, next, 5).claims
        #expect(claims.map(\.operation.entity.id) == ["n2"])
        try app.end()
        let returned = try await store.rescue(next, now: Self.now)
        #expect(returned == 1)
        let late = try await SharingTests.claim(store, next, 5).claims
        #expect(late.map(\.operation.id) == [.text("n1")])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("one that leaves without a release gives its seat and its claims back at once, for other processes too, and has not crashed")
    func leaves() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let (store, elsewhere) = (try await server.store(database), try await server.store(database))
        defer {
            store.close()
            elsewhere.close()
        }
        _ = try await store.enqueue([Silence.note("n1")])
        let fence = try await SharingTests.acquire(store, "leaving")
        let held = try await SharingTests.claim(store, fence, 1).claims
        #expect(held.count == 1)
        try await store.leave(owner: "leaving")
        let seated = try await elsewhere.processors()
        #expect(seated.isEmpty)
        let next = try await SharingTests.acquire(elsewhere, "next")
        let again = try await SharingTests.claim(elsewhere, next, 1).claims
        #expect(again.map(\.seq) == held.map(\.seq) && again.allSatisfy { $0.operation.crashes == 0 })
        // Its name is as good as any other.
        let back = try await SharingTests.acquire(store, "leaving")
        let returned = try await store.rescue(next, now: Self.now)
        #expect(returned == 0)
        try await store.renewLock(back, now: Self.now)
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    #if os(Linux)
        @Test(
            "what is left of a processor that has died counts as a crash, what is left of one that went in order does not",
            arguments: [false, true])
        func crashes(hasDied: Bool) async throws {
            let scene = try await Silence()
            let store = scene.store
            defer { store.close() }
            let app = try OpenTransaction(
                scene.server, scene.database, "SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{}', id => 'app')")
            // No process has such a number.
            let die = "UPDATE guardian_processor SET process = 999999999 WHERE owner <> 'other'"
            if hasDied {
                try scene.server.run(die, database: scene.database)
                let first = try await store.rescue(scene.other, now: Self.now)
                #expect(first == 1)
            } else {
                try await store.releaseLock(scene.silent)
                try scene.server.run(die, database: scene.database)
            }
            try app.end()
            let returned = try await store.rescue(scene.other, now: Self.now)
            #expect(returned == 1)
            let crashes = try await store.operation(.text("n1"))?.crashes
            #expect(crashes == (hasDied ? 1 : 0))
        }
    #endif
}

@Suite("One processor at a time asks whether the upstream is back")
struct ProbeTests {
    private static let now = StoreContract.start

    private static func probe(_ fence: Fence, at now: Timestamp = ProbeTests.now, _ settling: [Claim] = []) -> Exchange {
        let settlements = settling.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
        var exchange = Exchange(fence: fence, now: now, settlements: settlements, urgent: 1, normal: 1)
        exchange.isProbe = true
        return exchange
    }

    @Test("until it has said what came of it, or too long has passed; one that has nothing to ask with keeps nobody waiting")
    func inTurn() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        let (a, b) = (try await SharingTests.acquire(store, "a"), try await SharingTests.acquire(store, "b"))
        let nothing = try await store.exchange(Self.probe(a))
        #expect(nothing.claims.isEmpty && !nothing.awaitsProbe)
        _ = try await store.enqueue((0..<4).map { StoreContract.sample(entity: EntityKey(type: "room", id: "\($0)"), id: "\($0)") })
        let first = try await store.exchange(Self.probe(b))
        #expect(first.claims.count == 1 && !first.awaitsProbe)
        let waits = try await store.exchange(Self.probe(a))
        #expect(waits.claims.isEmpty && waits.awaitsProbe)
        let unbounded = try await store.exchange(Exchange(fence: a, now: Self.now))
        #expect(!unbounded.awaitsProbe)
        // It asks again, and says then that the breaker stays open.
        let second = try await store.exchange(Self.probe(b, first.claims))
        #expect(second.claims.count == 1)
        _ = try await store.exchange(Exchange(fence: b, now: Self.now, health: OriginHealth(openUntil: Self.now, trips: 2)))
        let mine = try await store.exchange(Self.probe(a))
        #expect(mine.claims.count == 1)
        let early = try await store.exchange(Self.probe(b, at: Self.now.adding(milliseconds: 9_999)))
        #expect(early.awaitsProbe)
        let late = try await store.exchange(Self.probe(b, at: Self.now.adding(milliseconds: 10_000)))
        #expect(late.claims.count == 1 && !late.awaitsProbe)
    }

    @Test("one whose seat is gone keeps nobody waiting")
    func gone() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        let (a, b) = (try await SharingTests.acquire(store, "a"), try await SharingTests.acquire(store, "b"))
        _ = try await store.enqueue((0..<2).map { StoreContract.sample(entity: EntityKey(type: "room", id: "\($0)"), id: "\($0)") })
        let first = try await store.exchange(Self.probe(a))
        #expect(first.claims.count == 1)
        try await store.releaseLock(a)
        let second = try await store.exchange(Self.probe(b))
        #expect(second.claims.count == 1)
    }
}
