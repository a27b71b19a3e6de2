/// Takes what a store exports, one operation after another, from one thread at a time.
public protocol OperationReader: AnyObject, Sendable {
    /// How many will come at most; comes first.
    func begin(count: Int)
    /// The next one. False ends the export.
    func take(_ operation: Operation) -> Bool
}

extension InspectStore {
    /// Page by page, each page as of one instant; they are gone through twice, at first to count them. A store that can shows all as of one
    /// instant.
    public func export(_ filter: OperationFilter, includingPayload: Bool, to reader: any OperationReader) async throws(StoreError) {
        var filter = filter
        filter.limit = OperationFilter.longestPage
        filter.includesPayload = false
        let start = filter.afterSeq
        var count = 0
        while let page = try await page(filter) {
            count += page.count
            filter.afterSeq = page[page.count - 1].seq
        }
        reader.begin(count: count)
        (filter.afterSeq, filter.includesPayload) = (start, includingPayload)
        while count > 0, let page = try await page(filter) {
            for operation in page.prefix(count) where !reader.take(operation) { return }
            count -= page.count
            filter.afterSeq = page[page.count - 1].seq
        }
    }

    private func page(_ filter: OperationFilter) async throws(StoreError) -> [Operation]? {
        let page = try await list(filter)
        return page.isEmpty ? nil : page
    }
}
