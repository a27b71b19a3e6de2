import GuardianCore

extension StoreContract {
    static let claimChecks: [Check] = [
        Check(name: "a line is claimed head by head, in order; lines at the same time") { contract in
            try await contract.enqueue(["a", "a", "b", "a"])
            let fence = try await contract.acquire()
            let first = try await contract.claim(fence)
            try contract.expect(contract.names(first), ["a-0", "b-2"], "heads")
            try contract.expect(try await contract.claim(fence).isEmpty, true, "nothing while both are claimed")
            try await contract.settle([first[0]], .processed, fence)
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-1"], "the next of the line")
        },
        Check(name: "a claim carries the fence and the time of its attempt") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            let claim = try await contract.claim(fence, after: 5)[0]
            try contract.expect(claim.fence, fence, "the fence")
            try contract.expect(claim.operation.status, .processing, "the status")
            try contract.expect(claim.operation.lastAttemptAt, start.adding(milliseconds: 5), "the last attempt")
            try contract.expect(try await contract.store.operation(claim.operation.id), claim.operation, "what is stored")
        },
        Check(name: "settled and claimed in one exchange, the freed head is claimed too") { contract in
            try await contract.enqueue(["a", "a"])
            let fence = try await contract.acquire()
            let claim = try await contract.claim(fence)[0]
            let result = try await contract.store.exchange(
                Exchange(
                    fence: fence, now: start, settlements: [Settlement(seq: claim.seq, id: claim.operation.id, result: .processed)],
                    urgent: 1, normal: 1))
            try contract.expect(contract.names(result.claims), ["a-1"], "the next head")
        },
        Check(name: "urgent and normal claims are counted apart, the highest priority first") { contract in
            try await contract.enqueue(["n", "m"])
            try await contract.enqueue(["u"], from: 2) { $0.priority = 1 }
            try await contract.enqueue(["v"], from: 3) { $0.priority = 9 }
            let fence = try await contract.acquire()
            let result = try await contract.store.exchange(Exchange(fence: fence, now: start, urgent: 2, normal: 1))
            try contract.expect(contract.names(result.claims), ["v-3", "u-2", "n-0"], "claims")
        },
        Check(name: "priority never reorders within a line") { contract in
            try await contract.enqueue(["a"])
            try await contract.enqueue(["a"], from: 1) { $0.priority = 50 }
            let fence = try await contract.acquire()
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-0"], "the head")
        },
        Check(name: "an operation is not claimed before its time, and the exchange says when that is") { contract in
            try await contract.enqueue(["a"]) { $0.notBefore = start.adding(milliseconds: 500) }
            try await contract.enqueue(["b"], from: 1) { $0.notBefore = start.adding(milliseconds: 300) }
            try await contract.enqueue(["old"], from: 2) { $0.notBefore = Timestamp(milliseconds: -5) }
            let fence = try await contract.acquire()
            let early = try await contract.exchange(fence)
            try contract.expect(contract.names(early.claims), ["old-2"], "only what is due")
            try contract.expect(early.nextDue, start.adding(milliseconds: 300), "when the next is due")
            let late = try await contract.exchange(fence, after: 500)
            try contract.expect(contract.names(late.claims), ["b-1", "a-0"], "the one that waited longer first")
            try contract.expect(late.nextDue, nil, "nothing else is due")
        },
        Check(name: "one that waits for its time blocks its own line only") { contract in
            try await contract.enqueue(["a"]) { $0.notBefore = start.adding(milliseconds: 500) }
            try await contract.enqueue(["a", "b"], from: 1)
            let fence = try await contract.acquire()
            try contract.expect(contract.names(try await contract.claim(fence)), ["b-2"], "the other line")
        },
        Check(name: "an expired head leaves, is counted, and the next of its line is claimed") { contract in
            try await contract.enqueue(["a"]) { $0.expiresAt = start }
            try await contract.enqueue(["a"], from: 1)
            let fence = try await contract.acquire()
            let result = try await contract.exchange(fence)
            try contract.expect(result.expired.map(\.description), ["a-0"], "expired")
            try contract.expect(contract.names(result.claims), ["a-1"], "claimed")
            try contract.expect(try await contract.store.books().expired, 1, "counted")
        },
        Check(name: "when very many have expired they leave some hundreds an exchange, each of which says at once that there are more") {
            contract in
            let count = 2 * ExchangeResult.mostDepartures + 100
            try await contract.enqueue((0..<count).map { "a\($0 % 300)" }) { $0.expiresAt = start }
            try await contract.enqueue(["b"], from: count)
            let fence = try await contract.acquire()
            var expired = 0
            var exchanges = 0
            var claims: [Claim] = []
            while claims.isEmpty, exchanges < count {
                let result = try await contract.exchange(fence)
                exchanges += 1
                expired += result.expired.count
                claims = result.claims
                // What it looks at last may have gone before it is full.
                try contract.expect(result.expired.count < ExchangeResult.mostDepartures + 100, true, "few enough in exchange \(exchanges)")
                try contract.expect(result.nextDue, claims.isEmpty ? start : nil, "when to ask again after exchange \(exchanges)")
                try contract.expect(try await contract.store.check().problems, [], "problems found after exchange \(exchanges)")
            }
            try contract.expect(contract.names(claims), ["b-\(count)"], "the one that has not expired")
            try contract.expect([expired, exchanges], [count, 3], "how many expired, in how many exchanges")
            try contract.expect(try await contract.store.books().expired, Int64(count), "counted")
        },
        Check(name: "one that expires after an attempt of unknown outcome stands in failed: nobody says that it had no effect") {
            contract in
            try await contract.register("t")
            try await contract.enqueue(["a"]) {
                $0.expiresAt = start.adding(milliseconds: 5)
                $0.txnToken = "t"
            }
            try await contract.enqueue(["b"], from: 1) { $0.expiresAt = start.adding(milliseconds: 5) }
            try await contract.enqueue(["a"], from: 2)
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try await contract.settle(claims.filter { $0.operation.entity.id == "b" }, contract.retryLater(1), fence)
            let unknown = Settlement.Result.retry(
                due: start.adding(milliseconds: 1), backoffMs: 1, error: failure, charged: false, failureMark: 0, unknownAt: start)
            try await contract.settle(claims.filter { $0.operation.entity.id == "a" }, unknown, fence)
            let result = try await contract.exchange(fence, after: 9)
            try contract.expect(result.expired.map(\.description), ["b-1"], "expired without an effect")
            try contract.expect(result.setAside.map(\.id.description), ["a-0"], "left to a person")
            try contract.expect(contract.names(result.claims), ["a-2"], "the next of its line")
            let stored = try await contract.store.operation(.text("a-0"))
            try contract.expect(stored?.status, .failed, "status")
            try contract.expect(stored?.lastError, .expiredInDoubt, "the reason")
            try contract.expect(result.ended.map(\.reason), [.expiredInDoubt], "what its change is told")
            let books = try await contract.store.books()
            try contract.expect([books.expired, books.failed], [1, 1], "expired, failed")
            try contract.expect(try await contract.store.cancel(.text("a-0"), now: start), .mayHaveApplied, "cancelled")
        },
        Check(name: "a pause is durable, stops claims, and lets results through") { contract in
            try await contract.enqueue(["a", "b"])
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence, 1)
            try await contract.store.setPause(.operator, to: true)
            let paused = try await contract.store.exchange(
                Exchange(
                    fence: fence, now: start,
                    settlements: [Settlement(seq: claims[0].seq, id: claims[0].operation.id, result: .processed)],
                    pauses: [.auth: true], urgent: 9, normal: 9))
            try contract.expect(paused.settled, [true], "the settlement")
            try contract.expect(paused.claims.count, 0, "claims while paused")
            try contract.expect(paused.pauses, [.operator, .auth], "pauses")
            try contract.expect(try await contract.store.loadControl().pauses, [.operator, .auth], "stored pauses")
            try await contract.store.setPause(.operator, to: false)
            try await contract.store.setPause(.auth, to: false)
            try contract.expect(contract.names(try await contract.claim(fence)), ["b-1"], "after the pause")
        },
        Check(name: "a pause for an upgrade keeps which version was refused, and goes with it") { contract in
            let fence = try await contract.acquire()
            for version in ["1.0", nil, "1.1"] as [String?] {
                var exchange = Exchange(fence: fence, now: start, pauses: [.upgrade: true])
                exchange.appVersion = version
                _ = try await contract.store.exchange(exchange)
                try contract.expect(try await contract.store.loadControl().refusedVersion, version, "the version")
            }
            var other = Exchange(fence: fence, now: start, pauses: [.auth: true])
            other.appVersion = "2.0"
            _ = try await contract.store.exchange(other)
            try contract.expect(try await contract.store.loadControl().refusedVersion, "1.1", "the version after another pause")
            try await contract.store.setPause(.upgrade, to: false)
            let control = try await contract.store.loadControl()
            try contract.expect(control.refusedVersion, nil, "the version after the pause")
            try contract.expect(control.pauses, [.auth], "pauses")
        },
        Check(name: "what is known of the upstream outlives the processor") { contract in
            let fence = try await contract.acquire()
            let health = OriginHealth(openUntil: start, holdUntil: start.adding(milliseconds: 9), trips: 3)
            _ = try await contract.store.exchange(Exchange(fence: fence, now: start, health: health))
            try contract.expect(try await contract.store.loadControl().health, health, "the health")
        },
    ]
}
