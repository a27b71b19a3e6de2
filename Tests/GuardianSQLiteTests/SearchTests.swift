import Foundation
import GuardianCore
import GuardianSQLite
import Testing

/// Search over a real file: which index answers, and that what is kept in memory of blocks hides nothing.
@Suite(.serialized) struct SearchTests {
    private static let start = Timestamp(milliseconds: 1_800_000_000_000)

    private func withManyRows(
        _ count: Int, patience: Duration = .seconds(60), _ body: (SQLiteStore, [GuardianCore.Operation]) async throws -> Void
    ) async throws {
        let directory = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        var configuration = SQLiteStore.Configuration(path: directory + "/guardian.sqlite")
        configuration.searchPatience = patience
        let store = try SQLiteStore.open(configuration)
        var random = Xoshiro256(seed: 7)
        var operations: [GuardianCore.Operation] = []
        for index in 0..<count {
            let id = OperationID.uuid(.v7(tick: UInt64(index) << 12, using: &random))
            let entity = EntityKey(type: index / 1500 == 2 ? "device" : "room", id: "r\(index % 97)")
            let back: Int64 = index % 7 == 0 ? 5000 : 0
            let at = Self.start.adding(milliseconds: Int64(index) * 1000 - back)
            operations.append(
                GuardianCore.Operation(
                    id: id, idempotencyKey: .v4(using: &random), traceID: .v4(using: &random),
                    type: index % 50 == 0 ? "delete" : "update", entity: entity, payload: "{}", enqueuedAt: at))
        }
        _ = try await store.enqueue(operations)
        // Holes: some lines have moved on.
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: Self.start, staleAfterMs: 1000) else { return }
        let claims = try await store.exchange(Exchange(fence: fence, now: Self.start, urgent: 40, normal: 40)).claims
        let done = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
        _ = try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: done))
        var all: [GuardianCore.Operation] = []
        while true {
            let page = try await store.list(OperationFilter(afterSeq: all.last?.seq ?? 0, limit: 1000))
            all += page
            if page.count < 1000 { break }
        }
        try await body(store, all)
        try store.close()
    }

    private func prepare(_ store: SQLiteStore) async throws { while try await store.prepareSearch() {} }

    private func pages(_ store: SQLiteStore, _ search: OperationSearch) async throws -> (found: [Int64], pages: Int) {
        var search = search
        var found: [Int64] = []
        var count = 0
        while true {
            let page = try await store.search(search)
            count += 1
            found += page.operations.map(\.seq)
            guard let next = page.next else { return (found, count) }
            search.cursor = next
        }
    }

    private func searches(_ all: [GuardianCore.Operation]) -> [OperationSearch] {
        var searches: [OperationSearch] = []
        func add(_ change: (inout OperationSearch) -> Void) {
            var search = OperationSearch()
            change(&search)
            searches.append(search)
        }
        for index in [0, 1000, 1024, 1025, 2047, 2048, all.count - 1] { add { $0.traceID = all[index].traceID } }
        add { $0.traceID = UniqueID(high: 3, low: 4) }
        add { $0.entityType = "device" }
        add { $0.entityType = "none" }
        add { $0.operationType = "delete" }
        add { $0.since = all[3000].enqueuedAt }
        add { $0.until = all[1024].enqueuedAt }
        add {
            $0.since = all[1500].enqueuedAt
            $0.until = all[1600].enqueuedAt
        }
        add { $0.entityID = "r5" }
        add {
            $0.entityType = "room"
            $0.entityID = "r5"
        }
        add { $0.text = String(all[2000].traceID.description.prefix(18)) }
        add { $0.through = 1500 }
        return searches
    }

    @Test("what is kept of blocks hides nothing that a search would find, in either order")
    func zonesHideNothing() async throws {
        try await withManyRows(6000) { store, all in
            for isPrepared in [false, true] {
                if isPrepared { try await prepare(store) }
                for search in searches(all) {
                    let wanted = all.filter { search.fits($0) }.map(\.seq)
                    for isNewestFirst in [false, true] {
                        var ordered = search
                        ordered.isNewestFirst = isNewestFirst
                        let found = try await pages(store, ordered).found
                        #expect(found == (isNewestFirst ? wanted.reversed() : wanted), "\(ordered)")
                    }
                    let count = try await store.count(search)
                    #expect(count == Int64(wanted.count), "\(search)")
                }
            }
        }
    }

    @Test("a page whose time is up ends where it is, says so, and the next goes on: nothing twice, nothing left out")
    func endsInTime() async throws {
        try await withManyRows(6000, patience: .zero) { store, all in
            for isNewestFirst in [false, true] {
                for search in searches(all) {
                    var ordered = search
                    ordered.isNewestFirst = isNewestFirst
                    let wanted = all.filter { search.fits($0) }.map(\.seq)
                    let found = try await pages(store, ordered).found
                    #expect(found == (isNewestFirst ? wanted.reversed() : wanted), "\(ordered)")
                }
            }
            var nothing = OperationSearch()
            nothing.operationType = "none"
            let count = try await pages(store, nothing).pages
            #expect(count > 3)
            nothing.text = "none"
            let found = try await pages(store, nothing).found
            #expect(found == [])
        }
    }

    @Test("blocks are looked at once, a complete one only, and forgotten when their rows have left")
    func zonesAreKept() async throws {
        try await withManyRows(5000) { store, all in
            try await prepare(store)
            #expect(store.blocksLookedAt == [0, 1, 2, 3])
            var trace = OperationSearch()
            trace.traceID = all[4500].traceID
            let found = try await pages(store, trace).found
            #expect(found == [all[4500].seq])
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: Self.start, staleAfterMs: 1000) else {
                return
            }
            // Its first block is cancelled away.
            for operation in all where operation.seq <= 1024 { _ = try await store.cancel(operation.id, now: Self.start) }
            _ = try await store.prepareSearch()
            #expect(store.blocksLookedAt == [1, 2, 3])
            try await store.releaseLock(fence)
        }
    }

    @Test("every search walks an index, or the table in pieces; none sorts")
    func plans() async throws {
        try await withManyRows(300) { store, all in
            func plan(_ isNewestFirst: Bool, _ change: (inout OperationSearch) -> Void) async throws -> String {
                var search = OperationSearch()
                change(&search)
                search.isNewestFirst = isNewestFirst
                let lines = try await store.plan(of: search)
                #expect(!lines.contains { $0.contains("TEMP B-TREE") || $0.hasPrefix("SCAN") }, "\(lines)")
                return lines.joined(separator: "; ")
            }
            let inPieces = "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
            for order in [false, true] {
                var found = try await plan(order) { _ in }
                #expect(found.contains(inPieces))
                found = try await plan(order) {
                    $0.status = .failed
                    $0.text = "x"
                }
                #expect(found.contains("guardian_operation_failed (seq>? AND seq<?)"))
                found = try await plan(order) { $0.errorClass = .permanent }
                #expect(found.contains("guardian_operation_error (error_class=? AND seq>? AND seq<?)"))
                found = try await plan(order) {
                    $0.shape = 4
                    $0.entityType = "room"
                }
                #expect(found.contains("guardian_operation_shape (error_shape=? AND seq>? AND seq<?)"))
                found = try await plan(order) { $0.traceID = all[0].traceID }
                #expect(found.contains(inPieces))
                found = try await plan(order) {
                    $0.since = Self.start
                    $0.text = "abc"
                    $0.entityID = "r1"
                }
                #expect(found.contains(inPieces))
            }
        }
    }
}
