/// Finds stored operations for people: by any of their traits, page by page, however long the queue.
///
/// A page costs a bounded time, not one that grows with the queue: a store may end it before it is full, and says so. Changes nothing.
public protocol SearchStore: InspectStore {
    /// One page of what fits.
    func search(_ search: OperationSearch) async throws(StoreError) -> SearchPage
    /// How many fit, all of them counted; `cursor`, `limit` and the order do not matter. Takes as long as it takes, in small reads.
    func count(_ search: OperationSearch) async throws(StoreError) -> Int64
    /// The greatest number of a stored operation; 0 when there is none. What is enqueued later has a greater one: `seq <= n` is a set that
    /// nothing joins.
    func newestSeq() async throws(StoreError) -> Int64
    /// Failed operations, one group for each cause, the largest first, at most `limit` groups; those that stand for a group come without
    /// payload and base.
    func failureGroups(limit: Int) async throws(StoreError) -> [FailureGroup]
    /// Heads that wait, for a time, a principal or a create, with what stands behind them: the greatest priority first, then what is due
    /// first. At most `limit`, after `place`.
    func blockedKeys(at now: Timestamp, after place: BlockedKey.Place?, limit: Int) async throws(StoreError) -> [BlockedKey]
    /// Entries of the index that claims walk: one for each line that someone stands in.
    func indexEntries() async throws(StoreError) -> Int64
    /// Brings up to date what a store keeps in memory so that it need not read all of the queue to find little. A bounded piece of work, to
    /// be called about once a second; true when more is left to do.
    func prepareSearch() async throws(StoreError) -> Bool
}

/// For a store without means of its own: reads all of the queue, in pages.
extension SearchStore {
    public func search(_ search: OperationSearch) async throws(StoreError) -> SearchPage {
        var found: [Operation] = []
        let limit = search.limit
        let (after, before) = search.isNewestFirst ? (0, search.cursor ?? Int64.max) : (search.cursor ?? 0, Int64.max)
        try await walk(search, after: after) { operation in
            guard operation.seq < before else { return false }
            found.append(operation)
            if found.count > limit {
                guard search.isNewestFirst else { return false }
                found.removeFirst(found.count - limit - 1)
            }
            return true
        }
        if search.isNewestFirst { found.reverse() }
        return SearchPage(first: found, of: search)
    }

    public func count(_ search: OperationSearch) async throws(StoreError) -> Int64 {
        var count: Int64 = 0
        try await walk(search, after: 0) { _ in
            count += 1
            return true
        }
        return count
    }

    public func newestSeq() async throws(StoreError) -> Int64 {
        var newest: Int64 = 0
        try await walk(OperationSearch(), after: 0) {
            newest = $0.seq
            return true
        }
        return newest
    }

    public func failureGroups(limit: Int) async throws(StoreError) -> [FailureGroup] {
        var groups: [Int64: FailureGroup] = [:]
        var failed = OperationSearch(status: .failed, limit: 1000)
        failed.includesPayload = false
        repeat {
            let page = try await search(failed)
            for operation in page.operations {
                guard let error = operation.lastError else { continue }
                let shape = FailureShape(of: error)
                if groups[shape.id]?.add(operation) == nil {
                    groups[shape.id] = FailureGroup(shape: shape, first: operation, last: operation, count: 1)
                }
            }
            failed.cursor = page.next
        } while failed.cursor != nil
        return Array(groups.values.sorted { ($0.count, $1.first.seq) > ($1.count, $0.first.seq) }.prefix(max(limit, 0)))
    }

    /// No lines can be seen from here: a store that has them says who waits.
    public func blockedKeys(at now: Timestamp, after place: BlockedKey.Place?, limit: Int) async throws(StoreError) -> [BlockedKey] { [] }

    /// An upper bound: one for each operation that waits or is in hand.
    public func indexEntries() async throws(StoreError) -> Int64 {
        let books = try await books()
        return books.pending + books.processing
    }

    /// Keeps nothing in memory.
    public func prepareSearch() async throws(StoreError) -> Bool { false }

    /// Meets every stored operation that fits, in order, until `meet` has enough.
    private func walk(_ search: OperationSearch, after: Int64, _ meet: (Operation) -> Bool) async throws(StoreError) {
        var filter = OperationFilter(status: search.status, afterSeq: after, limit: 1000)
        filter.operationType = search.operationType
        filter.entityType = search.entityType
        filter.entityID = search.entityID
        filter.traceID = search.traceID
        filter.since = search.since
        filter.until = search.until
        filter.includesPayload = search.includesPayload
        while true {
            let page = try await list(filter)
            for operation in page {
                if let through = search.through, operation.seq > through { return }
                if search.fits(operation), !meet(operation) { return }
            }
            guard page.count == filter.limit, let last = page.last else { return }
            filter.afterSeq = last.seq
        }
    }
}
