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
        Check(name: "a conflict keeps both sides, and goes back as it was chosen: under a new key, over the state that was seen") {
            contract in
            try await contract.enqueue(["a", "a"])
            let fence = try await contract.acquire()
            let claim = try await contract.claim(fence)[0]
            let conflict = LastError(class: .conflict, code: "VERSION", httpStatus: 412, message: "")
            let found = ServerState(state: #"{"n":9}"#, etag: "\"v9\"")
            let settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .failed(conflict), server: found)
            _ = try await contract.store.exchange(Exchange(fence: fence, now: start, settlements: [settlement]))
            let stored = try await contract.store.operation(.text("a-0"))
            try contract.expect(stored?.server, found, "the other side")
            let key = fresh()
            let revision = stored?.revision(for: .payload(#"{"n":10}"#), newKey: key)
            try contract.expect(try await contract.store.resolve(.text("a-1"), revision, now: start), false, "resolved one that waits")
            try contract.expect(try await contract.store.resolve(.text("a-0"), revision, now: start), true, "resolved")
            let again = try await contract.claim(fence)
            try contract.expect(contract.names(again), ["a-0"], "the head")
            let operation = again[0].operation
            try contract.expect([operation.payload, operation.base, operation.ifMatch], [#"{"n":10}"#, #"{"n":9}"#, "\"v9\""], "content")
            try contract.expect(operation.idempotencyKey, key, "key")
            try contract.expect(try await contract.store.check().problems, [], "problems")
        },
        Check(name: "a conflict that lets the server's state stand leaves the queue as processed") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            let conflict = LastError(class: .conflict, code: "VERSION", httpStatus: 412, message: "")
            try await contract.settle(try await contract.claim(fence), .failed(conflict), fence)
            try contract.expect(try await contract.store.resolve(.text("a-0"), nil, now: start), true, "resolved")
            let books = try await contract.store.books()
            try contract.expect([books.processed, books.failed, books.pending], [1, 0, 0], "processed, failed, pending")
            try contract.expect(try await contract.store.ending(of: .text("a-0")), .processed(answer: nil), "ending")
        },
        Check(name: "a revised operation is claimed at once, in its old place, and the ETag of an entity goes out with the next") {
            contract in
            try await contract.enqueue(["a", "a"])
            let fence = try await contract.acquire()
            let key = fresh()
            let first = try await contract.claim(fence)[0]
            let revision = Settlement.Revision(payload: "{}", type: "update", base: nil, ifMatch: "\"v2\"", newKey: key)
            let revised = Settlement(seq: first.seq, id: first.operation.id, result: .revised(revision))
            _ = try await contract.store.exchange(Exchange(fence: fence, now: start, settlements: [revised]))
            let again = try await contract.claim(fence)[0]
            try contract.expect(again.operation.id, first.operation.id, "the head")
            try contract.expect([again.operation.rounds, again.operation.tries], [1, 1], "rounds, tries")
            try contract.expect(again.operation.ifMatch, "\"v2\"", "If-Match")
            let done = Settlement(
                seq: again.seq, id: again.operation.id, result: .processed, server: ServerState(etag: "\"v3\""), answer: #"{"id":1}"#)
            _ = try await contract.store.exchange(Exchange(fence: fence, now: start, settlements: [done]))
            try contract.expect(try await contract.store.ending(of: .text("a-0")), .processed(answer: #"{"id":1}"#), "answer")
            try contract.expect(try await contract.claim(fence).first?.operation.ifMatch, "\"v3\"", "If-Match of the next")
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
        Check(name: "clearing up to a number leaves what failed with a greater one") { contract in
            try await contract.enqueue(["a", "b", "c", "d"])
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            for claim in claims where claim.operation.entity.id != "a" { try await contract.settle([claim], .failed(failure), fence) }
            let end = claims.filter { $0.operation.entity.id == "c" }.map(\.seq).first ?? 0
            try contract.expect(try await contract.store.clearFailed(through: end), 2, "cleared")
            try contract.expect(try await contract.store.clearFailed(through: end), 0, "cleared again")
            let failed = try await contract.store.list(OperationFilter(status: .failed))
            try contract.expect(failed.map(\.entity.id), ["d"], "left")
            let books = try await contract.store.books()
            try contract.expect([books.cleared, books.failed, books.processing], [2, 1, 1], "cleared, failed, processing")
        },
        Check(name: "a set of failed ones that is frozen in time is joined by nothing that fails later") { contract in
            try await contract.enqueue(["a", "b", "c"])
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try await contract.settle([claims[0]], .failed(failure), fence)
            try await contract.settle([claims[1]], .failed(failure), fence, after: 6)
            let through = try await contract.store.newestSeq()
            let asOf = start.adding(milliseconds: 5)
            let changes: [(inout OperationSearch) -> Void] = [
                { $0.status = .failed }, { $0.shape = FailureShape(of: failure).id }, { $0.errorClass = .permanent }, { $0.text = "never" },
            ]
            for change in changes {
                var set = OperationSearch()
                change(&set)
                try contract.expect(set.dependsOnState, true, "depends on the state")
                (set.through, set.asOf) = (through, asOf)
                try contract.expect(try await contract.store.count(set), 1, "count of \(set)")
                try contract.expect(try await contract.pages(set), [claims[0].seq], "found by \(set)")
            }
            try contract.expect(try await contract.store.clearFailed(through: through, asOf: asOf), 1, "cleared")
            try contract.expect(try await contract.store.clearFailed(through: through, asOf: asOf), 0, "cleared again")
            let failed = try await contract.store.list(OperationFilter(status: .failed))
            try contract.expect(failed.map(\.entity.id), [claims[1].operation.entity.id], "left")
        },
        Check(name: "a cancel that names a status leaves what has another one by then") { contract in
            try await contract.enqueue(["a", "b"])
            let fence = try await contract.acquire()
            for claim in try await contract.claim(fence) { try await contract.settle([claim], .failed(failure), fence) }
            _ = try await contract.store.retry([.text("a-0")], now: start)
            func cancel(_ id: String, _ status: Operation.Status) async throws -> CancelAnswer {
                try await contract.store.cancel(.text(id), ifStill: status, now: start)
            }
            try contract.expect(try await cancel("a-0", .failed), .notFound, "retried meanwhile")
            try contract.expect(try await cancel("b-1", .pending), .notFound, "failed meanwhile")
            try contract.expect(try await cancel("b-1", .failed), .mayHaveApplied, "as it was")
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-0"], "left")
            try contract.expect(try await cancel("a-0", .pending), .inFlight, "on the wire")
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

    private static func fresh() -> UniqueID {
        var random = SystemRandomNumberGenerator()
        return UniqueID.v4(using: &random)
    }
}
