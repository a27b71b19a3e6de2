import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("What somebody's open transaction holds is left for later, and comes to its end then")
struct HeldLineTests {
    private static let now = StoreContract.start

    private static func note(_ id: String, _ name: String = "") -> GuardianCore.Operation {
        StoreContract.sample(entity: EntityKey(type: "note", id: id), id: "\(id)\(name)")
    }

    private static func adds(to note: String, _ id: String = "app") -> String {
        "SELECT * FROM guardian_enqueue('update', 'note', '\(note)', '{}', id => '\(id)')"
    }

    @Test("settling: what was written by itself in an exchange that then failed is told by the next one")
    func untold() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 1500 }
        defer { store.close() }
        var operation = Self.note("n1")
        operation.txnToken = "change"
        try await store.register(OptimisticChange(txnToken: "change", entity: operation.entity, original: nil), now: Self.now)
        _ = try await store.enqueue([operation])
        let fence = try await SharingTests.acquire(store, "a")
        let claim = try #require(try await SharingTests.claim(store, fence, 1).claims.first)
        let app = try OpenTransaction(server, database, Self.adds(to: "n1"))
        let never = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "never")
        let settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .failed(never))
        let first = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: [settlement]))
        #expect(first.postponed == [claim.seq])
        try app.end()
        let blocker = try OpenTransaction(server, database, "SELECT 1 FROM guardian_upstream FOR UPDATE")
        await #expect(throws: StoreError.self) {
            _ = try await store.exchange(
                Exchange(fence: fence, now: Self.now, settlements: [settlement], health: OriginHealth(trips: 1)))
        }
        try blocker.end()
        let told = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: [settlement]))
        #expect(told.settled == [true] && told.ended.map(\.change.txnToken) == ["change"])
        let once = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: [settlement]))
        #expect(once.settled == [false])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.failed == 1)
    }

    /// Hands a settlement in until it is written; false when it never was.
    private static func settle(_ store: PostgresStore, _ fence: Fence, _ settlement: Settlement) async throws -> Bool {
        for _ in 0..<400 {
            let result = try await store.exchange(Exchange(fence: fence, now: now, settlements: [settlement]))
            if result.settled == [true] { return true }
        }
        return false
    }

    @Test("settling: a late result waits for its line as long as any other now and then, so that a busy line does not put it off for ever")
    func busyLine() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        _ = try await store.enqueue([Self.note("n1")])
        let fence = try await SharingTests.acquire(store, "a")
        let claim = try #require(try await SharingTests.claim(store, fence, 1).claims.first)
        let app = try OpenTransaction(server, database, Self.adds(to: "n1"))
        let settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .processed)
        let first = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: [settlement]))
        #expect(first.postponed == [claim.seq])
        async let isSettled = Self.settle(store, fence, settlement)
        let waits = """
            SELECT pid::text FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event_type = 'Lock'
                AND clock_timestamp() - query_start > interval '150 milliseconds'
            """
        try await eventually("one that waits longer") { try !server.texts(waits, database: database).isEmpty }
        try app.end()
        let settled = try await isSettled
        #expect(settled)
    }

    @Test("signing in: a line that is held knows of it later, all others at once, and claims go on")
    func signIn() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        var (ofAnna, ofBob) = (Self.note("n1"), Self.note("n3"))
        (ofAnna.principal, ofBob.principal) = ("anna", "bob")
        _ = try await store.enqueue([ofAnna, Self.note("n2"), ofBob])
        let fence = try await SharingTests.acquire(store, "a")
        func claim(as principal: String? = nil) async throws -> [Claim] {
            let signedIn = principal.map { SignedIn.principal($0) }
            return try await store.exchange(Exchange(fence: fence, now: Self.now, signedIn: signedIn, normal: 9)).claims
        }
        _ = try await store.exchange(Exchange(fence: fence, now: Self.now, signedIn: .principal("anna")))
        let app = try OpenTransaction(server, database, Self.adds(to: "n1"))
        let claims = try await claim(as: "bob")
        #expect(claims.map(\.operation.entity.id) == ["n2", "n3"])
        _ = try await SharingTests.claim(store, fence, 0, settling: claims)
        try app.end()
        _ = try await store.rescue(fence, now: Self.now)
        let parked = try await claim()
        #expect(parked.isEmpty)
        let second = try OpenTransaction(server, database, Self.adds(to: "n1", "second"))
        let none = try await claim(as: "anna")
        #expect(none.isEmpty)
        let known = try await store.loadControl().signedIn
        #expect(known == .principal("anna"))
        try second.end()
        _ = try await store.rescue(fence, now: Self.now)
        let back = try await claim()
        #expect(back.map(\.operation.id) == [.text("n1")])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
        let left = try server.texts("SELECT name FROM guardian_setting WHERE name = 'signing_in'", database: database)
        #expect(left == [])
    }

    @Test("claiming: one that has expired stays where it is while what leaves with it is held, and others are claimed")
    func expiry() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        var (first, second) = (Self.note("n1"), Self.note("n2"))
        (first.txnToken, second.txnToken) = ("first", "second")
        first.expiresAt = Self.now.adding(milliseconds: 1000)
        try await store.register(OptimisticChange(txnToken: "first", entity: first.entity, original: nil), now: Self.now)
        try await store.register(
            OptimisticChange(txnToken: "second", entity: second.entity, original: nil, dependsOn: "first"), now: Self.now)
        _ = try await store.enqueue([first, second, Self.note("n3")])
        let fence = try await SharingTests.acquire(store, "a")
        let app = try OpenTransaction(server, database, Self.adds(to: "n2"))
        let later = Self.now.adding(milliseconds: 5000)
        let held = try await store.exchange(Exchange(fence: fence, now: later, normal: 9))
        #expect(held.claims.map(\.operation.id) == [.text("n3")] && held.expired == [] && held.ended == [])
        let meanwhile = try await store.check()
        #expect(meanwhile.problems == [] && meanwhile.gap == 0)
        try app.end()
        let free = try await store.exchange(Exchange(fence: fence, now: later, normal: 9))
        #expect(free.expired == [.text("n1")] && free.steppedOut.map(\.id) == [.text("n2")])
        #expect(free.claims.map(\.operation.id) == [.text("app")])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("a clock that was set back: retries are brought forward, save those that are held")
    func clamp() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        _ = try await store.enqueue([Self.note("n1"), Self.note("n2")])
        let fence = try await SharingTests.acquire(store, "a")
        let error = LastError(class: .transient, code: "HTTP_503", httpStatus: 503, message: "later")
        let settlements = try await SharingTests.claim(store, fence, 2).claims.map { claim in
            Settlement(
                seq: claim.seq, id: claim.operation.id,
                result: .retry(
                    due: Self.now.adding(milliseconds: 100_000), backoffMs: 1000, error: error, charged: true, failureMark: 0))
        }
        _ = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: settlements))
        let app = try OpenTransaction(server, database, Self.adds(to: "n1"))
        let clamped = try await store.clampRetries(now: Self.now)
        #expect(clamped == 1)
        try app.end()
        let rest = try await store.clampRetries(now: Self.now)
        #expect(rest == 1)
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("lining up anew at opening: waits longer than an autovacuum needs to give way, then says what is in the way")
    func liningUp() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        try await server.store(database).close()
        let app = try OpenTransaction(server, database, Self.adds(to: "n1"))
        let start = ContinuousClock.now
        await #expect {
            _ = try await server.store(database) { $0.ordering = .strict }
        } throws: { "\($0)".contains("open elsewhere") }
        let took = ContinuousClock.now - start
        #expect(took > .milliseconds(1200) && took < .seconds(8), "it took \(took)")
        try app.end()
        let strict = try await server.store(database) { $0.ordering = .strict }
        defer { strict.close() }
        let report = try await strict.check()
        #expect(report.problems == [])
    }

    @Test("enqueue: once the transaction has ended, calls share commits again, however many came meanwhile")
    func groups() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        let app = try OpenTransaction(server, database, Self.adds(to: "n1"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for number in 0..<30 { _ = try await store.enqueue([Self.note("n1", "-\(writer)-\(number)")]) }
                }
            }
            // By then no group waits for its line any more: all are held up.
            let begun = try #require(try server.texts("SELECT clock_timestamp()::text", database: database).first)
            let tried = """
                SELECT pid::text FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event_type = 'Lock'
                    AND query_start > '\(begun)'::timestamptz + interval '2500 milliseconds'
                """
            try await eventually("a try of what is held up") { try !server.texts(tried, database: database).isEmpty }
            try app.end()
            try await group.waitForAll()
        }
        let commits = try server.texts("SELECT count(DISTINCT xmin::text)::text FROM guardian_operation", database: database)
        let count = try #require(commits.first.flatMap { Int($0) })
        #expect(count < 200, "241 operations in \(count) transactions")
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.books.accepted == 241)
    }

    @Test("enqueue: a hundred keys that are held cost the others of their group no more than one")
    func manyKeys() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        let app = try OpenTransaction(
            server, database, "SELECT guardian_enqueue('update', 'note', 'n' || i, '{}') FROM generate_series(1, 102) i")
        try await withThrowingTaskGroup(of: Void.self) { group in
            // Both groups that may be under way wait; what comes then is one group.
            for number in 101...102 {
                group.addTask { _ = try await store.enqueue([Self.note("n\(number)", "held")]) }
                try await Self.waiters(number - 100, server, database)
            }
            let start = ContinuousClock.now
            for number in 1...100 { group.addTask { _ = try await store.enqueue([Self.note("n\(number)", "held")]) } }
            try await withThrowingTaskGroup(of: Void.self) { free in
                for number in 0..<10 { free.addTask { _ = try await store.enqueue([Self.note("free\(number)")]) } }
                try await free.waitForAll()
            }
            let took = ContinuousClock.now - start
            #expect(took < .seconds(7), "it took \(took)")
            try app.end()
            try await group.waitForAll()
        }
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.books.accepted == 214)
    }

    /// Waits until so many sessions wait for a lock.
    private static func waiters(_ count: Int, _ server: Server, _ database: String) async throws {
        let waiting = "SELECT pid::text FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event_type = 'Lock'"
        try await eventually("\(count) that wait") { try server.texts(waiting, database: database).count >= count }
    }
}
