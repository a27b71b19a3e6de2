import GuardianCore

extension StoreContract {
    static let lockChecks: [Check] = [
        Check(name: "the lock has one holder until it is released or stale, and each change raises the epoch") { contract in
            let first = try await contract.acquire("a")
            let other = try await contract.store.acquireLock(owner: "b", now: start.adding(milliseconds: 999), staleAfterMs: 1000)
            guard case .heldBy(let holder) = other else { throw Violation(description: "two holders: \(other)") }
            try contract.expect(holder.fence, first, "the holder")
            let second = try await contract.acquire("b", after: 1000)
            try contract.expect(second.epoch > first.epoch, true, "a higher epoch")
            try await contract.store.releaseLock(second)
            try contract.expect(try await contract.store.lockState(), nil, "the state after the release")
            try contract.expect(try await contract.acquire("c", after: 1001).epoch > second.epoch, true, "a higher epoch")
        },
        Check(name: "a heartbeat keeps the lock") { contract in
            let fence = try await contract.acquire("a")
            try await contract.store.renewLock(fence, now: start.adding(milliseconds: 900))
            let answer = try await contract.store.acquireLock(owner: "b", now: start.adding(milliseconds: 1800), staleAfterMs: 1000)
            guard case .heldBy = answer else { throw Violation(description: "taken over in spite of a heartbeat") }
        },
        Check(name: "a heartbeat from the far future is stale: the clock was set back") { contract in
            _ = try await contract.acquire("a", after: 3_600_000)
            _ = try await contract.acquire("b")
        },
        Check(name: "the lock of a dead process is free at once, and its claims go back") { contract in
            guard let processDied = contract.processDied else { return }
            try await contract.enqueue(["a"])
            let first = try await contract.acquire("a")
            _ = try await contract.claim(first)
            processDied("a")
            let answer = try await contract.store.acquireLock(owner: "b", now: start, staleAfterMs: 1000)
            guard case .acquired(let fence, let before, let returned) = answer else { throw Violation(description: "still held") }
            try contract.expect(before?.fence, first, "the holder before")
            try contract.expect(returned, 1, "claims given back")
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-0"], "claimed again")
        },
        Check(name: "who takes its own lock again takes it over from nobody; who takes another's is told whose it was") { contract in
            try await contract.enqueue(["a"])
            let first = try await contract.acquire("a")
            _ = try await contract.claim(first)
            // As when the answer was lost.
            let again = try await contract.store.acquireLock(owner: "a", now: start, staleAfterMs: 1000)
            guard case .acquired(let second, let nobody, let returned) = again else { throw Violation(description: "held by itself") }
            try contract.expect(nobody, nil, "the other holder before")
            try contract.expect(second.epoch > first.epoch, true, "a higher epoch")
            try contract.expect(returned, 1, "claims given back")
            let other = try await contract.store.acquireLock(owner: "b", now: start.adding(milliseconds: 1000), staleAfterMs: 1000)
            guard case .acquired(_, let before, _) = other else { throw Violation(description: "still held") }
            try contract.expect(before?.fence, second, "the holder before")
        },
        Check(name: "who leaves without a release holds nobody up, and has not crashed; without the lock it changes nothing") { contract in
            try await contract.enqueue(["a"])
            let first = try await contract.acquire("a")
            _ = try await contract.claim(first)
            try await contract.store.leave(owner: "b")
            try await contract.store.renewLock(first, now: start)
            try await contract.store.leave(owner: "a")
            let fence = try await contract.acquire("b")
            try contract.expect(fence.epoch > first.epoch, true, "a higher epoch")
            try await contract.expectStale("a heartbeat") { () async throws(StoreError) in
                try await contract.store.renewLock(first, now: start)
            }
            let claims = try await contract.claim(fence)
            try contract.expect(contract.names(claims), ["a-0"], "claimed again")
            try contract.expect(claims.map(\.operation.crashes), [0], "crashes")
        },
        Check(name: "a stale fence is refused for every write, and changes nothing") { contract in
            try await contract.enqueue(["a", "b"])
            let old = try await contract.acquire("a")
            let claims = try await contract.claim(old, 1)
            let fence = try await contract.acquire("b", after: 2000)
            try await contract.expectStale("settling") { () async throws(StoreError) in
                let settlement = Settlement(seq: claims[0].seq, id: claims[0].operation.id, result: .processed)
                _ = try await contract.store.exchange(Exchange(fence: old, now: start, settlements: [settlement], pauses: [.auth: true]))
            }
            try await contract.expectStale("claiming") { () async throws(StoreError) in
                _ = try await contract.store.exchange(Exchange(fence: old, now: start, urgent: 1, normal: 1))
            }
            try await contract.expectStale("a heartbeat") { () async throws(StoreError) in
                try await contract.store.renewLock(old, now: start)
            }
            try await contract.expectStale("releasing") { () async throws(StoreError) in try await contract.store.releaseLock(old) }
            try contract.expect(try await contract.store.books().pending, 2, "pending")
            try contract.expect(try await contract.store.loadControl().pauses, [], "pauses")
            try contract.expect(contract.names(try await contract.claim(fence, after: 2000)), ["a-0", "b-1"], "claims of the new holder")
        },
        Check(name: "a claim of an older epoch can't be settled, also by the same owner") { contract in
            try await contract.enqueue(["a"])
            let old = try await contract.acquire("a")
            let claims = try await contract.claim(old)
            let fence = try await contract.acquire("a", after: 2000)
            try contract.expect(try await contract.settle(claims, .processed, fence), [false], "settled")
        },
        Check(name: "a forced release fences the holder off and gives its claims back") { contract in
            try await contract.enqueue(["a"])
            let old = try await contract.acquire("a")
            _ = try await contract.claim(old)
            try contract.expect(try await contract.store.processors().map(\.fence), [old], "who has it")
            try contract.expect(try await contract.store.forceReleaseLock().map(\.fence), [old], "the holders before")
            try contract.expect(try await contract.store.operation(.text("a-0"))?.status, .pending, "the claim")
            try await contract.expectStale("a heartbeat") { () async throws(StoreError) in
                try await contract.store.renewLock(old, now: start)
            }
            try contract.expect(try await contract.acquire("b").epoch > old.epoch, true, "a higher epoch")
            try contract.expect(try await contract.store.forceReleaseLock().count, 1, "a release of the new holder")
            try contract.expect(try await contract.store.forceReleaseLock(), [], "a release of nobody")
        },
        Check(name: "a forced release that was decided on an older holder leaves the new one alone") { contract in
            try await contract.enqueue(["a"])
            let old = try await contract.acquire("a")
            let fence = try await contract.acquire("b", after: 2000)
            _ = try await contract.claim(fence, after: 2000)
            try await contract.expectStale("a release of the older holder") { () async throws(StoreError) in
                _ = try await contract.store.forceReleaseLock(through: old.epoch)
            }
            try contract.expect(try await contract.store.processors().map(\.fence), [fence], "who has it")
            try contract.expect(try await contract.store.operation(.text("a-0"))?.status, .processing, "its claim")
            try await contract.store.renewLock(fence, now: start.adding(milliseconds: 2000))
            let taken = try await contract.store.forceReleaseLock(through: fence.epoch)
            try contract.expect(taken.map(\.fence), [fence], "the holders before")
        },
    ]
}
