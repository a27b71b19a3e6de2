import Foundation
import GuardianCore
import GuardianPostgres
import GuardianSQLite
import GuardianTesting
import Testing

@Suite("A queue that moves to another store")
struct MigrateStoreTests {
    private static let start = StoreContract.start

    private static func lock(_ store: any LockStore) async throws -> Fence {
        let answer = try await store.acquireLock(owner: UUID().uuidString, now: start, staleAfterMs: 600_000)
        guard case .acquired(let fence, _, _) = answer else { throw Server.Trouble(description: "\(answer)") }
        return fence
    }

    private static func operation(_ id: String, _ entity: String, _ change: (inout GuardianCore.Operation) -> Void = { _ in })
        -> GuardianCore.Operation
    {
        var operation = StoreContract.sample(entity: EntityKey(type: "room", id: entity), id: id)
        change(&operation)
        return operation
    }

    /// Some of everything that a store may hold.
    private static func fill(_ store: any Store) async throws {
        try await store.register(OptimisticChange(txnToken: "open", entity: EntityKey(type: "room", id: "a"), original: "{}"), now: start)
        try await store.register(OptimisticChange(txnToken: "gone", entity: EntityKey(type: "room", id: "b"), original: nil), now: start)
        _ = try await store.enqueue((0..<40).map { number in operation("n\(number)", "e\(number % 7)") { $0.priority = number % 3 } })
        _ = try await store.enqueue([
            operation("token", "a") { $0.txnToken = "open" }, operation("doomed", "b") { $0.txnToken = "gone" },
            operation("later", "c") { $0.notBefore = start.adding(milliseconds: 5000) },
            operation("anna", "d") { $0.principal = "anna" },
            operation("own", "x") {
                $0.customOrderingKey = "tenant:acme/1"
                $0.base = #"{"n":1.0}"#
            },
        ])
        // A create with a local id, and what points to it.
        let room = EntityKey(type: "room", id: "L")
        _ = try await store.enqueue([
            operation("create-L", "L") {
                $0.type = "create"
                $0.references = [Reference(to: room)]
            },
            operation("update-L", "L") { $0.references = [Reference(to: room)] },
            operation("points", "p") {
                $0.payload = #"{"room_id":"L"}"#
                $0.references = [Reference(to: room, field: "room_id")]
            },
        ])
        let fence = try await lock(store)
        let claims = try await store.exchange(Exchange(fence: fence, now: start, urgent: 100, normal: 100)).claims
        for (number, claim) in claims.enumerated() {
            var settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .processed)
            let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "never")
            switch claim.operation.id.description {
            case "doomed": settlement.result = .failed(error)
            case "create-L", "token": settlement.result = .unsent
            default:
                switch number % 3 {
                case 0: settlement.server = ServerState(state: #"{"n":7}"#, etag: "\"v\(number)\"")
                case 1:
                    settlement.result = .retry(
                        due: start.adding(milliseconds: 700), backoffMs: 700, error: error, charged: true, failureMark: 3, unknownAt: start)
                default: settlement.result = .failed(error)
                }
            }
            _ = try await store.exchange(Exchange(fence: fence, now: start, settlements: [settlement]))
        }
        _ = try await store.cancel(.text("n39"), now: start)
        try await store.releaseLock(fence)
    }

    /// All that can be seen of a store, numbers aside: each line in its order.
    private static func picture(_ store: any Store) async throws -> [String] {
        var filter = OperationFilter(limit: 1000)
        filter.afterSeq = 0
        var lines: [String] = []
        var lastOf: [String: Int] = [:]
        for operation in try await store.list(filter) {
            var shown = operation
            shown.seq = 0
            shown.updatedAt = shown.enqueuedAt
            lastOf[operation.orderingKey, default: 0] += 1
            let standing = try await store.standing(of: operation.id)
            lines.append(
                "\(operation.orderingKey) \(lastOf[operation.orderingKey] ?? 0) \(shown) \(standing?.isHead ?? false) \(standing?.isParked ?? false) \(standing?.isAwaiting ?? false) \(standing?.awaits?.description ?? "")"
            )
        }
        for number in 0..<40 {
            let ending = try await store.ending(of: .text("n\(number)"))
            lines.append("n\(number) \(ending.map { "\($0)" } ?? "")")
        }
        let books = try await store.books()
        lines.append("\(books)")
        lines += try await store.endings(after: 0, limit: 100).map { "\($0.change) \($0.result)" }
        for entity in 0..<7 { lines.append("\(try await store.view(of: EntityKey(type: "room", id: "e\(entity)")).server, default: "")") }
        return lines.sorted()
    }

    /// Names the lines that differ.
    private static func expectSame(_ picture: [String], _ before: [String]) {
        let (lost, new) = (Set(before).subtracting(picture).sorted(), Set(picture).subtracting(before).sorted())
        #expect(picture == before, "lost \(lost.joined(separator: "\n")), new \(new.joined(separator: "\n"))")
    }

    /// Moves in small pages; every other one is written twice, as after a crash between the two disks.
    private static func move(_ old: any TransferStore & LockStore, _ new: any TransferStore & Store, _ limit: Int = 3) async throws {
        var turn = 0
        while true {
            let fence = try await lock(old)
            let page = try await old.transferPage(fence, limit: limit)
            if page.isEmpty {
                try await old.releaseLock(fence)
                return
            }
            try await new.takeOver(page)
            turn += 1
            if turn % 2 == 0 { try await old.letGo(page, fence) }
            // Whoever moved it dies here; the next one takes the lock from it.
            try await old.releaseLock(fence)
        }
    }

    @Test("from a file to PostgreSQL and back, broken off after every page: nothing is lost, doubled, or out of its order")
    func thereAndBack() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-move-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let first = try SQLiteStore.open(.init(path: directory + "/one/guardian.sqlite"))
        let second = try await Server.shared.get().lonelyStore()
        let third = try SQLiteStore.open(.init(path: directory + "/two/guardian.sqlite"))
        let device = try await first.deviceID()
        try await Self.fill(first)
        let before = try await Self.picture(first)

        try await Self.move(first, second)
        Self.expectSame(try await Self.picture(second), before)
        #expect(try await second.deviceID() == device)
        try await Self.expectSound(second)
        #expect(try await first.books() == Books())
        try await Self.expectSound(first)

        try await Self.move(second, third)
        Self.expectSame(try await Self.picture(third), before)
        try await Self.expectSound(third)
        #expect(try await second.books() == Books())
        try await Self.expectSound(second)
        second.close()
        try first.close()
        try third.close()
    }

    @Test(
        "what a feed has told goes along, and who did not know it: each names the ETag it was made on, there and back",
        arguments: [1, 3, 50])
    func feeds(pageSize: Int) async throws {
        let directory = NSTemporaryDirectory() + "/guardian-move-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let first = try SQLiteStore.open(.init(path: directory + "/one/guardian.sqlite"))
        let second = try await Server.shared.get().lonelyStore()
        let third = try SQLiteStore.open(.init(path: directory + "/two/guardian.sqlite"))
        defer { second.close() }
        func tell(_ store: any Store, _ n: Int, after: String?, key: UniqueID? = nil) async throws -> [Bool] {
            let state = ServerState(state: "{\"n\":\(n)}", etag: "v\(n)")
            let remote = RemoteState(EntityKey(type: "room", id: "e"), state, version: Int64(n), key: key)
            return try await store.saveRemote([remote], mark: FeedMark(feed: "f", after: after, cursor: "c\(n)"), now: Self.start)
        }
        // Numbers that the other store will not give.
        _ = try await first.enqueue((0..<20).map { Self.operation("other\($0)", "other\($0)") })
        _ = try await tell(first, 1, after: nil)
        // One that is followed and has told nothing yet.
        _ = try await first.saveRemote([], mark: FeedMark(feed: "quiet", after: nil, cursor: nil), now: Self.start)
        _ = try await first.enqueue([Self.operation("a", "e"), Self.operation("b", "e")])
        let key = try await first.operation(.text("b"))?.idempotencyKey
        #expect(try await tell(first, 2, after: "c1") == [true])
        _ = try await first.enqueue([Self.operation("c", "e")])

        try await Self.move(first, second, pageSize)
        try await Self.move(second, third, pageSize)
        #expect(try await second.feedCursor(of: "f") == nil)
        let store = third
        try await Self.expectSound(store)
        #expect(try await store.feedCursor(of: "f") == "c2")
        #expect(try await store.feedCursor(of: "quiet") == nil)
        _ = try await store.saveRemote([], mark: FeedMark(feed: "quiet", after: nil, cursor: "q1"), now: Self.start)
        #expect(try await store.view(of: EntityKey(type: "room", id: "e")).server?.etag == "v2")
        // One that is known already, and one that skips what is known.
        #expect(try await tell(store, 2, after: "c2") == [false])
        await #expect(throws: StoreError.stale) { _ = try await tell(store, 9, after: "c8") }
        let fence = try await Self.lock(store)
        var ifMatch: [String: String?] = [:]
        for answered in ["w1", "w2"] {
            let claims = try await store.exchange(Exchange(fence: fence, now: Self.start, normal: 100)).claims
            for claim in claims where claim.operation.entity.id == "e" {
                ifMatch[claim.operation.id.description] = claim.operation.ifMatch
                let settlement = Settlement(
                    seq: claim.seq, id: claim.operation.id, result: .processed, server: ServerState(etag: answered))
                _ = try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: [settlement]))
            }
        }
        #expect(ifMatch["a"] == "v1", "it did not know the second change")
        #expect(ifMatch["b"] == "w1", "it stands behind an answer")
        let view = try await store.view(of: EntityKey(type: "room", id: "e"))
        #expect(view.operations.map(\.id) == [.text("c")])
        // The feed tells of the write of before the move.
        #expect(try await tell(store, 3, after: "c2", key: key) == [true])
        try first.close()
        try third.close()
    }

    @Test("while somebody has a PostgreSQL queue alone, as a move does, nobody else gets a seat; what is in hand is not moved")
    func alone() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let mover = try await server.store(database) { $0.processors = 1 }
        let others = try await server.store(database)
        defer {
            mover.close()
            others.close()
        }
        _ = try await others.enqueue([Self.operation("a", "a")])
        let fence = try await Self.lock(mover)
        let refused = try await others.acquireLock(owner: "serve", now: Self.start, staleAfterMs: 600_000)
        guard case .heldBy(let holder) = refused else { throw Server.Trouble(description: "\(refused)") }
        #expect(holder.fence == fence)
        _ = try await mover.exchange(Exchange(fence: fence, now: Self.start, normal: 1))
        await #expect(throws: StoreError.self) { _ = try await mover.transferPage(fence, limit: 10) }
        try await mover.releaseLock(fence)
        let next = try await Self.lock(others)
        let beside = try await mover.acquireLock(owner: "mover", now: Self.start, staleAfterMs: 600_000)
        guard case .heldBy(let seated) = beside else { throw Server.Trouble(description: "\(beside)") }
        #expect(seated.fence == next)
        _ = try await Self.lock(others)
    }

    private static func expectSound(_ store: any RepairStore) async throws {
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("what the new store has delivered meanwhile is not taken in again")
    func deliveredMeanwhile() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-move-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let old = try SQLiteStore.open(.init(path: directory + "/guardian.sqlite"))
        let new = try await Server.shared.get().lonelyStore()
        defer { new.close() }
        _ = try await old.enqueue([Self.operation("a", "a"), Self.operation("b", "a")])
        let fence = try await Self.lock(old)
        let page = try await old.transferPage(fence, limit: 10)
        try await new.takeOver(page)
        let other = try await Self.lock(new)
        for _ in 0..<2 {
            let claims = try await new.exchange(Exchange(fence: other, now: Self.start, normal: 1)).claims
            let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
            _ = try await new.exchange(Exchange(fence: other, now: Self.start, settlements: settlements))
        }
        try await new.takeOver(page)
        #expect(try await new.books().pending == 0)
        #expect(try await new.books().processed == 2)
        try await old.letGo(page, fence)
        #expect(try await old.books().pending == 0)
        try old.close()
    }
}
