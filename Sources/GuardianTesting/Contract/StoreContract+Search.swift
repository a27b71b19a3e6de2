import GuardianCore
import Synchronization

extension StoreContract {
    static let searchChecks: [Check] = [
        Check(name: "a search finds what fits and nothing else, by every trait, in both orders, whatever the page") { contract in
            try await contract.fillForSearch()
            let all = try await contract.store.list(OperationFilter(limit: 1000))
            for search in searches(all) {
                let wanted = all.filter { search.fits($0) }.map(\.seq)
                for limit in [1, 4, 100] {
                    for isNewestFirst in [false, true] {
                        var paged = search
                        paged.limit = limit
                        paged.isNewestFirst = isNewestFirst
                        let found = try await contract.pages(paged)
                        try contract.expect(found, isNewestFirst ? wanted.reversed() : wanted, "\(paged)")
                    }
                }
                try contract.expect(try await contract.store.count(search), Int64(wanted.count), "count of \(search)")
            }
        },
        Check(name: "a set that was counted is joined by nothing that comes later") { contract in
            try await contract.enqueue(["a", "b", "c"])
            var search = OperationSearch()
            search.through = try await contract.store.newestSeq()
            try await contract.enqueue(["d"], from: 3)
            try contract.expect(try await contract.store.count(search), 3, "counted")
            try contract.expect(try await contract.pages(search).count, 3, "found")
        },
        Check(name: "failures of one cause are one group, whatever their messages name; the largest first, with the first and the last") {
            contract in
            try await contract.enqueue((0..<7).map { "e\($0)" })
            let fence = try await contract.acquire()
            for (index, claim) in try await contract.claim(fence).enumerated() {
                let message = index < 5 ? "room \(index) of 0192f7c4-0000-7000-8000-00000000000\(index) is gone" : "not allowed"
                let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: message)
                try await contract.settle([claim], .failed(error), fence)
            }
            let groups = try await contract.store.failureGroups(limit: 10)
            try contract.expect(groups.map(\.count), [5, 2], "counts")
            try contract.expect(groups.map(\.shape.message), ["room # of # is gone", "not allowed"], "shapes")
            try contract.expect(groups.map(\.first.id.description), ["e0-0", "e5-5"], "first")
            try contract.expect(groups.map(\.last.id.description), ["e4-4", "e6-6"], "last")
            try contract.expect(try await contract.store.failureGroups(limit: 1).count, 1, "limit")
            for group in groups {
                var search = OperationSearch()
                search.shape = group.shape.id
                try contract.expect(try await contract.store.count(search), group.count, "found by its cause")
            }
            _ = try await contract.store.retry([.text("e0-0")], now: start)
            _ = try await contract.store.cancel(.text("e5-5"), now: start)
            try contract.expect(try await contract.store.failureGroups(limit: 10).map(\.count), [4, 1], "after a retry and a cancel")
            _ = try await contract.store.clearFailed()
            try contract.expect(try await contract.store.failureGroups(limit: 10), [], "after clearing")
        },
        Check(name: "a key whose head waits is named with the reason and what stands behind it, in pages") { contract in
            try await contract.enqueue(["a", "a", "a", "b", "c", "d"])
            try await contract.enqueue(["e"], from: 6) { $0.notBefore = start.adding(milliseconds: 500) }
            try await contract.enqueue(["f", "f"], from: 7) { $0.priority = 3 }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            for (index, name) in ["a", "b", "f"].enumerated() {
                guard let claim = claims.first(where: { $0.operation.entity.id == name }) else { continue }
                try await contract.settle([claim], contract.retryLater(1000 * Int64(index + 1)), fence)
            }
            let blocked = try await contract.store.blockedKeys(at: start, after: nil, limit: 10)
            try contract.expect(blocked.map(\.head.entity.id), ["f", "e", "a", "b"], "heads")
            try contract.expect(blocked.map(\.reason), [.backoff, .notBefore, .backoff, .backoff], "reasons")
            try contract.expect(blocked.map(\.behind), [1, 0, 2, 0], "behind")
            var paged: [BlockedKey] = []
            while true {
                let page = try await contract.store.blockedKeys(at: start, after: paged.last?.place, limit: 1)
                guard !page.isEmpty, paged.count < 10 else { break }
                paged += page
            }
            try contract.expect(paged, blocked, "one by one")
            let later = try await contract.store.blockedKeys(at: start.adding(milliseconds: 1500), after: nil, limit: 10)
            try contract.expect(later.map(\.head.entity.id), ["f", "b"], "later")
            try contract.expect(try await contract.store.indexEntries(), 6, "lines")
        },
        Check(name: "a page ends when what its operations carry fills it, however they are looked for; without payloads it does not") {
            contract in
            let payload = "{\"x\":\"" + String(repeating: "x", count: 1 << 20) + "\"}"
            try await contract.enqueue(Array(repeating: "e", count: 12)) { $0.payload = payload }
            var ofEntity = OperationSearch(limit: 100)
            (ofEntity.entityType, ofEntity.entityID) = ("room", "e")
            for search in [OperationSearch(limit: 100), OperationSearch(status: .pending, limit: 100), ofEntity] {
                for isNewestFirst in [false, true] {
                    var search = search
                    search.isNewestFirst = isNewestFirst
                    let page = try await contract.store.search(search)
                    try contract.expect(page.operations.count, SearchPage.mostBytes >> 20, "operations of \(search)")
                    try contract.expect(page.operations.allSatisfy { $0.payload == payload }, true, "payloads of \(search)")
                    try contract.expect(page.next, page.operations.last?.seq, "where \(search) goes on")
                    try contract.expect(try await contract.pages(search).count, 12, "all of \(search)")
                    search.includesPayload = false
                    let small = try await contract.store.search(search).operations
                    try contract.expect(small.count, 12, "operations of \(search)")
                    try contract.expect(small.allSatisfy { $0.payload == nil }, true, "payloads of \(search)")
                }
            }
        },
        Check(name: "what a store prepares for searches changes no answer") { contract in
            try await contract.fillForSearch()
            let all = try await contract.store.list(OperationFilter(limit: 1000))
            var rounds = 0
            while try await contract.store.prepareSearch(), rounds < 100 { rounds += 1 }
            for search in searches(all) {
                try contract.expect(try await contract.pages(search), all.filter { search.fits($0) }.map(\.seq), "\(search)")
            }
        },
        Check(name: "an export has all that its filter lets through, and no payload or base unless they are asked for; so has a list") {
            contract in
            try await contract.enqueue(["a", "b", "a"]) { $0.base = #"{"n":0}"# }
            try await contract.enqueue(["c"], from: 3) { $0.type = "archive" }
            var filter = OperationFilter()
            filter.operationType = "update"
            let all = try await contract.store.list(filter)
            try contract.expect(all.compactMap(\.payload).count + all.compactMap(\.base).count, 6, "payloads and bases")
            for includesPayload in [true, false] {
                let wanted = includesPayload ? all : all.map(\.withoutPayload)
                filter.includesPayload = includesPayload
                filter.limit = 100
                try contract.expect(try await contract.store.list(filter), wanted, "the list, with payloads: \(includesPayload)")
                // Neither matters to an export.
                filter.includesPayload = !includesPayload
                filter.limit = 1
                let reader = Exported()
                try await contract.store.export(filter, includingPayload: includesPayload, to: reader)
                try contract.expect(reader.operations, wanted, "the export, with payloads: \(includesPayload)")
                try contract.expect(reader.announced, 3, "how many were announced")
            }
        },
    ]

    /// Operations of every status, with errors, principals, keys and times of their own.
    private func fillForSearch() async throws {
        try await enqueue((0..<24).map { "e\($0 % 6)" }) { operation in
            operation.enqueuedAt = Self.start.adding(milliseconds: operation.id.description.utf8.count.isMultiple(of: 2) ? 0 : 60_000)
        }
        try await enqueue(["100%_sure", "Ünder"], from: 24) { operation in
            operation.type = "archive"
            operation.entity.type = "user"
            operation.customOrderingKey = "ward-7"
            operation.txnToken = "Token-9"
        }
        let fence = try await acquire()
        let claims = try await claim(fence)
        for (index, claim) in claims.enumerated() where index > 1 {
            let error = LastError(
                class: index % 2 == 0 ? .permanent : .conflict, code: "HTTP_4\(index)", httpStatus: 422, message: "room \(index) Is gone")
            try await settle([claim], index < 5 ? .failed(error) : retryLater(1000), fence)
        }
    }

    /// Every kind of search, with what is there and what is not.
    private static func searches(_ all: [Operation]) -> [OperationSearch] {
        func search(_ change: (inout OperationSearch) -> Void) -> OperationSearch {
            var search = OperationSearch()
            change(&search)
            return search
        }
        var searches = [search { _ in }]
        searches += Operation.Status.allCases.map { status in search { $0.status = status } }
        searches += ["update", "archive", "none"].map { type in search { $0.operationType = type } }
        searches += ["room", "user", "none"].map { type in search { $0.entityType = type } }
        searches += ["e1", "none"].map { id in search { $0.entityID = id } }
        searches += [("room", "e1"), ("user", "100%_sure"), ("user", "e1")].map { type, id in
            search {
                $0.entityType = type
                $0.entityID = id
            }
        }
        searches += all.prefix(3).map { operation in search { $0.traceID = operation.traceID } }
        searches += [search { $0.traceID = UniqueID(high: 1, low: 2) }, search { $0.since = start.adding(milliseconds: 1) }]
        searches += [search { $0.until = start.adding(milliseconds: 1) }, search { $0.through = 7 }]
        searches.append(search { $0.asOf = start.adding(milliseconds: 1) })
        searches += [ErrorClass.permanent, .conflict, .transient, .tls].map { error in search { $0.errorClass = error } }
        searches += all.compactMap(\.lastError).prefix(4).map { error in search { $0.shape = FailureShape(of: error).id } }
        let texts = ["E1", "is GONE", "100%", "_sure", "%", "ward", "token-9", "Ünder", "update", "HTTP_42", "nothing like it", "e1-1"]
        searches += texts.map { text in search { $0.text = text } }
        searches += all.prefix(2).flatMap { operation in
            let trace = operation.traceID.description
            return [trace, String(trace.prefix(13)), operation.traceID.hex].map { text in search { $0.text = text } }
        }
        searches.append(
            search {
                $0.status = .failed
                $0.errorClass = .permanent
                $0.text = "gone"
            })
        searches.append(
            search {
                $0.status = .pending
                $0.errorClass = .transient
                $0.entityType = "room"
            })
        return searches
    }

    /// The numbers of all pages.
    func pages(_ search: OperationSearch) async throws -> [Int64] {
        var search = search
        var found: [Int64] = []
        for _ in 0..<1000 {
            let page = try await store.search(search)
            try expect(page.operations.count <= search.limit, true, "the length of a page")
            found += page.operations.map(\.seq)
            guard let next = page.next else { return found }
            search.cursor = next
        }
        throw Violation(description: "pages without an end")
    }
}

/// Keeps what a store exports.
private final class Exported: OperationReader {
    private struct State {
        var announced: Int?
        var operations: [Operation] = []
    }

    private let state = Mutex(State())

    var announced: Int? { state.withLock { $0.announced } }
    var operations: [Operation] { state.withLock { $0.operations } }

    func begin(count: Int) { state.withLock { $0.announced = count } }

    func take(_ operation: Operation) -> Bool {
        state.withLock { $0.operations.append(operation) }
        return true
    }
}
