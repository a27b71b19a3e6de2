import GuardianCore

extension StoreContract {
    static let aliasChecks: [Check] = [
        Check(name: "a room and its devices made offline go out under the upstream's ids only, each behind what it points to") { contract in
            try await contract.furnish()
            let fence = try await contract.acquire()
            try contract.expect(
                try await contract.deliver(fence, naming: ["R": "room-1", "A": "1", "B": "2", "C": "3"]),
                [
                    "create room/R {\"name\":\"attic\"}",
                    "create device/A {\"n\":1,\"room_id\":\"room-1\"}",
                    "create device/B {\"n\":2,\"room_id\":\"room-1\"}",
                    "create device/C {\"n\":3,\"room_id\":\"room-1\"}",
                    "update device/1 {\"n\":1.50,\"on\":true}",
                    "update device/2 {\"room_id\":\"room-1\",\"peers\":[\"1\",\"x\"]}",
                    "update room/room-1 {\"name\":\"loft\"}",
                    "delete device/3 ",
                ], "what was sent")
            try contract.expect(try await contract.store.books().pending, 0, "what is left")
        },
        Check(name: "a settled create renames what is stored of its entity in one step, failed ones too, and keeps their order") {
            contract in
            try await contract.enqueue([.update("room", "R", id: "old")])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .failed(failure), fence)
            try await contract.enqueue([.create("room", "R"), .update("room", "R", id: "1"), .update("room", "R", id: "2")])
            try await contract.enqueue([.update("room", "S", id: "3")])
            let key = try await contract.store.operation(.text("old"))?.idempotencyKey
            try await contract.settle(try await contract.claim(fence, 1), as: "S", fence)
            let entity = EntityKey(type: "room", id: "S")
            let found = try await contract.store.operations(of: entity, limit: 9)
            try contract.expect(found.map(\.id.description), ["old", "1", "2", "3"], "operations of the real id")
            try contract.expect(found[0].idempotencyKey == key, false, "the key of the one that was sent is the old one")
            try contract.expect(found[0].idempotencyKey.version, 4, "the version of its key")
            for name in ["1", "2", "3"] {
                let claims = try await contract.claim(fence)
                try contract.expect(contract.names(claims), [name], "the next of the line")
                try await contract.settle(claims, .processed, fence)
            }
        },
        Check(name: "the app may go on with its local id after the create was settled") { contract in
            try await contract.enqueue([.create("room", "R")])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), as: "S", fence)
            let receipts = try await contract.enqueue([.update("room", "R", id: "1"), .update("device", "x", #"{"room_id":"R"}"#, id: "2")])
            try contract.expect(receipts.map(\.outcome), [.accepted, .accepted], "outcomes")
            try contract.expect(try await contract.store.operation(.text("1"))?.entity.id, "S", "the entity")
            try contract.expect(try await contract.store.operation(.text("2"))?.payload, #"{"room_id":"S"}"#, "the payload")
            let local = EntityKey(type: "room", id: "R")
            try contract.expect(try await contract.store.operations(of: local, limit: 9).count, 1, "found by the local id")
            try contract.expect(try await contract.store.resolve(local), EntityKey(type: "room", id: "S"), "the real one")
            try contract.expect(contract.names(try await contract.claim(fence)), ["1", "2"], "claims")
        },
        Check(name: "what points to a failed create waits for it, says so, and is counted; a retry lets it through") { contract in
            try await contract.enqueue([.create("room", "R"), .create("device", "D", #"{"room_id":"R"}"#), .update("room", "R", id: "u")])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), .failed(failure), fence)
            try contract.expect(contract.names(try await contract.claim(fence)), [], "claims")
            let standing = try await contract.store.standing(of: .text("create-D"))
            try contract.expect(standing?.isAwaiting, true, "awaiting")
            try contract.expect(standing?.awaits, .text("create-R"), "whom")
            let census = try await contract.store.census(at: start)
            try contract.expect([census.awaiting, census.behind, census.parked, census.due, census.failed], [2, 0, 0, 0, 1], "the census")
            _ = try await contract.store.retry(nil, now: start)
            try contract.expect(
                try await contract.deliver(fence, naming: ["R": "S"]),
                [
                    "create room/R {}", "create device/D {\"room_id\":\"S\"}", "update room/S {}",
                ], "what was sent")
        },
        Check(name: "a create that keeps its id, is cancelled or cleared lets go what waited for it, unchanged") { contract in
            for name in ["kept", "cancelled", "cleared"] {
                try await contract.enqueue([
                    .create("room", name), .update("device", "d", #"{"room_id":"\#(name)"}"#, id: name) { $0.customOrderingKey = name },
                ])
            }
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try contract.expect(claims.map(\.operation.type), ["create", "create", "create"], "what is claimed")
            try await contract.settle([claims[0]], .processed, fence)
            try await contract.settle(Array(claims[1...]), .failed(failure), fence)
            _ = try await contract.store.cancel(.text("create-cancelled"), now: start)
            try contract.expect(contract.names(try await contract.claim(fence)), ["kept", "cancelled"], "claims")
            _ = try await contract.store.clearFailed()
            let last = try await contract.claim(fence)
            try contract.expect(last.map(\.operation.payload), [#"{"room_id":"cleared"}"#], "the payload")
        },
        Check(name: "a line of the app's own keeps its name, and what stands in it waits for the create of its entity") { contract in
            try await contract.enqueue([.create("room", "R"), .update("room", "R", id: "u") { $0.customOrderingKey = "R" }])
            let fence = try await contract.acquire()
            let claims = try await contract.claim(fence)
            try contract.expect(contract.names(claims), ["create-R"], "claims")
            try await contract.settle(claims, as: "S", fence)
            let update = try await contract.store.operation(.text("u"))
            try contract.expect(update?.entity.id, "S", "the entity")
            try contract.expect(update?.customOrderingKey, "R", "the ordering key")
            try contract.expect(try await contract.store.operations(of: EntityKey(type: "room", id: "S"), limit: 9).count, 1, "found")
        },
        Check(name: "a local id that is used again begins anew") { contract in
            try await contract.enqueue([.create("room", "R", id: "c1"), .update("room", "R", id: "u1")])
            try await contract.enqueue([.create("room", "R", id: "c2"), .update("device", "d", #"{"room_id":"R"}"#, id: "u2")])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence), as: "S1", fence)
            try contract.expect(try await contract.store.operation(.text("u1"))?.entity.id, "S1", "of the first")
            try contract.expect(try await contract.store.operation(.text("u2"))?.payload, #"{"room_id":"R"}"#, "of the second")
            let claims = try await contract.claim(fence)
            try contract.expect(contract.names(claims), ["u1", "c2"], "claims")
            try await contract.settle([claims[1]], as: "S2", fence)
            try contract.expect(try await contract.store.operation(.text("u2"))?.payload, #"{"room_id":"S2"}"#, "of the second, later")
            try await contract.enqueue([.create("room", "R", id: "c1"), .update("room", "R", id: "u3")])
            try contract.expect(
                try await contract.store.operation(.text("u3"))?.entity.id, "S2", "a duplicate of the create changes nothing")
            try await contract.enqueue([.create("room", "R", id: "c3"), .update("room", "R", id: "u4")])
            try contract.expect(try await contract.store.operation(.text("u4"))?.entity.id, "R", "of the third")
        },
        Check(name: "an id that is a number in the answer is one in payloads; aliases are forgotten after 30 days") { contract in
            try await contract.enqueue([.create("room", "R"), .update("device", "d", #"{"at":{"room_id":"R"}}"#, id: "u")])
            let fence = try await contract.acquire()
            try await contract.settle(try await contract.claim(fence, 1), as: "17", isNumber: true, fence)
            try contract.expect(try await contract.store.operation(.text("u"))?.payload, #"{"at":{"room_id":17}}"#, "the payload")
            let room = EntityKey(type: "room", id: "R")
            for (days, id) in [(28, "17"), (30, "R")] {
                _ = try await contract.store.sweepLedger(before: start.adding(milliseconds: Int64(days) * 86_400_000), limit: 100)
                try contract.expect(try await contract.store.resolve(room).id, id, "after \(days) days and the ledger's window")
            }
        },
        Check(name: "who waits for a create and for a user waits for both") { contract in
            try await contract.enqueue([
                .create("room", "R"), .update("device", "d", #"{"room_id":"R"}"#, id: "u") { $0.principal = "anna" },
            ])
            let fence = try await contract.acquire()
            let create = try await contract.store.exchange(Exchange(fence: fence, now: start, signedIn: .principal("anna"), normal: 9))
                .claims
            try contract.expect(contract.names(create), ["create-R"], "claims of anna's")
            _ = try await contract.store.exchange(Exchange(fence: fence, now: start, signedIn: .principal("bob")))
            try await contract.settle(create, as: "S", fence)
            try contract.expect(contract.names(try await contract.claim(fence)), [], "claims of bob's")
            try contract.expect(try await contract.store.standing(of: .text("u"))?.isParked, true, "parked")
            let back = try await contract.store.exchange(Exchange(fence: fence, now: start, signedIn: .principal("anna"), normal: 9)).claims
            try contract.expect(back.map(\.operation.payload), [#"{"room_id":"S"}"#], "what goes when she is back")
        },
        Check(name: "what is folded into another one is waited for too, but never a create that is younger than that one") { contract in
            try await contract.enqueue([
                .create("room", "R"), .update("device", "d", #"{"a":1}"#, id: "old"), .create("room", "Q"), .update("device", "e", id: "1"),
            ])
            let receipts = try await contract.enqueue([
                .update("device", "d", #"{"room_id":"R"}"#, id: "2") { $0.folds = true },
                .update("device", "d", #"{"room_id":"Q"}"#, id: "3") { $0.folds = true },
                .update("device", "e", #"{"room_id":"Q"}"#, id: "4") { $0.folds = true },
            ])
            try contract.expect(receipts.map(\.outcome), [.coalesced, .accepted, .coalesced], "outcomes")
            let fence = try await contract.acquire()
            let creates = try await contract.claim(fence)
            try contract.expect(contract.names(creates), ["create-R", "create-Q"], "claims")
            try await contract.settle([creates[0]], as: "R1", fence)
            try await contract.settle([creates[1]], as: "Q1", fence)
            let first = try await contract.claim(fence)
            try contract.expect(first.map(\.operation.payload), [#"{"a":1,"room_id":"R1"}"#, #"{"room_id":"Q1"}"#], "payloads")
            try await contract.settle(first, .processed, fence)
            try contract.expect(
                try await contract.claim(fence).map(\.operation.payload), [#"{"room_id":"Q1"}"#], "the one that was not folded")
        },
        Check(name: "what an operation points to no more after a fold, it does not wait for") { contract in
            try await contract.enqueue([
                .create("room", "R"), .create("room", "Q"),
                .update("device", "d", #"{"room_id":"R","peers":["x"]}"#, id: "d"),
                .update("device", "e", #"{"room_id":"R","at":{"room_id":"Q"}}"#, id: "e"),
                .update("device", "f", #"{"room_id":"Q"}"#, id: "f"),
            ])
            let fence = try await contract.acquire()
            let creates = try await contract.claim(fence)
            try contract.expect(contract.names(creates), ["create-R", "create-Q"], "claims")
            try contract.expect(try await contract.store.standing(of: .text("e"))?.awaits, .text("create-Q"), "whom e awaits before")
            let delete = AliasOperation(new: NewOperation("delete", entityType: "device", entityID: "f", id: "3")) { $0.folds = true }
            let receipts = try await contract.enqueue([
                .update("device", "d", #"{"room_id":"S"}"#, id: "1") { $0.folds = true },
                .update("device", "e", #"{"at":{"n":1}}"#, id: "2") { $0.folds = true }, delete,
            ])
            try contract.expect(receipts.map(\.outcome), [.coalesced, .coalesced, .coalesced], "outcomes")
            try contract.expect(try await contract.store.check().problems, [], "problems")
            try contract.expect(try await contract.store.standing(of: .text("e"))?.awaits, .text("create-R"), "whom e awaits now")
            let claims = try await contract.claim(fence)
            try contract.expect(contract.names(claims), ["d", "f"], "what goes")
            try contract.expect(claims.map(\.operation.payload), [#"{"room_id":"S","peers":["x"]}"#, nil], "payloads")
        },
        Check(name: "rooms and devices at random: every id is the one a plain list says, and nothing is sent too early") { contract in
            for seed in UInt64(0)..<8 {
                var town = RandomTown(seed: seed, contract: contract)
                do { try await town.run() } catch { throw Violation(description: "seed \(seed), step \(town.step): \(error)") }
            }
        },
    ]

    /// A room with three devices, made and changed and one of them deleted, all under local ids.
    private func furnish() async throws {
        try await enqueue([
            .create("room", "R", #"{"name":"attic"}"#), .create("device", "A", #"{"n":1,"room_id":"R"}"#),
            .create("device", "B", #"{"n":2,"room_id":"R"}"#), .create("device", "C", #"{"n":3,"room_id":"R"}"#),
        ])
        try await enqueue([
            .update("device", "A", #"{"n":1.50,"on":true}"#, id: "1"),
            .update("device", "B", #"{"room_id":"R","peers":["A","x"]}"#, id: "2"),
            .update("room", "R", #"{"name":"loft"}"#, id: "3"),
        ])
        var delete = NewOperation("delete", entityType: "device", entityID: "C", id: "4")
        delete.payload = nil
        try await enqueue([.of(delete)])
    }

    /// Delivers until nothing may go, with the given ids for creates; what was sent, in order, one claim at a time.
    private func deliver(_ fence: Fence, naming ids: [String: String]) async throws -> [String] {
        var sent: [String] = []
        while let claim = try await claim(fence, 1).first {
            let operation = claim.operation
            sent.append("\(operation.type) \(operation.entity.orderingKey) \(operation.payload ?? "")")
            let name = operation.type == "create" ? ids[operation.entity.id] : nil
            try await settle([claim], as: name, fence)
            let report = try await store.check()
            try expect(report.problems, [], "problems after \(sent.count)")
        }
        return sent
    }

    @discardableResult
    func settle(_ claims: [Claim], as id: String?, isNumber: Bool = false, _ fence: Fence) async throws -> [Bool] {
        let settlements = claims.map { claim in
            var settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .processed, assignedID: id)
            settlement.assignedIsNumber = isNumber
            return settlement
        }
        return try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: settlements)).settled
    }

    /// Enqueues in one call.
    @discardableResult
    private func enqueue(_ operations: [AliasOperation]) async throws -> [Receipt] {
        try await store.enqueue(operations.map { try $0.stamped() })
    }
}

/// An operation of a world in which rooms and devices get their ids from the upstream.
struct AliasOperation {
    var new: NewOperation
    var change: (inout Operation) -> Void = { _ in }

    static let references = References(["device": ["room_id": "room", "at.room_id": "room", "peers": "device"], "room": ["twin": "room"]])

    static func of(_ new: NewOperation) -> AliasOperation { AliasOperation(new: new) }

    static func create(_ type: String, _ entity: String, _ payload: String = "{}", id: String? = nil) -> AliasOperation {
        AliasOperation(new: NewOperation("create", entityType: type, entityID: entity, payload: payload, id: id ?? "create-\(entity)"))
    }

    static func update(
        _ type: String, _ entity: String, _ payload: String = "{}", id: String, _ change: @escaping (inout Operation) -> Void = { _ in }
    ) -> AliasOperation {
        AliasOperation(new: NewOperation("update", entityType: type, entityID: entity, payload: payload, id: id), change: change)
    }

    func stamped() throws -> Operation {
        var seed: UInt64 = 0
        for byte in (new.id ?? "").utf8 { seed = seed &* 131 &+ UInt64(byte) }
        var random = Xoshiro256(seed: seed)
        var operation = try Admission().admit(new, at: StoreContract.start, random: &random)
        change(&operation)
        operation.references = Self.references.of(operation, assigned: ["room", "device"])
        return operation
    }
}
