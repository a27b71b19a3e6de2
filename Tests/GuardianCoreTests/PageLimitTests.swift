import GuardianCore
import GuardianTesting
import Testing

/// How long a page may be that a caller asks for.
@Suite struct PageLimitTests {
    @Test("the limit of a page is the nearest of 1…1000, also when it is set later", arguments: [Int.min, -1, 0, 1, 1000, 1001, .max])
    func staysInRange(limit: Int) {
        let nearest = min(max(limit, 1), 1000)
        var search = OperationSearch()
        search.limit = limit
        #expect(search.limit == nearest)
        #expect(search == OperationSearch(limit: limit))
        var filter = OperationFilter()
        filter.limit = limit
        #expect(filter.limit == nearest)
        #expect(OperationFilter(limit: limit).limit == nearest)
    }

    @Test("a store that reads all of its queue gives one a page where less was asked for, in either order", arguments: [false, true])
    func givesOne(isNewestFirst: Bool) async throws {
        let store = MemoryStore()
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        for id in ["a", "b", "c"] {
            try await engine.enqueue(NewOperation("update", entityType: "room", entityID: id, payload: "{}", id: id))
        }
        var search = OperationSearch()
        search.limit = -5
        search.isNewestFirst = isNewestFirst
        let page = try await store.search(search)
        #expect(page.operations.map(\.id) == [.text(isNewestFirst ? "c" : "a")])
        #expect(page.next == page.operations.last?.seq)
        var filter = OperationFilter()
        filter.limit = -5
        #expect(try await store.list(filter).map(\.id) == [.text("a")])
        #expect(try await store.failureGroups(limit: -5).isEmpty)
    }
}
