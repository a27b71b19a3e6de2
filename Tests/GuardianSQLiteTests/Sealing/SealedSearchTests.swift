import Foundation
import GuardianCore
import GuardianPrivacy
import GuardianSQLite
import Testing

/// Text in what is sealed: an error's message is found by opening it, in pages of a bounded time.
@Suite(.serialized) struct SealedSearchTests {
    private static let start = Timestamp(milliseconds: 1_800_000_000_000)

    /// A sealed store with `count` failed operations; every hundredth has burnt, the others are gone.
    private func withFailures(_ count: Int, patience: Duration, _ body: (SQLiteStore) async throws -> Void) async throws {
        try await withStoreDirectory { path in
            var configuration = SQLiteStore.Configuration(path: path)
            configuration.sealing = Keys(.random())
            configuration.disk.reserve = 0
            configuration.searchPatience = patience
            let store = try SQLiteStore.open(configuration)
            var random = Xoshiro256(seed: 11)
            let operations = (0..<count).map { index in
                GuardianCore.Operation(
                    id: .text("op-\(index)"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
                    entity: EntityKey(type: "room", id: "r\(index)"), payload: #"{"note":"burnt in the payload"}"#, enqueuedAt: Self.start)
            }
            _ = try await store.enqueue(operations)
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: Self.start, staleAfterMs: 1000) else {
                return
            }
            let claims = try await store.exchange(Exchange(fence: fence, now: Self.start, urgent: count, normal: count)).claims
            let settlements = claims.map { claim in
                let message = claim.seq % 100 == 0 ? "Cupboard \(claim.seq) is burnt" : "room \(claim.seq) is gone"
                let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: message)
                return Settlement(seq: claim.seq, id: claim.operation.id, result: .failed(error))
            }
            _ = try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: settlements))
            #expect(try clearValues(at: path) == [])
            try await body(store)
            try store.close()
        }
    }

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

    @Test("a text in a sealed message is found in both orders, with other filters and without, and counted", arguments: [3, 1000])
    func finds(limit: Int) async throws {
        try await withFailures(2500, patience: .seconds(60)) { store in
            var search = OperationSearch(status: .failed, limit: limit)
            search.text = "CUPBOARD"
            let burnt = (1...25).map { Int64($0) * 100 }
            var found = try await pages(store, search).found
            #expect(found == burnt)
            search.isNewestFirst = true
            found = try await pages(store, search).found
            #expect(found == burnt.reversed())
            search.status = nil
            search.through = 1000
            found = try await pages(store, search).found
            #expect(found == burnt.prefix(10).reversed())
            var count = try await store.count(search)
            #expect(count == 10)
            search.errorClass = .transient
            count = try await store.count(search)
            #expect(count == 0)
            // What is in the clear is found as before, whatever the message; what is in the payload is not looked for.
            search = OperationSearch(status: .failed, limit: limit)
            search.text = "r2400"
            found = try await pages(store, search).found
            #expect(found == [2401])
            search.text = "in the payload"
            found = try await pages(store, search).found
            #expect(found == [])
            search.text = "is gone"
            count = try await store.count(search)
            #expect(count == 2475)
        }
    }

    @Test("a page without patience ends where it is, and the next goes on from there")
    func isBounded() async throws {
        try await withFailures(1200, patience: .zero) { store in
            for isNewestFirst in [false, true] {
                var search = OperationSearch(status: .failed)
                search.isNewestFirst = isNewestFirst
                search.text = "burnt"
                let (found, pages) = try await pages(store, search)
                #expect(found.sorted() == (1...12).map { Int64($0) * 100 })
                #expect(pages > 1000, "each page opens one message that does not fit, at most: \(pages)")
            }
        }
    }
}
