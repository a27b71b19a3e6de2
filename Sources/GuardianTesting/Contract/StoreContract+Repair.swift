import GuardianCore

extension StoreContract {
    static let repairChecks: [Check] = [
        Check(name: "a failed operation that is retried goes back to its old place, its attempts forgotten") { contract in
            try await contract.enqueue(["a", "a"])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .failed(failure), fence)
            try contract.expect(try await contract.store.retry([.text("a-0"), .text("a-1"), .text("none")], now: start), 1, "retried")
            let stored = try await contract.store.operation(.text("a-0"))
            try contract.expect(stored?.attemptCount, 0, "attempts")
            try contract.expect(stored?.tries, 0, "tries")
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-0"], "the head")
        },
        Check(name: "a retried operation waits while a later one of its line is on the wire") { contract in
            try await contract.enqueue(["a", "a"])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .failed(failure), fence)
            let later = try await contract.claim(fence)
            try contract.expect(try await contract.store.retry(nil, now: start), 1, "retried")
            try contract.expect(try await contract.claim(fence).isEmpty, true, "claims while the later one is out")
            try await contract.settle(later, contract.retryLater(10), fence)
            _ = try await contract.claim(fence)
            try contract.expect(try await contract.store.check().problems, [], "problems")
        },
        Check(name: "cancel tells whether the operation may have been sent, and leaves what is on the wire") { contract in
            try await contract.enqueue(["never", "maybe", "out", "bad"])
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try await contract.settle([claims[0]], .unsent, fence)
            try await contract.settle([claims[1]], contract.retryLater(10), fence)
            try await contract.settle([claims[3]], .failed(failure), fence)
            func cancel(_ id: String) async throws -> CancelAnswer { try await contract.store.cancel(.text(id), now: start) }
            try contract.expect(try await cancel("never-0"), .neverSent, "never sent")
            try contract.expect(try await cancel("maybe-1"), .mayHaveApplied, "sent before")
            try contract.expect(try await cancel("out-2"), .inFlight, "on the wire")
            try contract.expect(try await cancel("bad-3"), .mayHaveApplied, "failed")
            try contract.expect(try await cancel("never-0"), .notFound, "cancelled before")
            let books = try await contract.store.books()
            try contract.expect(books.cancelled, 3, "cancelled")
            try contract.expect(books.failed, 0, "failed")
        },
        Check(name: "cancelling a head lets the next of its line go") { contract in
            try await contract.enqueue(["a", "a"])
            _ = try await contract.store.cancel(.text("a-0"), now: start)
            let fence = try await contract.acquire()
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-1"], "the head")
        },
        Check(name: "clearing removes the failed ones only, and counts them") { contract in
            try await contract.enqueue(["a", "b"])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence, 1), .failed(failure), fence)
            try contract.expect(try await contract.store.clearFailed(), 1, "cleared")
            let books = try await contract.store.books()
            try contract.expect([books.cleared, books.failed, books.pending], [1, 0, 1], "cleared, failed, pending")
        },
        Check(name: "lists page by number and filter by every field") { contract in
            try await contract.enqueue((0..<25).map { "e\($0 % 5)" })
            try await contract.enqueue(["z"], from: 25) { $0.type = "delete" }
            var filter = OperationFilter(limit: 10)
            var seen: [Int64] = []
            while true {
                let page = try await contract.store.list(filter)
                seen += page.map(\.seq)
                guard let last = page.last else { break }
                filter.afterSeq = last.seq
            }
            try contract.expect(seen.count, 26, "all pages")
            try contract.expect(seen, seen.sorted(), "the order")
            filter = OperationFilter(status: .pending)
            filter.entityID = "e2"
            try contract.expect(try await contract.store.list(filter).count, 5, "by entity")
            filter = OperationFilter()
            filter.operationType = "delete"
            let found = try await contract.store.list(filter)
            try contract.expect(found.map(\.entity.id), ["z"], "by type")
            filter = OperationFilter()
            filter.traceID = found.first?.traceID
            try contract.expect(try await contract.store.list(filter).count, 1, "by trace")
            try contract.expect(try await contract.store.list(OperationFilter(status: .failed)).count, 0, "by status")
            try contract.expect(try await contract.store.oldestPending(), start, "the oldest")
        },
        Check(name: "after the clock went back no retry waits longer than its backoff") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            let retry = Settlement.Result.retry(
                due: start.adding(milliseconds: 3_600_000), backoffMs: 50, error: failure, charged: false, failureMark: 0)
            try await contract.settle(try await contract.claim(fence), retry, fence)
            try contract.expect(try await contract.store.clampRetries(now: start), 1, "clamped")
            try contract.expect(contract.names(try await contract.claim(fence, after: 50)), ["a-0"], "claimed")
        },
        Check(name: "rebuilt for the other ordering, the lines are the other ones") { contract in
            try await contract.enqueue(["a", "b"])
            _ = try await contract.store.rebuildIndex(ordering: .strict)
            let fence = try await contract.acquire()
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-0"], "one line")
        },
    ]
}
