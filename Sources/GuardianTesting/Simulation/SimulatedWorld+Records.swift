import GuardianCore

/// What the producers of a world are going to hand in.
extension SimulatedWorld {
    typealias Draw = (records: [Judge.Record], changes: [String: OptimisticChange])

    static func records(_ script: Script, wall: Int64, _ random: inout Xoshiro256) -> Draw {
        var changes = Changes()
        var houses = Houses()
        let records = (0..<script.operations).map { number in
            let entity = EntityKey(type: "room", id: "\(Int.random(in: 0..<max(script.entities, 1), using: &random))")
            var operation = Operation(
                id: .uuid(.v4(using: &random)), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update",
                entity: entity, payload: "{\"n\":\(number)}", priority: random.unit() < script.urgent ? 1 : 0,
                enqueuedAt: Timestamp(milliseconds: wall))
            if random.unit() < script.dated {
                let at = Timestamp(milliseconds: wall + Int64.random(in: 0...script.troubleMs, using: &random))
                if random.unit() < 0.5 { operation.notBefore = at } else { operation.expiresAt = at }
            }
            var verdict = SimulatedUpstream.Verdict.fine
            if number < script.killers { verdict = .killer }
            if random.unit() < script.owned { operation.principal = random.unit() < 0.5 ? "a" : "b" }
            if number == script.loneBadWrite || random.unit() < script.badWrites { verdict = .refusedForGood }
            if random.unit() < script.poison, verdict == .fine {
                verdict = [.refusedForGood, .conflict, .broken][Int.random(in: 0..<3, using: &random)]
            }
            if script.upgradeAt != nil { operation.schemaVersion = random.unit() < script.outdated ? 1 : 2 }
            if script.localIDs > 0 {
                furnish(&operation, number, &verdict, &houses, script, &random)
            } else if script.folds > 0 {
                makeFoldable(&operation, number, verdict, script, &random)
            }
            if script.others > 0 { verdict = .shared }
            changes.draw(&operation, number, script, &random)
            return Judge.Record(
                operation: operation, handed: operation, verdict: verdict, line: script.ordering.line(for: operation.orderingKey))
        }
        return (records, changes.all)
    }

    /// Operations that fold are of all types, and say different things. What meets a conflict stays an update; where keys are forgotten
    /// nothing is deleted, for a delete may be repeated then.
    private static func makeFoldable(
        _ operation: inout Operation, _ number: Int, _ verdict: SimulatedUpstream.Verdict, _ script: Script, _ random: inout Xoshiro256
    ) {
        operation.folds = random.unit() < script.folds
        operation.payload = "{\"n\":\(number).50,\"f\(number % 3)\":\(number)}"
        let type = random.unit()
        guard verdict != .conflict else { return }
        if type < 0.2 {
            operation.type = "create"
        } else if type < 0.4, script.keyMemoryMs >= 86_400_000 {
            operation.type = "delete"
            if script.upgradeAt == nil { operation.payload = nil }
        }
    }

    /// Which fields of payloads hold ids of other entities.
    private static let references = References(["device": ["room_id": "room", "peer_ids": "device"]])

    /// The entities of a world of rooms and devices.
    private struct Houses {
        var made: [EntityKey] = []
        /// One that was written before it is made.
        var early: EntityKey?
    }

    /// Rooms, and devices in them, each made under a local id that occurs nowhere else. A create is never given up for good, for what points
    /// to it would wait for ever. Some are written before they are made, which the upstream does not take: that fails, and goes on under the
    /// real id when it is tried again.
    private static func furnish(
        _ operation: inout Operation, _ number: Int, _ verdict: inout SimulatedUpstream.Verdict, _ houses: inout Houses,
        _ script: Script, _ random: inout Xoshiro256
    ) {
        if let known = houses.made.randomElement(using: &random), houses.early == nil, random.unit() >= script.localIDs {
            operation.entity = known
            if random.unit() < 0.15 { operation.type = "delete" }
        } else {
            operation.entity = houses.early ?? EntityKey(type: random.unit() < 0.5 ? "room" : "device", id: "L\(number)")
            if houses.early == nil, number + 1 < script.operations, random.unit() < 0.2 {
                houses.early = operation.entity
                verdict = .broken
            } else {
                houses.early = nil
                operation.type = "create"
                if verdict != .broken { verdict = .fine }
            }
        }
        if operation.type != "update", verdict == .conflict { verdict = .fine }
        operation.folds = random.unit() < script.folds
        operation.payload = operation.type == "delete" ? nil : payload(of: operation.entity, number, houses.made, &random)
        operation.references = references.of(operation, assigned: ["*"])
        if operation.type == "create" { houses.made.append(operation.entity) }
    }

    private static func payload(of entity: EntityKey, _ number: Int, _ houses: [EntityKey], _ random: inout Xoshiro256) -> String {
        var members = ["\"n\":\(number).0"]
        if entity.type == "device" {
            if let room = houses.filter({ $0.type == "room" }).randomElement(using: &random) {
                members.append("\"room_id\":\"\(room.id)\"")
            }
            let peers = houses.filter { $0.type == "device" && $0 != entity }.shuffled(using: &random).prefix(
                Int.random(in: 0...2, using: &random))
            if !peers.isEmpty { members.append("\"peer_ids\":[\(peers.map { "\"\($0.id)\"" }.joined(separator: ","))]") }
        }
        return "{\(members.joined(separator: ","))}"
    }

    /// The changes that operations belong to: each its own, or an earlier one.
    private struct Changes {
        var all: [String: OptimisticChange] = [:]
        var tokens: [String] = []

        mutating func draw(_ operation: inout Operation, _ number: Int, _ script: Script, _ random: inout Xoshiro256) {
            guard random.unit() < script.optimistic else { return }
            if let known = tokens.last, random.unit() < 0.3 {
                operation.txnToken = known
                return
            }
            let token = "t\(number)"
            let base = random.unit() < script.dependent ? tokens.randomElement(using: &random) : nil
            operation.txnToken = token
            all[token] = OptimisticChange(txnToken: token, entity: operation.entity, original: "{\"of\":\"\(token)\"}", dependsOn: base)
            tokens.append(token)
        }
    }

    /// The next batch of a producer that waits for its receipt before it goes on.
    mutating func planNext(from index: Int) {
        let end = min(index + Int.random(in: 1...3, using: &random), judge.records.count)
        let left = max(1, (script.produceWithinMs ?? script.troubleMs) * 2 / Int64(max(1, script.operations)))
        agenda.add(.produce(index..<end), at: delay(0...left))
    }
}
