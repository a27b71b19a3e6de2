import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("Tenants that have nothing due are in nobody's way")
struct TenantTests {
    private static let now = StoreContract.start
    private static let later = now.adding(milliseconds: 3_600_000)

    private static func operation(_ tenant: String?, _ name: String, _ change: (inout GuardianCore.Operation) -> Void = { _ in })
        -> GuardianCore.Operation
    {
        var operation = StoreContract.sample(
            entity: EntityKey(type: "room", id: name), id: name, orderingKey: tenant.map { "tenant:\($0)/\(name)" })
        change(&operation)
        return operation
    }

    private static func claimed(_ store: PostgresStore, _ fence: Fence, _ count: Int, urgent: Int = 0) async throws -> [String] {
        let exchange = Exchange(fence: fence, now: now, urgent: urgent, normal: count)
        return try await store.exchange(exchange).claims.map(\.operation.id.description)
    }

    @Test("one that is due is claimed at once, however many tenants wait for a time or for their user")
    func idle() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        _ = try await store.enqueue(["a", "b", "c"].map { tenant in Self.operation(tenant, "at-" + tenant) { $0.notBefore = Self.later } })
        _ = try await store.enqueue(["d", "e", "f"].map { tenant in Self.operation(tenant, "own-" + tenant) { $0.principal = "anna" } })
        _ = try await store.enqueue([Self.operation(nil, "plain")])
        let fence = try await SharingTests.acquire(store, "a")
        let first = try await Self.claimed(store, fence, 1)
        #expect(first == ["plain"])
        let rest = try await Self.claimed(store, fence, 4)
        #expect(rest.isEmpty)
    }

    @Test("each has its turn before anyone has another, in each priority, whatever goes on in the others")
    func turns() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        let tenants = (0..<20).map { "t\($0 + 10)" }
        var all = tenants.flatMap { tenant in (0..<3).map { Self.operation(tenant, "\(tenant)-\($0)") } }
        for tenant in ["x", "y"] {
            all += (0..<3).map { number in Self.operation(tenant, "\(tenant)-\(number)") { $0.priority = 5 } }
        }
        _ = try await store.enqueue(all)
        let fence = try await SharingTests.acquire(store, "a")
        var (normal, urgent) = ([String](), [String]())
        for _ in 0..<4 {
            for id in try await Self.claimed(store, fence, 5, urgent: 1) {
                if id.hasPrefix("t") { normal.append(String(id.prefix(3))) } else { urgent.append(String(id.prefix(1))) }
            }
        }
        #expect(Set(normal).count == 20 && normal.count == 20)
        #expect(urgent == ["x", "y", "x", "y"])
    }

    @Test("a head that needs a look of its own is reached behind more than a thousand tenants who have nothing due")
    func farAway() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        _ = try await store.enqueue(
            (0..<1100).map { number in Self.operation("t\(number)", "later-\(number)") { $0.notBefore = Self.later } })
        _ = try await store.enqueue([Self.operation("z", "expired") { $0.expiresAt = Self.now }, Self.operation("z", "good")])
        let fence = try await SharingTests.acquire(store, "a")
        let result = try await store.exchange(Exchange(fence: fence, now: Self.now, normal: 4))
        #expect(result.expired == [.text("expired")])
        #expect(result.claims.map(\.operation.id) == [.text("good")])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("beside tenants who always have something due, one whose head needs a look of its own has its turn too")
    func besideBusyOnes() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        _ = try await store.enqueue((0..<60).map { Self.operation("t\($0 % 3)", "busy-\($0)") })
        _ = try await store.enqueue([Self.operation("z", "expired") { $0.expiresAt = Self.now }])
        let fence = try await SharingTests.acquire(store, "a")
        var expired: [OperationID] = []
        for _ in 0..<3 { expired += try await store.exchange(Exchange(fence: fence, now: Self.now, normal: 2)).expired }
        #expect(expired == [.text("expired")])
    }
}
