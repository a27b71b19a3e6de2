import GuardianCore

extension StoreContract {
    static let settleChecks: [Check] = [
        Check(name: "a processed operation leaves the queue and is counted") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            try contract.expect(try await contract.settle(try await contract.claim(fence), .processed, fence), [true], "settled")
            try contract.expect(try await contract.store.operation(.text("a-0")), nil, "the operation")
            try contract.expect(try await contract.store.books().processed, 1, "processed")
        },
        Check(name: "a settlement counts once") { contract in
            try await contract.enqueue(["a", "a"])
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try await contract.settle(claims, .processed, fence)
            try contract.expect(try await contract.settle(claims, .processed, fence), [false], "again")
            try contract.expect(try await contract.store.books().processed, 1, "processed")
        },
        Check(name: "a retry waits at the head of its line, with its error, and blocks only that line") { contract in
            try await contract.enqueue(["a", "a", "b"])
            let fence = try await contract.acquire()
            let claim = try await contract.claim(fence, 1)
            try await contract.settle(claim, contract.retryLater(400), fence)
            let stored = try await contract.store.operation(.text("a-0"))
            try contract.expect(stored?.status, .pending, "the status")
            try contract.expect(stored?.attemptCount, 1, "attempts")
            try contract.expect(stored?.tries, 1, "tries")
            try contract.expect(stored?.failureMark, 7, "the mark")
            try contract.expect(stored?.nextRetryAt, start.adding(milliseconds: 400), "the next retry")
            try contract.expect(stored?.lastError?.code, "HTTP_500", "the error")
            try contract.expect(contract.names(try await contract.claim(fence)), ["b-2"], "only the other line")
            try contract.expect(contract.names(try await contract.claim(fence, after: 400)), ["a-0"], "when its time has come")
        },
        Check(name: "an uncharged retry uses no attempt up") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), contract.retryLater(1, charged: false), fence)
            try contract.expect(try await contract.store.operation(.text("a-0"))?.attemptCount, 0, "attempts")
        },
        Check(name: "a failed operation steps out of its line and keeps its reason") { contract in
            try await contract.enqueue(["a", "a"])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .failed(failure), fence)
            let stored = try await contract.store.operation(.text("a-0"))
            try contract.expect(stored?.status, .failed, "the status")
            try contract.expect(stored?.lastError, failure, "the reason")
            try contract.expect(try await contract.store.books().failed, 1, "failed")
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-1"], "the next of the line")
        },
        Check(name: "what is known of an error beside its message is kept: of one that failed, one that waits, and an ending") { contract in
            try await contract.register("t")
            try await contract.enqueue(["a"]) { $0.txnToken = "t" }
            try await contract.enqueue(["b"], from: 1)
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            let fields = [ErrorDetails.Field("name", "must not be \"\u{1E}\" or \0"), ErrorDetails.Field("zoë")]
            let details = ErrorDetails(fields: fields, limit: 7, resetAt: start, serverVersion: "8", sentETag: "\"a\"")
            let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no", details: details)
            let wait = Settlement.Result.retry(due: start, backoffMs: 1, error: error, charged: true, failureMark: 0)
            try await contract.settle([claims[0]], .failed(error), fence)
            try await contract.settle([claims[1]], wait, fence)
            try contract.expect(try await contract.store.operation(.text("a-0"))?.lastError, error, "the error of one that failed")
            try contract.expect(try await contract.store.operation(.text("b-1"))?.lastError, error, "the error of one that waits")
            try contract.expect(try await contract.store.endings(after: 0, limit: 9).map(\.reason), [error], "the reasons of endings")
        },
        Check(name: "the answer that stops delivery is the last error of what goes back, which fails in nothing") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            let standstill = LastError(
                class: .upgrade, code: "TOO_OLD", httpStatus: 426, message: "update", details: ErrorDetails(minimumVersion: "2.4"))
            for expected in [standstill, nil] {
                let claim = try await contract.claim(fence)[0]
                var settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .returned)
                settlement.standstill = expected
                _ = try await contract.store.exchange(Exchange(fence: fence, now: start, settlements: [settlement]))
                let stored = try await contract.store.operation(.text("a-0"))
                try contract.expect(stored?.lastError, standstill, "the last error")
                try contract.expect(stored?.status, .pending, "the status")
                try contract.expect(stored?.tries, 0, "tries")
                try contract.expect(stored?.nextRetryAt, nil, "the next retry")
            }
            var search = OperationSearch(status: .pending)
            search.errorClass = .upgrade
            try contract.expect(try await contract.store.search(search).operations.map(\.id), [.text("a-0")], "found by its class")
        },
        Check(name: "what goes back with the answer that stops delivery has no unknown outcome but an earlier one") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            let standstill = LastError(class: .auth, code: "HTTP_401", httpStatus: 401, message: "")
            let known: [Timestamp?] = [nil, start.adding(milliseconds: -7), nil]
            for unknownAt in known {
                let claim = try await contract.claim(fence)[0]
                var settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .returned)
                settlement.standstill = standstill
                settlement.unknownAt = unknownAt
                _ = try await contract.store.exchange(Exchange(fence: fence, now: start, settlements: [settlement]))
                let stored = try await contract.store.operation(.text("a-0"))
                try contract.expect(stored?.unknownAt, unknownAt, "since when its outcome is unknown")
                try contract.expect(stored?.lastAttemptAt, start, "the attempt that was made")
            }
            try await contract.settle(try await contract.claim(fence), .returned, fence)
            try contract.expect(try await contract.store.operation(.text("a-0"))?.unknownAt, start, "of one that was interrupted")
        },
        Check(name: "a zero byte in what the upstream says stops nothing") { contract in
            try await contract.enqueue(["a", "b", "c", "d"])
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "a\0b")
            let said = #"{"name":"a\u0000b"}"#
            let settlements = [
                Settlement(seq: claims[0].seq, id: claims[0].operation.id, result: .failed(error), server: ServerState(state: said)),
                Settlement(seq: claims[1].seq, id: claims[1].operation.id, result: .processed, answer: said),
                Settlement(seq: claims[2].seq, id: claims[2].operation.id, result: .processed, answer: "a\0b"),
                Settlement(
                    seq: claims[3].seq, id: claims[3].operation.id,
                    result: .retry(due: start, backoffMs: 1, error: error, charged: true, failureMark: 0)),
            ]
            let settled = try await contract.store.exchange(Exchange(fence: fence, now: start, settlements: settlements)).settled
            try contract.expect(settled, [true, true, true, true], "settled")
            let failed = try await contract.store.operation(claims[0].operation.id)
            try contract.expect(failed?.lastError?.message, "a\u{FFFD}b", "the error of one that failed")
            try contract.expect(failed?.server?.state, said, "the state of the other side")
            let ending = try await contract.store.ending(of: claims[1].operation.id)
            try contract.expect(ending, .processed(answer: said), "the answer")
            let waiting = try await contract.store.operation(claims[3].operation.id)
            try contract.expect(waiting?.lastError?.message, "a\u{FFFD}b", "the error of one that waits")
        },
        Check(name: "outcomes are tallied once, by their labels; a store that keeps no tallies says so") { contract in
            try await contract.enqueue(["a", "b", "c"])
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            let results: [Settlement.Result] = [.processed, .failed(failure), contract.retryLater(1)]
            for (claim, result) in zip(claims, results) { try await contract.settle([claim], result, fence) }
            try await contract.settle(claims, .processed, fence)
            try await contract.settle(try await contract.claim(fence, after: 1), .processed, fence)
            let tallies = try await contract.store.tallies()
            guard !tallies.isEmpty else { return }
            let entity = claims[0].operation.entity.type
            let labels = Tally.Labels(operationType: "update", entityType: entity)
            let failed = Tally.Labels(operationType: "update", entityType: entity, errorClass: failure.class.rawValue)
            let wanted = [
                Tally(.processed, labels: labels, count: 2), Tally(.failed, labels: failed, count: 1),
                Tally(.backoff, labels: labels, count: 1), Tally(.retry, labels: labels, count: 1),
            ]
            try contract.expect(tallies.sorted { $0.kind.rawValue < $1.kind.rawValue }, wanted, "the tallies")
        },
        Check(name: "one that was not sent goes back as if it had not been claimed") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .unsent, fence)
            try contract.expect(try await contract.store.operation(.text("a-0"))?.lastAttemptAt, nil, "the last attempt")
            try await contract.settle(try await contract.claim(fence, after: 3), .returned, fence)
            let stored = try await contract.store.operation(.text("a-0"))
            try contract.expect(stored?.lastAttemptAt, start.adding(milliseconds: 3), "the last attempt of one that was sent")
            try contract.expect(stored?.attemptCount, 0, "attempts")
        },
        Check(name: "one that is put off was not sent, and waits at the head of its line until then") { contract in
            try await contract.enqueue(["a", "a", "b"])
            let fence = try await contract.acquire()
            let putOff = Settlement.Result.putOff(until: start.adding(milliseconds: 400), waitMs: 400)
            try contract.expect(try await contract.settle(try await contract.claim(fence, 1), putOff, fence), [true], "settled")
            let stored = try await contract.store.operation(.text("a-0"))
            try contract.expect(stored?.status, .pending, "the status")
            try contract.expect(stored?.lastAttemptAt, nil, "the last attempt")
            try contract.expect([stored?.tries, stored?.attemptCount], [0, 0], "tries, attempts")
            try contract.expect(stored?.nextRetryAt, start.adding(milliseconds: 400), "when it goes")
            try contract.expect(stored?.backoffMs, 400, "the wait, which bounds it when the clock is set back")
            try contract.expect(stored?.lastError, nil, "the error")
            try contract.expect(contract.names(try await contract.claim(fence, after: 399)), ["b-2"], "only the other line")
            try contract.expect(contract.names(try await contract.claim(fence, after: 400)), ["a-0"], "when its time has come")
        },
        Check(name: "one that is put off keeps what is known of earlier attempts") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .returned, fence)
            let putOff = Settlement.Result.putOff(until: start.adding(milliseconds: 10), waitMs: 9)
            try await contract.settle(try await contract.claim(fence, after: 1), putOff, fence, after: 1)
            let stored = try await contract.store.operation(.text("a-0"))
            try contract.expect(stored?.lastAttemptAt, start, "the attempt that was made")
            try contract.expect(stored?.unknownAt, start, "since when its outcome is unknown")
        },
        Check(name: "a crash suspect that is put off stays one") { contract in
            guard let processDied = contract.processDied else { return }
            try await contract.enqueue(["a"])
            _ = try await contract.claim(try await contract.acquire("p"))
            processDied("p")
            let fence = try await contract.acquire("q")
            let putOff = Settlement.Result.putOff(until: start.adding(milliseconds: 10), waitMs: 10)
            try await contract.settle(try await contract.claim(fence), putOff, fence)
            try contract.expect(try await contract.store.operation(.text("a-0"))?.crashes, 1, "crashes")
            try contract.expect(try await contract.claim(fence, after: 10).first?.operation.crashes, 1, "crashes when its time has come")
        },
    ]
}
