import GuardianCore

extension StoreContract {
    static let explainChecks: [Check] = [
        Check(name: "operations of who is not signed in are parked, block their own line only, and come back") { contract in
            try await contract.enqueue(["a", "b"]) { $0.principal = $0.entity.id == "a" ? "anna" : nil }
            let fence = try await contract.acquire()
            try contract.expect(contract.names(try await contract.claim(fence)), ["b-1"], "claims while nobody is signed in")
            try contract.expect(try await contract.store.standing(of: .text("a-0"))?.isParked, true, "parked")
            try contract.expect(try await contract.signIn("anna", fence), ["a-0"], "claims of her own")
            try contract.expect(try await contract.store.loadControl().signedIn, .principal("anna"), "who is signed in")
        },
        Check(name: "a switch of user parks what is waiting, also what comes back from the wire and what is enqueued later") { contract in
            try await contract.enqueue(["a", "b"]) { $0.principal = "anna" }
            let fence = try await contract.acquire()
            try contract.expect(try await contract.signIn("anna", fence, claiming: 1), ["a-0"], "hers")
            try contract.expect(try await contract.signIn("bob", fence), [], "nothing of hers")
            let claims = [Claim(operation: Self.operations(["a"]) { $0.seq = 1 }[0], fence: fence)]
            try await contract.settle(claims, contract.retryLater(5), fence)
            try await contract.enqueue(["c"], from: 2) { $0.principal = "anna" }
            try contract.expect(contract.names(try await contract.claim(fence, after: 10)), [], "claims of bob's")
            try contract.expect(try await contract.signIn("anna", fence, after: 10), ["a-0", "b-1", "c-2"], "all of hers")
            try contract.expect(try await contract.store.unsent(for: "anna", afterSeq: 1, limit: 9).count, 2, "unsent after the first")
        },
        Check(name: "what a crash makes suspect is claimed alone, and set aside after three crashes in a row") { contract in
            guard let processDied = contract.processDied else { return }
            try await contract.enqueue(["a", "b"])
            for number in 0..<Operation.mostCrashes {
                let fence = try await contract.acquire("p\(number)")
                try contract.expect(try await contract.claim(fence).first?.operation.crashes, number, "crashes")
                let more = try await contract.store.exchange(Exchange(fence: fence, now: start, held: 1, urgent: 9, normal: 9))
                if number > 0 { try contract.expect(more.claims.isEmpty, true, "claims beside a suspect") }
                processDied("p\(number)")
            }
            let fence = try await contract.acquire("last")
            let result = try await contract.exchange(fence)
            try contract.expect(result.setAside.map(\.id.description), ["a-0"], "set aside")
            try contract.expect(contract.names(result.claims), ["b-1"], "the other")
            try contract.expect(try await contract.store.operation(.text("a-0"))?.lastError, .crashSuspect, "the reason")
        },
        Check(name: "an outcome that is written ends a row of crashes") { contract in
            guard let processDied = contract.processDied else { return }
            try await contract.enqueue(["a"])
            _ = try await contract.claim(try await contract.acquire("p"))
            processDied("p")
            let fence = try await contract.acquire("q")
            try await contract.settle(try await contract.claim(fence), contract.retryLater(1), fence)
            try contract.expect(try await contract.store.operation(.text("a-0"))?.crashes, 0, "crashes")
        },
        Check(name: "a cast payload keeps the place and the key of one never sent; one that was sent gets the new key") { contract in
            try await contract.enqueue(["a", "b"])
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            let key = UniqueID(high: 1, low: 2)
            let cast = Settlement.Result.recast(payload: #"{"v":2}"#, base: nil, schemaVersion: 2, newKey: key)
            try await contract.settle([claims[0]], cast, fence)
            try await contract.settle([claims[1]], contract.retryLater(1), fence)
            try await contract.settle([try await contract.claim(fence, 1, after: 5)[0]], cast, fence)
            let (a, b) = (try await contract.store.operation(.text("a-0")), try await contract.store.operation(.text("b-1")))
            try contract.expect(a?.payload, #"{"v":2}"#, "the payload")
            try contract.expect(a?.schemaVersion, 2, "the version")
            try contract.expect(a?.lastAttemptAt, nil, "the last attempt of one never sent")
            try contract.expect([a?.idempotencyKey, b?.idempotencyKey].contains(key), true, "a new key for the one that was sent")
            try contract.expect(a?.idempotencyKey, claims[0].operation.idempotencyKey, "the key of the one never sent")
        },
        Check(name: "a cast takes the base along, and lets go of one that can't be cast") { contract in
            try await contract.enqueue(["a", "b"]) { $0.base = #"{"v":1}"# }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            func cast(_ base: String?) -> Settlement.Result {
                .recast(payload: #"{"v":2}"#, base: base, schemaVersion: 2, newKey: UniqueID(high: 1, low: 2))
            }
            try await contract.settle([claims[0]], cast(#"{"v":2,"w":1}"#), fence)
            try await contract.settle([claims[1]], cast(nil), fence)
            let (a, b) = (try await contract.store.operation(.text("a-0")), try await contract.store.operation(.text("b-1")))
            try contract.expect(a?.base, #"{"v":2,"w":1}"#, "a base that was cast")
            try contract.expect(b?.base, nil, "a base that was not")
        },
        Check(name: "the census counts each pending operation where it stands, and a standing says behind whom") { contract in
            try await contract.enqueue(["a", "a", "a", "b", "c"])
            try await contract.enqueue(["d"], from: 5) { $0.notBefore = start.adding(milliseconds: 900) }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence, 3)
            try await contract.settle([claims[1]], contract.retryLater(500), fence)
            try await contract.settle([claims[2]], .failed(failure), fence)
            let census = try await contract.store.census(at: start)
            try contract.expect(
                [census.behind, census.leased, census.backoff, census.notBefore, census.failed, census.due], [2, 1, 1, 1, 1, 0],
                "the census")
            try contract.expect(try await contract.store.census(at: start.adding(milliseconds: 900)).due, 2, "due later")
            try contract.expect(try await contract.store.standing(of: .text("a-2"))?.behind, .text("a-0"), "behind whom")
            try contract.expect(try await contract.store.standing(of: .text("none")), nil, "an unknown one")
        },
        Check(name: "the ledger says how an operation ended") { contract in
            try await contract.enqueue(["p", "c"])
            try await contract.enqueue(["e"], from: 2) { $0.expiresAt = start }
            _ = try await contract.store.cancel(.text("c-1"), now: start)
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            try contract.expect(try await contract.store.ending(of: .text("p-0")), .processed(answer: nil), "processed")
            try contract.expect(try await contract.store.ending(of: .text("c-1")), .cancelled, "cancelled")
            try contract.expect(try await contract.store.ending(of: .text("e-2")), .expired, "expired")
            try contract.expect(try await contract.store.ending(of: .text("none")), nil, "unknown")
        },
        Check(name: "the operations of an entity are found in every line, failed ones too, in order") { contract in
            try await contract.enqueue(["a", "b", "a"])
            try await contract.enqueue(["a"], from: 3) { $0.customOrderingKey = "another line" }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try await contract.settle([claims[0]], .failed(failure), fence)
            let found = try await contract.store.operations(of: EntityKey(type: "room", id: "a"), limit: 10)
            try contract.expect(found.map(\.id.description), ["a-0", "a-2", "a-3"], "those of the entity")
            try contract.expect(try await contract.store.accountingGap(), 0, "the gap")
        },
    ]

    /// Signs in and claims what may be claimed then; the names of the claims.
    private func signIn(_ principal: String, _ fence: Fence, claiming count: Int = 100, after milliseconds: Int64 = 0) async throws
        -> [String]
    {
        let now = Self.start.adding(milliseconds: milliseconds)
        return names(
            try await store.exchange(Exchange(fence: fence, now: now, signedIn: .principal(principal), urgent: 0, normal: count)).claims)
    }
}
