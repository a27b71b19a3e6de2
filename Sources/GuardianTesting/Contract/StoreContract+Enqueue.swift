import GuardianCore

extension StoreContract {
    static let enqueueChecks: [Check] = [
        Check(name: "receipts come in order with rising numbers") { contract in
            let first = try await contract.enqueue(["a", "b", "a"])
            let second = try await contract.enqueue(["c"], from: 3)
            let numbers = (first + second).map(\.seq)
            try contract.expect(numbers, numbers.sorted(), "the order of numbers")
            try contract.expect(Set(numbers).count, 4, "different numbers")
            try contract.expect((first + second).allSatisfy { $0.outcome == .accepted }, true, "all accepted")
            try contract.expect(try await contract.store.books().accepted, 4, "accepted")
        },
        Check(name: "an operation comes back as it went in") { contract in
            let given = operations(["ä/€ \u{1F600}"]) {
                $0.customOrderingKey = "line"
                $0.base = #"{"n":0}"#
                $0.txnToken = "t"
                $0.priority = -3
                $0.notBefore = start
                $0.expiresAt = start.adding(milliseconds: 5)
                $0.principal = "hash"
                $0.schemaVersion = 4
            }[0]
            let receipt = try await contract.store.enqueue([given])[0]
            var wanted = given
            wanted.seq = receipt.seq
            try contract.expect(try await contract.store.operation(given.id), wanted, "the stored operation")
        },
        Check(name: "an id that waits adds nothing and gets its first receipt") { contract in
            let first = try await contract.enqueue(["a", "b"])
            let again = try await contract.enqueue(["a", "b"])
            try contract.expect(again.map(\.seq), first.map(\.seq), "numbers")
            try contract.expect(again.map(\.outcome), [.duplicate, .duplicate], "outcomes")
            try contract.expect(try await contract.store.books().pending, 2, "pending")
        },
        Check(name: "the same id twice in one batch is stored once") { contract in
            let operation = operations(["a"])[0]
            let receipts = try await contract.store.enqueue([operation, operation])
            try contract.expect(receipts.map(\.outcome), [.accepted, .duplicate], "outcomes")
            try contract.expect(receipts[0].seq, receipts[1].seq, "numbers")
        },
        Check(name: "an id that was processed, expired or cancelled adds nothing") { contract in
            let first = try await contract.enqueue(["p", "c"]) + contract.enqueue(["e"], from: 2) { $0.expiresAt = start }
            _ = try await contract.store.cancel(.text("c-1"), now: start)
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            let again = try await contract.enqueue(["p", "c", "e"])
            try contract.expect(again.map(\.outcome), [.duplicate, .duplicate, .duplicate], "outcomes")
            try contract.expect(again.map(\.seq), first.map(\.seq), "numbers")
            try contract.expect(try await contract.claim(fence).isEmpty, true, "nothing to claim")
        },
        Check(name: "an id is forgotten after the ledger's window") { contract in
            try await contract.enqueue(["a"])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            try contract.expect(try await contract.store.sweepLedger(before: start, limit: 10), 0, "young entries swept")
            try contract.expect(
                try await contract.store.sweepLedger(before: start.adding(milliseconds: 1), limit: 10), 1, "old entries swept")
            try contract.expect(try await contract.enqueue(["a"])[0].outcome, .accepted, "the outcome")
        },
        Check(name: "ids that were settled while the clock was ahead keep no others in the ledger, and are known as long as they say") {
            contract in
            try await contract.enqueue((0..<12).map { "ahead\($0)" } + (0..<30).map { "e\($0)" })
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            let ahead = claims.filter { $0.operation.entity.id.hasPrefix("ahead") }
            try await contract.settle(ahead, .processed, fence, after: 3650 * 86_400_000)
            try await contract.settle(claims.filter { !$0.operation.entity.id.hasPrefix("ahead") }, .processed, fence)
            var swept = 0
            for _ in 0..<10 { swept += try await contract.store.sweepLedger(before: start.adding(milliseconds: 1), limit: 10) }
            try contract.expect(swept, 30, "swept")
            try contract.expect(try await contract.enqueue(["ahead0"])[0].outcome, .duplicate, "one that was ahead, handed in again")
            try contract.expect(try await contract.store.ending(of: .text("e0-12")), nil, "an old one's ending")
        },
        Check(name: "many writers at once each get numbers of their own") { contract in
            let numbers = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        var numbers: [Int64] = []
                        for turn in 0..<10 {
                            numbers += try await contract.enqueue(["w\(writer)", "x"], from: writer * 100 + turn * 2).map(\.seq)
                        }
                        return numbers
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            try contract.expect(Set(numbers).count, 160, "different numbers")
            try contract.expect(try await contract.store.books().pending, 160, "pending")
        },
    ]
}
