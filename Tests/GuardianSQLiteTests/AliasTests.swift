import Foundation
import GuardianCore
import GuardianSQLite
import GuardianTesting
import Testing

private let start = StoreContract.start
private let references = References(["device": ["room_id": "room"]])

private func operation(_ new: NewOperation) throws -> GuardianCore.Operation {
    var random = Xoshiro256(seed: UInt64((new.id ?? "").utf8.reduce(0) { $0 &* 31 &+ Int($1) }.magnitude))
    var operation = try Admission().admit(new, at: start, random: &random)
    operation.references = references.of(operation, assigned: ["room", "device"])
    return operation
}

private func operation(_ type: String, _ entityType: String, _ entityID: String, _ payload: String = "{}", id: String) throws
    -> GuardianCore.Operation
{
    try operation(NewOperation(type, entityType: entityType, entityID: entityID, payload: payload, id: id))
}

private func acquire(_ store: SQLiteStore) async throws -> Fence {
    guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "a", now: start, staleAfterMs: 1000) else {
        throw StoreError.unavailable("not acquired")
    }
    return fence
}

private func claim(_ store: SQLiteStore, _ fence: Fence, _ count: Int = 100) async throws -> [Claim] {
    try await store.exchange(Exchange(fence: fence, now: start, normal: count)).claims
}

private func settle(_ store: SQLiteStore, _ claim: Claim, as id: String?, _ fence: Fence) async throws {
    let settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .processed, assignedID: id)
    let result = try await store.exchange(Exchange(fence: fence, now: start, settlements: [settlement]))
    #expect(result.settled == [true])
}

@Suite(.serialized) struct AliasTests {
    @Test("in one global line nothing moves, and at random every id is the right one")
    func strict() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
        let store = try SQLiteStore.open(.init(path: directory + "/guardian.sqlite", ordering: .strict))
        let random = try #require(StoreContract.checks.first { $0.name.hasPrefix("rooms and devices at random") })
        try await StoreContract(store: store).run(random)

        _ = try await store.enqueue([
            operation("create", "room", "R", id: "c"), operation("update", "room", "x", id: "1"), operation("update", "room", "R", id: "2"),
            operation("update", "room", "S", id: "3"),
        ])
        let fence = try await acquire(store)
        try await settle(store, try await claim(store, fence)[0], as: "S", fence)
        for name in ["1", "2", "3"] {
            let claims = try await claim(store, fence)
            #expect(claims.map(\.operation.id) == [.text(name)])
            try await settle(store, claims[0], as: nil, fence)
            #expect(try await store.check().problems == [])
        }
        try store.close()
        try FileManager.default.removeItem(atPath: directory)
    }

    @Test("rows that stand in the real id's line already are met by number, and one in flight stays first")
    func merges() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue([
                operation("create", "room", "R", id: "c"), operation("update", "room", "S", id: "flying"),
                operation("update", "room", "R", id: "1"), operation("update", "room", "S", id: "2"),
                operation("update", "room", "R", id: "3"), operation("update", "room", "S", id: "4"),
            ])
            let fence = try await acquire(store)
            let claims = try await claim(store, fence)
            #expect(claims.map(\.operation.id) == [.text("c"), .text("flying")])
            try await settle(store, claims[0], as: "S", fence)
            #expect(try await store.check().problems == [])
            #expect(try await claim(store, fence).isEmpty)
            var order: [String] = []
            var next = [claims[1]]
            while let one = next.first {
                order.append(one.operation.id.description)
                #expect(one.operation.entity.id == "S")
                try await settle(store, one, as: nil, fence)
                #expect(try await store.check().problems == [])
                next = try await claim(store, fence)
            }
            #expect(order == ["flying", "1", "2", "3", "4"])
            _ = try await store.enqueue([operation("update", "room", "R", id: "5"), operation("create", "room", "T", id: "6")])
            #expect(try await store.check().problems == [])
            #expect(try await claim(store, fence).map(\.operation.entity.id) == ["S", "T"])
        }
    }

    @Test("the line that rows have left is empty for a new create of the same local id", arguments: [nil, "elsewhere"])
    func leavesLine(key: String?) async throws {
        try await withStore { store, _ in
            var create = try operation("create", "room", "R", id: "c")
            create.customOrderingKey = key
            _ = try await store.enqueue([create, operation("update", "room", "R", id: "1")])
            let fence = try await acquire(store)
            try await settle(store, try await claim(store, fence)[0], as: "S", fence)
            _ = try await store.enqueue([operation("create", "room", "R", id: "c2")])
            #expect(try await store.check().problems == [])
            #expect(try await claim(store, fence).map(\.operation.id) == [.text("1"), .text("c2")])
        }
    }

    @Test("what the create brought is in the file: a store that is opened again knows it, and what waits waits")
    func reopens() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue([
                operation("create", "room", "R", id: "c"), operation("create", "room", "Q", id: "q"),
                operation("create", "device", "D", #"{"room_id":"R"}"#, id: "d"),
                operation("update", "device", "E", #"{"room_id":"Q"}"#, id: "e"),
            ])
            let fence = try await acquire(store)
            try await settle(store, try await claim(store, fence)[0], as: "S", fence)
            let other = try SQLiteStore.open(.init(path: path))
            #expect(try await other.operation(.text("d"))?.payload == #"{"room_id":"S"}"#)
            _ = try await other.enqueue([operation("update", "room", "R", #"{"n":1}"#, id: "u")])
            #expect(try await other.operation(.text("u"))?.entity.id == "S")
            #expect(try await other.standing(of: .text("e"))?.awaits == .text("q"))
            #expect(try await other.rebuildIndex(ordering: .entity) == 0)
            #expect(try await other.check().problems == [])
            try other.close()
        }
    }

    @Test("a stale create renames nothing")
    func stale() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue([operation("create", "room", "R", id: "c"), operation("update", "room", "R", id: "u")])
            let fence = try await acquire(store)
            let create = try await claim(store, fence)[0]
            _ = try await store.forceReleaseLock()
            let settlement = Settlement(seq: create.seq, id: create.operation.id, result: .processed, assignedID: "S")
            await #expect(throws: StoreError.stale) {
                try await store.exchange(Exchange(fence: fence, now: start, settlements: [settlement]))
            }
            let again = try await acquire(store)
            let result = try await store.exchange(Exchange(fence: again, now: start, settlements: [settlement]))
            #expect(result.settled == [false])
            #expect(try await store.operation(.text("u"))?.entity.id == "R")
            #expect(try await store.resolve(EntityKey(type: "room", id: "R")).id == "R")
        }
    }

    @Test("ten thousand operations behind a create are renamed in one settle, in order")
    func many() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue([operation("create", "room", "R", id: "c")])
            _ = try await store.enqueue(
                (0..<5_000).flatMap {
                    [
                        try operation("update", "room", "R", id: "u\($0)"),
                        try operation("update", "device", "d\($0)", #"{"room_id":"R"}"#, id: "d\($0)"),
                    ]
                })
            let fence = try await acquire(store)
            let clock = ContinuousClock()
            let create = try await claim(store, fence)[0]
            let took = try await clock.measure { try await settle(store, create, as: "S", fence) }
            print("measured: 10 000 operations renamed in \(took)")
            #expect(try await store.check().problems == [])
            #expect(try await store.operations(of: EntityKey(type: "room", id: "S"), limit: 10_000).count == 5_000)
            #expect(try await store.operation(.text("d4999"))?.payload == #"{"room_id":"S"}"#)
            #expect(try await store.census(at: start).due == 5_001)
        }
    }
}
