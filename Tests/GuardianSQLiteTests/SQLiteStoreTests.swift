import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import Testing

/// A store in a directory of its own, gone after the test.
func withStore(_ body: (SQLiteStore, String) async throws -> Void) async throws {
    let directory = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
    let path = directory + "/guardian.sqlite"
    let store = try SQLiteStore.open(.init(path: path))
    try await body(store, path)
    try store.close()
    try FileManager.default.removeItem(atPath: directory)
}

private let start = Timestamp(milliseconds: 1_800_000_000_000)

private func operations(_ entities: [String], priority: Int = 0) throws -> [GuardianCore.Operation] {
    var random = Xoshiro256(seed: UInt64(entities.count))
    return try entities.enumerated().map { index, entity in
        try Admission().admit(
            NewOperation(
                "update", entityType: "room", entityID: entity, payload: "{\"n\":\(index)}", id: "\(entity)-\(index)", priority: priority),
            at: start, random: &random)
    }
}

private func acquire(_ store: SQLiteStore, _ owner: String, at now: Timestamp = start) async throws -> Fence {
    guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: owner, now: now, staleAfterMs: 1000) else {
        throw StoreError.unavailable("not acquired")
    }
    return fence
}

private func claim(_ store: SQLiteStore, _ fence: Fence, _ count: Int, at now: Timestamp = start) async throws -> [Claim] {
    try await store.exchange(Exchange(fence: fence, now: now, urgent: count, normal: count)).claims
}

private func settle(_ store: SQLiteStore, _ claims: [Claim], _ result: Settlement.Result, _ fence: Fence) async throws -> [Bool] {
    let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: result) }
    return try await store.exchange(Exchange(fence: fence, now: start, settlements: settlements)).settled
}

@Suite(.serialized) struct SQLiteStoreTests {
    @Test("an id that was enqueued before adds nothing and gets its first receipt, also after it was processed")
    func deduplicates() async throws {
        try await withStore { store, _ in
            let one = try operations(["a"])
            let first = try await store.enqueue(one + one)
            #expect(first.map(\.outcome) == [.accepted, .duplicate])
            #expect(first[0].seq == first[1].seq)
            let fence = try await acquire(store, "p")
            #expect(try await settle(store, try await claim(store, fence, 1), .processed, fence) == [true])
            #expect(try await store.enqueue(one).map(\.outcome) == [.duplicate])
            #expect(try await store.check().problems == [])
        }
    }

    @Test("one line is claimed head by head, in order; other lines at the same time")
    func keepsOrder() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue(try operations(["a", "a", "b", "a"]))
            let fence = try await acquire(store, "p")
            var seen: [String] = []
            while true {
                let claims = try await claim(store, fence, 10)
                #expect(Set(claims.map(\.operation.entity.id)).count == claims.count)
                #expect(try await claim(store, fence, 10).isEmpty)
                if claims.isEmpty { break }
                seen += claims.map(\.operation.id.description)
                _ = try await settle(store, claims, .processed, fence)
                #expect(try await store.check().problems == [])
            }
            #expect(seen == ["a-0", "b-2", "a-1", "a-3"])
        }
    }

    @Test("a stale fence is refused for every kind of write, and changes nothing")
    func refusesStale() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue(try operations(["a"]))
            let old = try await acquire(store, "old")
            let claims = try await claim(store, old, 1)
            let new = try await acquire(store, "new", at: start.adding(milliseconds: 5000))
            #expect(new.epoch > old.epoch)
            await #expect(throws: StoreError.stale) { _ = try await settle(store, claims, .processed, old) }
            await #expect(throws: StoreError.stale) { _ = try await claim(store, old, 1) }
            await #expect(throws: StoreError.stale) { try await store.renewLock(old, now: start) }
            await #expect(throws: StoreError.stale) { try await store.releaseLock(old) }
            #expect(try await claim(store, new, 1).count == 1)
            #expect(try await store.check().problems == [])
        }
    }

    @Test("a failed operation leaves its line; retried, it goes back to its old place")
    func retriesInPlace() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue(try operations(["a", "a", "a"]))
            let fence = try await acquire(store, "p")
            let error = LastError(class: .permanent, code: "X", httpStatus: 403, message: "no")
            _ = try await settle(store, try await claim(store, fence, 1), .failed(error), fence)
            #expect(try await store.books().failed == 1)
            #expect(try await store.retry(nil, now: start) == 1)
            #expect(try await store.check().problems == [])
            #expect(try await claim(store, fence, 5).map(\.operation.id.description) == ["a-0"])
        }
    }

    @Test("a retry waits for its time, and blocks only its own line")
    func waits() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue(try operations(["a", "a", "b"]))
            let fence = try await acquire(store, "p")
            let first = try await claim(store, fence, 1)
            let due = start.adding(milliseconds: 500)
            let error = LastError(class: .transient, code: "HTTP_500", httpStatus: 500, message: "")
            _ = try await settle(store, first, .retry(due: due, backoffMs: 500, error: error, charged: true, failureMark: 1), fence)
            let result = try await store.exchange(Exchange(fence: fence, now: start, normal: 10))
            #expect(result.claims.map(\.operation.entity.id) == ["b"])
            #expect(result.nextDue == due)
            #expect(try await claim(store, fence, 10, at: due).map(\.operation.id.description) == ["a-0"])
        }
    }

    @Test("higher priority is claimed first across lines, and a lower one keeps its own place")
    func prefersPriority() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue(try operations(["slow"]))
            _ = try await store.enqueue(try operations(["fall", "fall"], priority: 10))
            let fence = try await acquire(store, "p")
            #expect(try await claim(store, fence, 10).map(\.operation.id.description) == ["fall-0", "slow-0"])
        }
    }

    @Test("trying whether the store can be written does write, each time")
    func probes() async throws {
        try await withStore { store, path in
            try await store.checkpoint()
            var size = 0
            for _ in 0..<3 {
                try await store.probeWrite()
                let log = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int ?? 0
                #expect(log > size)
                size = log
            }
        }
    }

    @Test("a row deleted by hand is noticed: the books do not balance")
    func noticesMissingRow() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(["a", "b"]))
            try await DatabaseQueue(path: path).write { db in try db.execute(sql: "DELETE FROM guardian_operation WHERE id = 'b-1'") }
            let report = try await store.check()
            #expect(report.gap == 1)
            #expect(!report.problems.isEmpty)
        }
    }

    @Test("a damaged index of heads is found by check and mended by rebuild-index")
    func rebuilds() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(["a", "a", "b"]))
            try await DatabaseQueue(path: path).write { db in
                try db.execute(sql: "UPDATE guardian_operation SET head = 1 - head, line = line + 1")
            }
            #expect(try await !store.check().problems.isEmpty)
            #expect(try await store.rebuildIndex(ordering: .entity) > 0)
            #expect(try await store.check().problems == [])
            #expect(try await store.rebuildIndex(ordering: .entity) == 0)
        }
    }

    @Test("a store written in one ordering is lined up anew for the other")
    func changesOrdering() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(["a", "b", "c"]))
            let strict = try SQLiteStore.open(.init(path: path, ordering: .strict))
            let fence = try await acquire(strict, "p")
            #expect(try await claim(strict, fence, 10).map(\.operation.entity.id) == ["a"])
            #expect(try await strict.check().problems == [])
            try strict.close()
        }
    }

    @Test("a store opened without an ordering keeps the one that it has, and writes by it")
    func keepsOrdering() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(["a"]))
            let strict = try SQLiteStore.open(.init(path: path, ordering: .strict))
            let other = try SQLiteStore.open(.init(path: path))
            _ = try await other.enqueue(try operations(["b", "c"]).map { Self.renamed($0) })
            #expect(try await other.ordering() == .strict)
            #expect(try await store.check().problems == [])
            let fence = try await acquire(strict, "p")
            #expect(try await claim(strict, fence, 10).map(\.operation.entity.id) == ["a"])
            try strict.close()
            try other.close()
        }
    }

    private static func renamed(_ operation: GuardianCore.Operation) -> GuardianCore.Operation {
        var operation = operation
        operation.id = .text("other-\(operation.id)")
        return operation
    }

    @Test("a store that somebody delivers from is not lined up anew under it, and is once that one is gone")
    func refusesOrdering() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(["a", "b"]))
            let answer = try await store.acquireLock(owner: "p", now: SystemClock().now.wall, staleAfterMs: 60_000)
            guard case .acquired(let fence, _, _) = answer else {
                Issue.record("the lock was held")
                return
            }
            #expect(throws: StoreError.self) { try SQLiteStore.open(.init(path: path, ordering: .strict)) }
            #expect(try await store.ordering() == .entity)
            try await store.releaseLock(fence)
            try SQLiteStore.open(.init(path: path, ordering: .strict)).close()
            #expect(try await store.ordering() == .strict)
        }
    }

    @Test("what a dead processor had in hand is given back before the queue is lined up anew, and all of it is delivered")
    func linesUpAfterADeath() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(["a", "b", "c", "a"]))
            #expect(try await claim(store, try await acquire(store, "p"), 10).count == 3)
            store.processDied(owner: "p")
            let strict = try SQLiteStore.open(.init(path: path, ordering: .strict))
            #expect(try await strict.check().problems == [])
            let fence = try await acquire(strict, "q")
            var seen: [String] = []
            while let next = try await claim(strict, fence, 10).first {
                seen.append(next.operation.id.description)
                #expect(try await settle(strict, [next], .processed, fence) == [true])
            }
            #expect(seen == ["a-0", "b-1", "c-2", "a-3"])
            try strict.close()
        }
    }

    @Test("cancel tells whether the operation may have been sent")
    func cancels() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue(try operations(["a", "b"]))
            let id = try #require(OperationID("a-0"))
            let fence = try await acquire(store, "p")
            let claims = try await claim(store, fence, 1)
            #expect(try await store.cancel(id, now: start) == .inFlight)
            _ = try await settle(store, claims, .returned, fence)
            #expect(try await store.cancel(id, now: start) == .mayHaveApplied)
            #expect(try await store.cancel(try #require(OperationID("b-1")), now: start) == .neverSent)
            #expect(try await store.cancel(id, now: start) == .notFound)
            #expect(try await store.check().problems == [])
        }
    }

    @Test("concurrent writers get consecutive numbers, one each")
    func groupsCommits() async throws {
        try await withStore { store, _ in
            let all = try operations((0..<200).map { "e\($0)" })
            let seqs = try await withThrowingTaskGroup(of: Int64.self) { group in
                for operation in all { group.addTask { try await store.enqueue([operation])[0].seq } }
                return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
            }
            #expect(seqs == Set(1...200))
            #expect(try await store.check().problems == [])
        }
    }

    @Test("a file that is no database is a clear error, and is not touched")
    func refusesGarbage() throws {
        let path = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
        let garbage = Data(repeating: 0x41, count: 8192)
        try garbage.write(to: URL(fileURLWithPath: path))
        #expect {
            _ = try SQLiteStore.open(.init(path: path))
        } throws: { error in
            if case StoreError.corrupt = error { true } else { false }
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == garbage)
        try FileManager.default.removeItem(atPath: path)
    }

    @Test("the folders that are made for a store, and its file, are their owner's only")
    func isPrivate() throws {
        let folder = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch {} }
        let path = folder + "/data/guardian.sqlite"
        let store = try SQLiteStore.open(.init(path: path))
        for (made, mode) in [(folder, 0o700), (folder + "/data", 0o700), (path, 0o600)] as [(String, UInt32)] {
            #expect(SQLiteStore.mode(of: made) == mode, "\(made)")
        }
        try store.close()
    }

    @Test("a store of a newer version is refused by name")
    func refusesNewer() async throws {
        try await withStore { _, path in
            try await DatabaseQueue(path: path).write { db in
                try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('guardian-9999-future')")
            }
            #expect(throws: StoreError.newerVersion(found: "guardian-9999-future")) { _ = try SQLiteStore.open(.init(path: path)) }
        }
    }

    @Test("a store whose commits would not reach the disk refuses to start")
    func refusesNotDurable() async throws {
        try await withStore { _, path in
            var configuration = SQLiteStore.Configuration(path: path)
            configuration.synchronous = "NORMAL"
            #expect {
                _ = try SQLiteStore.open(configuration)
            } throws: { error in
                if case StoreError.notDurable = error { true } else { false }
            }
        }
    }
}
