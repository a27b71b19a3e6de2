import GuardianCore

extension StoreContract {
    static let coalesceChecks: [Check] = [
        Check(name: "an update is folded into the one that waits, which keeps its place, its id and its key") { contract in
            let first = try await contract.fold("a", "update", #"{"x":1.50,"y":{"z":1}}"#, 0)
            try await contract.enqueue(["b"], from: 1)
            let receipt = try await contract.fold("a", "update", #"{"w":2,"y":{"u":2}}"#, 2)
            try contract.expect(receipt, Receipt(id: .text("a-2"), seq: first.seq, outcome: .coalesced, into: .text("a-0")), "the receipt")
            var wanted = write("a", "update", #"{"x":1.50,"y":{"u":2},"w":2}"#, 0)
            wanted.folds = false
            wanted.seq = first.seq
            wanted.updatedAt = start.adding(milliseconds: 2)
            try contract.expect(try await contract.store.operation(.text("a-0")), wanted, "the one that waits")
            try contract.expect(try await contract.store.operation(.text("a-2")), nil, "the folded one")
            try contract.expect(try await contract.store.ending(of: .text("a-2")), .merged(into: .text("a-0")), "its ending")
            let books = try await contract.store.books()
            try contract.expect([books.accepted, books.coalesced, books.pending], [3, 1, 2], "accepted, coalesced, pending")
            let fence = try await contract.acquire()
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-0", "b-1"], "the order of claims")
        },
        Check(name: "an id that was folded away is known as long as the one it went into waits, also after the ledger's window") {
            contract in
            _ = try await contract.fold("a", "update", #"{"x":1}"#, 0)
            _ = try await contract.fold("a", "update", #"{"x":2}"#, 1)
            let days = start.adding(milliseconds: 3 * 86_400_000)
            try contract.expect(try await contract.store.sweepLedger(before: days, limit: 10), 0, "swept while it waits")
            try contract.expect(try await contract.fold("a", "update", #"{"x":2}"#, 1).outcome, .duplicate, "handed in again")
            try contract.expect(try await contract.store.ending(of: .text("a-1")), .merged(into: .text("a-0")), "its ending")
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .processed, fence)
            let later = days.adding(milliseconds: 86_400_000)
            try contract.expect(try await contract.store.sweepLedger(before: later, limit: 10), 2, "swept when it has gone")
        },
        Check(name: "of ids that were folded away, more than a sweep looks at are known too as long as that waits") { contract in
            for number in 0...12 { _ = try await contract.fold("a", "update", #"{"x":\#(number)}"#, number) }
            let days = start.adding(milliseconds: 3 * 86_400_000)
            for _ in 0..<3 { try contract.expect(try await contract.store.sweepLedger(before: days, limit: 5), 0, "swept") }
            for number in 1...12 {
                let again = try await contract.fold("a", "update", #"{"x":\#(number)}"#, number)
                try contract.expect(again.outcome, .duplicate, "\(number), handed in again")
            }
        },
        Check(name: "two that would make a payload longer than the limit stay two") { contract in
            let cases: [(Int, Int, Receipt.Outcome)] = [(0, 12, .accepted), (1, 13, .coalesced)]
            for (number, limit, outcome) in cases {
                _ = try await contract.fold("e\(number)", "update", #"{"a":1}"#, 0)
                let new = write("e\(number)", "update", #"{"b":2}"#, 1) { $0.foldedBytes = limit }
                try contract.expect(try await contract.store.enqueue([new])[0].outcome, outcome, "with \(limit) bytes")
            }
        },
        Check(name: "each pair of types is folded as it should be, or not at all") { contract in
            let pairs: [(String, String, Receipt.Outcome, String?)] = [
                ("create", "update", .coalesced, "create"), ("update", "update", .coalesced, "update"),
                ("update", "delete", .coalesced, "delete"), ("create", "delete", .cancelledOut, nil),
                ("create", "create", .accepted, "create"),
                ("update", "create", .accepted, "update"), ("delete", "create", .accepted, "delete"),
                ("delete", "update", .accepted, "delete"),
                ("delete", "delete", .accepted, "delete"), ("mark", "mark", .accepted, "mark"), ("update", "mark", .accepted, "update"),
            ]
            for (number, (first, second, outcome, left)) in pairs.enumerated() {
                _ = try await contract.fold("e\(number)", first, #"{"n":1}"#, 0)
                let receipt = try await contract.fold("e\(number)", second, second == "delete" ? nil : #"{"n":2}"#, 1)
                try contract.expect(receipt.outcome, outcome, "\(first) + \(second)")
                let waiting = try await contract.store.operation(.text("e\(number)-0"))
                try contract.expect(waiting?.type, left, "what \(first) + \(second) leaves")
                if outcome == .coalesced { try contract.expect(waiting?.payload, second == "delete" ? nil : #"{"n":2}"#, "the payload") }
            }
        },
        Check(name: "a delete and the create that waits both vanish, and the line goes on") { contract in
            try await contract.enqueue(["x"]) { $0.customOrderingKey = "line" }
            func step(_ type: String, _ number: Int) async throws -> Receipt {
                let made = write("a", type, type == "delete" ? nil : "{}", number) { $0.customOrderingKey = "line" }
                return try await contract.store.enqueue([made])[0]
            }
            let made = try await step("create", 1)
            let receipt = try await step("delete", 2)
            try contract.expect(
                receipt, Receipt(id: .text("a-2"), seq: made.seq, outcome: .cancelledOut, into: .text("a-1")), "the receipt")
            for id in ["a-1", "a-2"] {
                try contract.expect(try await contract.store.operation(.text(id)), nil, id)
                try contract.expect(try await contract.store.ending(of: .text(id)), .cancelled, "the ending of \(id)")
            }
            let books = try await contract.store.books()
            try contract.expect([books.accepted, books.coalesced, books.pending], [3, 2, 1], "accepted, coalesced, pending")
            _ = try await step("create", 3)
            let fence = try await contract.acquire()
            let head = try await contract.claim(fence)
            try contract.expect(contract.names(head), ["x-0"], "the head")
            try await contract.settle(head, .processed, fence)
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-3"], "the one behind")
        },
        Check(name: "a create that leads its line vanishes, and the next one leads") { contract in
            _ = try await contract.fold("a", "create", "{}", 0)
            _ = try await contract.fold("a", "delete", nil, 1)
            _ = try await contract.fold("a", "create", "{}", 2)
            let fence = try await contract.acquire()
            try contract.expect(contract.names(try await contract.claim(fence)), ["a-2"], "the head")
        },
        Check(name: "a create that others point to does not vanish") { contract in
            let room = EntityKey(type: "room", id: "a")
            let made = write("a", "create", "{}", 0) { $0.references = [Reference(to: room)] }
            let device = write("d", "create", #"{"room":"a"}"#, 1) {
                $0.entity = EntityKey(type: "device", id: "d")
                $0.references = [Reference(to: room, field: "room")]
            }
            let gone = write("a", "delete", nil, 2) { $0.references = [Reference(to: room)] }
            try contract.expect(
                try await contract.store.enqueue([made, device, gone]).map(\.outcome), [.accepted, .accepted, .accepted], "outcomes")
        },
        Check(name: "one that may have reached the upstream is never folded away") { contract in
            let fence = try await contract.acquire()
            let results: [Settlement.Result?] = [nil, contract.retryLater(60_000, charged: false), contract.retryLater(60_000), .returned]
            for (number, result) in results.enumerated() {
                for (first, second) in [("update", "update"), ("create", "delete")] {
                    let entity = "\(first)\(number)"
                    _ = try await contract.fold(entity, first, "{}", 0)
                    let claims = try await contract.claim(fence).filter { $0.operation.entity.id == entity }
                    if let result { try await contract.settle(claims, result, fence) }
                    let receipt = try await contract.fold(entity, second, "{}", 1)
                    try contract.expect(receipt.outcome, .accepted, "\(second) behind \(first), \(result.map { "\($0)" } ?? "claimed")")
                }
            }
            _ = try await contract.fold("failed", "update", "{}", 0)
            try await contract.settle(
                try await contract.claim(fence).filter { $0.operation.entity.id == "failed" }, .failed(failure), fence)
            _ = try await contract.store.retry(nil, now: start)
            try contract.expect(try await contract.fold("failed", "update", "{}", 1).outcome, .accepted, "behind one retried by hand")
            _ = try await contract.fold("lost", "update", "{}", 0)
            _ = try await contract.claim(fence)
            try await contract.store.releaseLock(fence)
            try contract.expect(try await contract.fold("lost", "update", "{}", 1).outcome, .accepted, "behind one whose holder has gone")
        },
        Check(name: "one that was claimed and not sent may be folded into") { contract in
            _ = try await contract.fold("a", "update", "{}", 0)
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .unsent, fence)
            try contract.expect(try await contract.fold("a", "update", "{}", 1).outcome, .coalesced, "the outcome")
            let putOff = Settlement.Result.putOff(until: start.adding(milliseconds: 400), waitMs: 400)
            try await contract.settle(try await contract.claim(fence), putOff, fence)
            try contract.expect(try await contract.fold("a", "update", "{}", 2).outcome, .coalesced, "the outcome where its route is held")
            try contract.expect(contract.names(try await contract.claim(fence, after: 399)), [], "before its time")
            try contract.expect(contract.names(try await contract.claim(fence, after: 400)), ["a-0"], "when its time has come")
        },
        Check(name: "only alike ones are folded, only into the last of the line, and only when asked") { contract in
            let changes: [(String, @Sendable (inout Operation) -> Void)] = [
                ("another principal", { $0.principal = "b" }), ("another priority", { $0.priority = 1 }),
                ("not before", { $0.notBefore = start }), ("an end", { $0.expiresAt = start.adding(milliseconds: 100) }),
                ("another version", { $0.schemaVersion = 2 }), ("a token of its own", { $0.txnToken = "t" }),
                ("another ordering key", { $0.customOrderingKey = "k" }), ("not asked", { $0.folds = false }),
            ]
            for (number, (what, change)) in changes.enumerated() {
                _ = try await contract.fold("e\(number)", "update", "{}", 0)
                let receipt = try await contract.store.enqueue([write("e\(number)", "update", "{}", 1, change)])[0]
                try contract.expect(receipt.outcome, .accepted, what)
            }
            let line = ["p", "q", "p"].enumerated().map { write($1, "update", "{}", $0) { $0.customOrderingKey = "shared" } }
            try contract.expect(
                try await contract.store.enqueue(line).map(\.outcome), [.accepted, .accepted, .accepted], "another entity between")
        },
        Check(name: "an id that is known stays a duplicate, folded, vanished or not") { contract in
            let all = [
                write("a", "update", "{}", 0), write("a", "update", "{}", 1), write("b", "create", "{}", 2), write("b", "delete", nil, 3),
            ]
            let first = try await contract.store.enqueue(all)
            try contract.expect(first.map(\.outcome), [.accepted, .coalesced, .accepted, .cancelledOut], "outcomes")
            let again = try await contract.store.enqueue(all)
            try contract.expect(again.map(\.outcome), [.duplicate, .duplicate, .duplicate, .duplicate], "outcomes of the second time")
            try contract.expect(again.map(\.seq), first.map(\.seq), "numbers of the second time")
            try contract.expect(try await contract.store.books().accepted, 4, "accepted")
        },
        Check(name: "several in one call fold into each other as in calls of their own") { contract in
            let types = ["create", "update", "delete", "create", "update", "update", "delete", "update", "update", "delete"]
            func all(_ entity: String) -> [Operation] {
                types.enumerated().map { write(entity, $1, $1 == "delete" ? nil : "{\"n\":\($0),\"f\($0)\":1}", $0) }
            }
            var single: [Receipt.Outcome] = []
            for operation in all("s") { single.append(try await contract.store.enqueue([operation])[0].outcome) }
            let batch = try await contract.store.enqueue(all("b")).map(\.outcome)
            try contract.expect(batch, single, "outcomes")
            func rest(_ entity: String) async throws -> [String] {
                let rows = try await contract.store.operations(of: EntityKey(type: "room", id: entity), limit: 100)
                return rows.map { "\($0.id.description.dropFirst()) \($0.type) \($0.payload ?? "")" }
            }
            try contract.expect(try await rest("b"), try await rest("s"), "what is left")
        },
    ]

    /// Hands in one operation that may be folded.
    private func fold(_ entity: String, _ type: String, _ payload: String?, _ number: Int) async throws -> Receipt {
        try await store.enqueue([Self.write(entity, type, payload, number)])[0]
    }

    /// An operation that may be folded, with the id `entity-number`, enqueued `number` milliseconds after the start.
    private static func write(
        _ entity: String, _ type: String, _ payload: String?, _ number: Int, _ change: (inout Operation) -> Void = { _ in }
    ) -> Operation {
        operations([entity], from: number) {
            $0.type = type
            $0.payload = payload
            $0.enqueuedAt = start.adding(milliseconds: Int64(number))
            $0.updatedAt = $0.enqueuedAt
            $0.folds = true
            change(&$0)
        }[0]
    }
}
