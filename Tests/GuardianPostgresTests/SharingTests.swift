import GuardianCore
import GuardianPostgres
import GuardianTesting
import Synchronization
import Testing

/// Calls `condition` until it holds; throws when it does not within `seconds`.
func eventually(_ what: String, within seconds: Double = 30, _ condition: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while try await !condition() {
        guard ContinuousClock.now < end else { throw Server.Trouble(description: "not in time: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// What those who deliver in a test have done together.
final class Scene: Sendable {
    private struct State {
        var accepted: Set<String> = []
        var orders: [String: [Int64]] = [:]
        var names: [String: [String]] = [:]
        var settled = 0
        var isOver = false
        var writers = 0
        var wakes = 0
    }

    private let state = Mutex(State())

    var orders: [String: [Int64]] { state.withLock { $0.orders } }
    /// The ids of each line, in the order in which they were claimed.
    var names: [String: [String]] { state.withLock { $0.names } }
    var settled: Int { state.withLock { $0.settled } }
    var accepted: Int { state.withLock { $0.accepted.count } }
    var isOver: Bool { state.withLock { $0.isOver } }
    var wakes: Int { state.withLock { $0.wakes } }

    /// Whether nobody writes any more: a batch that was begun before the end comes after it.
    var isQuiet: Bool { state.withLock { $0.isOver && $0.writers == 0 } }

    func beginWriting() { state.withLock { $0.writers += 1 } }
    func endWriting() { state.withLock { $0.writers -= 1 } }
    func end() { state.withLock { $0.isOver = true } }
    func wake() { state.withLock { $0.wakes += 1 } }
    func accept(_ receipts: [Receipt]) { state.withLock { $0.accepted.formUnion(receipts.map(\.id.description)) } }

    /// Notes the order while the claims are held: once they are settled another processor may already have the next of their lines.
    func hold(_ claims: [Claim]) {
        state.withLock { state in
            for claim in claims {
                state.orders[claim.operation.entity.id, default: []].append(claim.seq)
                state.names[claim.operation.entity.id, default: []].append(claim.operation.id.description)
            }
        }
    }

    /// Notes what came of settling `claims`. Returns those to be handed in again, as a processor does: somebody was in the way of them.
    func settle(_ claims: [Claim], _ result: ExchangeResult) throws -> [Claim] {
        let postponed = claims.filter { result.postponed.contains($0.seq) }
        let settled = result.settled.count { $0 }
        guard settled + postponed.count == claims.count else { throw Server.Trouble(description: "a claim was lost") }
        state.withLock { $0.settled += settled }
        return postponed
    }

    /// Claims and settles until `count` are settled.
    func deliver(_ store: PostgresStore, _ name: String, _ count: Int) async throws {
        let fence = try await SharingTests.acquire(store, name)
        var open: [Claim] = []
        let end = ContinuousClock.now + .seconds(180)
        while settled < count {
            guard ContinuousClock.now < end else { throw Server.Trouble(description: "\(count - settled) were never claimed") }
            let result = try await SharingTests.claim(store, fence, 20, settling: open)
            open = try settle(open, result) + result.claims
            hold(result.claims)
            if open.isEmpty { await Task.yield() }
        }
    }
}

@Suite("Processors that share one queue")
struct SharingTests {
    static let now = StoreContract.start

    static func acquire(_ store: PostgresStore, _ owner: String, staleAfterMs: Int64 = 60_000) async throws -> Fence {
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: owner, now: now, staleAfterMs: staleAfterMs) else {
            throw Server.Trouble(description: "\(owner) found no seat")
        }
        return fence
    }

    static func claim(_ store: PostgresStore, _ fence: Fence, _ count: Int, settling claims: [Claim] = []) async throws -> ExchangeResult {
        let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
        return try await store.exchange(Exchange(fence: fence, now: now, settlements: settlements, urgent: 0, normal: count))
    }

    private static func operations(_ count: Int, lines: Int, tenant: String? = nil) -> [GuardianCore.Operation] {
        (0..<count).map { number in
            let entity = EntityKey(type: "room", id: "\(tenant ?? "")\(number % lines)")
            return StoreContract.sample(
                entity: entity, id: "\(tenant ?? "op")-\(number)", orderingKey: tenant.map { "tenant:\($0)/\(number % lines)" })
        }
    }

    @Test("four of them and four writers: each operation is claimed once, each line in order, and the books balance")
    func sharing() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.connections = 8 }
        defer { store.close() }
        let all = Self.operations(4000, lines: 97)
        let scene = Scene()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for batch in stride(from: 0, to: 1000, by: 50) {
                        _ = try await store.enqueue(Array(all[(writer * 1000 + batch)..<(writer * 1000 + batch + 50)]))
                    }
                }
            }
            for name in ["a", "b", "c", "d"] {
                group.addTask { try await scene.deliver(store, name, all.count) }
            }
            try await group.waitForAll()
        }
        let lines = scene.orders
        #expect(lines.values.reduce(0) { $0 + $1.count } == all.count)
        #expect(Set(lines.values.flatMap { $0 }).count == all.count)
        // Between writers that overlap nothing is first; each one's own operations are in its order.
        for names in scene.names.values {
            let numbers = names.compactMap { Int($0.dropFirst(3)) }
            for writer in 0..<4 {
                let own = numbers.filter { $0 / 1000 == writer }
                #expect(own == own.sorted(), "the order of writer \(writer) was broken")
            }
        }
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
        #expect(report.books.processed == Int64(all.count))
    }

    @Test("one writer's operations of a line are claimed in the order in which they were written, by whoever claims them")
    func order() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        _ = try await store.enqueue(Self.operations(60, lines: 3))
        var fences: [Fence] = []
        for name in ["a", "b", "c"] { fences.append(try await Self.acquire(store, name)) }
        var order: [String: [Int64]] = [:]
        var turn = 0
        while true {
            let fence = fences[turn % 3]
            turn += 1
            let claims = try await Self.claim(store, fence, 2).claims
            if claims.isEmpty { break }
            for claim in claims { order[claim.operation.entity.id, default: []].append(claim.seq) }
            _ = try await Self.claim(store, fence, 0, settling: claims)
        }
        #expect(order.values.allSatisfy { $0 == $0.sorted() && $0.count == 20 })
    }

    @Test("there are as many seats as the configuration says")
    func seats() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase()) { $0.processors = 2 }
        defer { store.close() }
        let first = try await Self.acquire(store, "a")
        _ = try await Self.acquire(store, "b")
        let third = try await store.acquireLock(owner: "c", now: Self.now, staleAfterMs: 60_000)
        guard case .heldBy(let holder) = third else { throw Server.Trouble(description: "three on two seats") }
        #expect(holder.fence == first)
        try await store.releaseLock(first)
        _ = try await Self.acquire(store, "c")
        #expect(try await store.processors().map(\.fence.owner) == ["b", "c"])
    }

    @Test("a forced release takes every seat and names them all; one that was decided before somebody sat down takes none")
    func forcedRelease() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase()) { $0.processors = 3 }
        defer { store.close() }
        let first = try await Self.acquire(store, "a")
        let second = try await Self.acquire(store, "b")
        await #expect(throws: StoreError.stale) { _ = try await store.forceReleaseLock(through: first.epoch) }
        let seated = try await store.processors()
        #expect(seated.map(\.fence) == [first, second])
        let taken = try await store.forceReleaseLock(through: second.epoch)
        #expect(taken.map(\.fence) == [first, second])
        let left = try await store.processors()
        #expect(left.isEmpty)
    }

    @Test("what a silent processor holds goes back when its lease has ended by the database's clock, and its late writes are refused")
    func rescue() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        _ = try await store.enqueue(Self.operations(2, lines: 2))
        let other = try await Self.acquire(store, "other")
        let silent = try await Self.acquire(store, "silent", staleAfterMs: 300)
        let held = try await Self.claim(store, silent, 2).claims
        // Claiming looks at nobody's lease: only a heartbeat does.
        #expect(held.count == 2)
        #expect(try await Self.claim(store, other, 2).claims.isEmpty)
        try await eventually("the rescue") {
            // A caller whose own clock is years away takes nothing over by that.
            try await store.renewLock(other, now: Timestamp(milliseconds: 5))
            _ = try await store.rescue(other, now: Timestamp(milliseconds: 5))
            return try await store.processors().count == 1
        }
        let again = try await Self.claim(store, other, 2).claims
        #expect(Set(again.map(\.seq)) == Set(held.map(\.seq)))
        await #expect(throws: StoreError.stale) { _ = try await Self.claim(store, silent, 1, settling: held) }
        await #expect(throws: StoreError.stale) { try await store.renewLock(silent, now: Self.now) }
        #expect(try await store.operation(held[0].operation.id)?.crashes == 0, "silence is no crash")
        #expect(try await store.check().problems == [])
    }

    @Test("a tenant with thousands of operations does not starve one with ten")
    func fairness() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        _ = try await store.enqueue(Self.operations(3000, lines: 3000, tenant: "big"))
        _ = try await store.enqueue(Self.operations(10, lines: 10, tenant: "small"))
        let fence = try await Self.acquire(store, "a")
        var (big, small) = (0, 0)
        while small < 10, big < 200 {
            for claim in try await Self.claim(store, fence, 4).claims {
                if claim.operation.id.description.hasPrefix("small") { small += 1 } else { big += 1 }
            }
        }
        #expect(small == 10)
        #expect(big <= 20, "\(big) of the big tenant's went before the last of the small one's")
    }

    @Test("what one learns of the upstream reaches the others once, and itself never; pauses hold for all")
    func health() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        let (a, b) = (try await Self.acquire(store, "a"), try await Self.acquire(store, "b"))
        let health = OriginHealth(openUntil: Self.now.adding(milliseconds: 9000), holdUntil: Self.now, trips: 3)
        let own = try await store.exchange(Exchange(fence: a, now: Self.now, health: health, pauses: [.auth: true]))
        #expect(own.shared == nil)
        let other = try await store.exchange(Exchange(fence: b, now: Self.now, urgent: 1, normal: 1))
        #expect(other.shared == health)
        #expect(other.pauses == [.auth])
        #expect(try await store.exchange(Exchange(fence: b, now: Self.now)).shared == nil)
        #expect(try await store.exchange(Exchange(fence: a, now: Self.now)).shared == nil)
    }

    @Test("a writer that has not heard of an open breaker does not close it")
    func mergedHealth() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        let (a, b) = (try await Self.acquire(store, "a"), try await Self.acquire(store, "b"))
        _ = try await store.exchange(Exchange(fence: b, now: Self.now))
        let open = Self.now.adding(milliseconds: 9000)
        _ = try await store.exchange(Exchange(fence: a, now: Self.now, health: OriginHealth(openUntil: open, trips: 1)))
        let hold = Self.now.adding(milliseconds: 500)
        let merged = try await store.exchange(Exchange(fence: b, now: Self.now, health: OriginHealth(holdUntil: hold)))
        #expect(merged.shared?.openUntil == open, "it hears of it with the answer")
        let stored = try #require(try await store.loadControl().health)
        #expect(stored.openUntil == open && stored.holdUntil == hold && stored.trips == 1)
        // Once it has heard of it, what it says stands: its probe has closed the breaker.
        _ = try await store.exchange(Exchange(fence: b, now: Self.now, health: OriginHealth(trips: 1)))
        #expect(try await store.loadControl().health?.openUntil == nil)
    }

    @Test("a plague ends for all only when one whose hold has ended says so")
    func plagueEnds() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        let (a, b) = (try await Self.acquire(store, "a"), try await Self.acquire(store, "b"))
        var held = OriginHealth()
        (held.plagueSince, held.plagueStatus) = (Self.now, 403)
        _ = try await store.exchange(Exchange(fence: b, now: Self.now, health: held))
        let told = try await store.exchange(Exchange(fence: a, now: Self.now))
        #expect(told.shared?.plagueStatus == 403)
        var free = OriginHealth(holdUntil: Self.now.adding(milliseconds: 500))
        _ = try await store.exchange(Exchange(fence: a, now: Self.now, health: free))
        let stored = try #require(try await store.loadControl().health)
        #expect(stored.plagueStatus == 403 && stored.plagueSince == Self.now && stored.holdUntil == free.holdUntil)
        free.endsPlague = true
        _ = try await store.exchange(Exchange(fence: a, now: Self.now, health: free))
        let ended = try #require(try await store.loadControl().health)
        #expect(ended.plagueStatus == nil && ended.plagueSince == nil && !ended.endsPlague)
    }

    @Test("a processor that found nothing hears at once of what another machine enqueues")
    func listening() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let (here, there) = (try await server.store(database), try await server.store(database))
        defer {
            here.close()
            there.close()
        }
        let scene = Scene()
        here.listen { scene.wake() }
        try await eventually("listening") { here.isListening }
        let fence = try await Self.acquire(here, "a")
        #expect(try await Self.claim(here, fence, 5).claims.isEmpty)
        let before = scene.wakes
        _ = try await there.enqueue(Self.operations(1, lines: 1))
        try await eventually("the wake", within: 5) { scene.wakes > before }
        #expect(try await Self.claim(here, fence, 5).claims.count == 1)
    }
}
