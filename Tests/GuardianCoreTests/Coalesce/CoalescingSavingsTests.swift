import GuardianCore
import GuardianTesting
import Testing

/// What folding saves of a person's edits: names typed letter by letter, sliders, notes made and thrown away.
@Suite struct CoalescingSavingsTests {
    struct Edit {
        var at: Int64
        var operation: Operation
    }

    /// A seeded stream: bursts of edits of one entity, a fifth of a second apart, with pauses between.
    static func edits(seed: UInt64, bursts: Int) -> [Edit] {
        var random = Xoshiro256(seed: seed)
        var edits: [Edit] = []
        var time: Int64 = 0
        var made = Set<String>()
        func add(_ type: String, _ id: String, _ payload: String?) {
            var operation = Operation(
                id: .text("\(edits.count)"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: type,
                entity: EntityKey(type: "room", id: id), payload: payload,
                enqueuedAt: StoreContract.start.adding(milliseconds: time))
            operation.folds = true
            edits.append(Edit(at: time, operation: operation))
            time += Int64.random(in: 80...300, using: &random)
        }
        for _ in 0..<bursts {
            let id = "\(Int.random(in: 0..<20, using: &random))"
            if made.insert(id).inserted { add("create", id, #"{"name":"new","level":0}"#) }
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let name = String("The room with a view of the sea".prefix(Int.random(in: 3...24, using: &random)))
                for length in 1...name.count { add("update", id, "{\"name\":\"\(name.prefix(length))\"}") }
            case 5..<9:
                for _ in 0..<Int.random(in: 2...20, using: &random) {
                    add("update", id, "{\"level\":\(Int.random(in: 0...100, using: &random))}")
                }
            default:
                add("delete", id, nil)
                made.remove(id)
            }
            time += Int64.random(in: 500...5000, using: &random)
        }
        return edits
    }

    /// Delivers the stream with four workers whose requests take `answerMs`, from `onlineAt` on. Returns what was sent, in order.
    private func deliver(_ edits: [Edit], folds: Bool, onlineAt: Int64, answerMs: Int64) async throws -> [Operation] {
        let store = MemoryStore()
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "a", now: StoreContract.start, staleAfterMs: 1000) else {
            return []
        }
        var sent: [Operation] = []
        var flying: [(until: Int64, claim: Claim)] = []
        var next = 0
        var time: Int64 = 0
        while true {
            if next == edits.count, flying.isEmpty, try await store.books().pending == 0 { break }
            while next < edits.count, edits[next].at <= time {
                var operation = edits[next].operation
                operation.folds = folds
                _ = try await store.enqueue([operation])
                next += 1
            }
            if time >= onlineAt {
                let done = flying.filter { $0.until <= time }.map(\.claim)
                flying.removeAll { $0.until <= time }
                let result = try await store.exchange(
                    Exchange(
                        fence: fence, now: StoreContract.start.adding(milliseconds: time),
                        settlements: done.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) },
                        normal: 4 - flying.count))
                for claim in result.claims {
                    sent.append(claim.operation)
                    flying.append((time + answerMs, claim))
                }
            }
            time += 20
        }
        let report = try await store.check()
        #expect(report.gap == 0 && report.problems.isEmpty && report.pending == 0)
        return sent
    }

    /// What the upstream ends with.
    private func outcome(_ sent: [Operation]) throws -> [String: [String: String]] {
        var rooms: [String: [String: String]] = [:]
        for operation in sent {
            let id = operation.entity.id
            switch operation.type {
            case "delete": #expect(rooms.removeValue(forKey: id) != nil, "deleted what is not there")
            case "create": #expect(rooms.updateValue([:], forKey: id) == nil, "made twice")
            default: #expect(rooms[id] != nil, "updated what is not there")
            }
            guard let payload = operation.payload, rooms[id] != nil else { continue }
            for member in try JSONValue(parsing: payload).members ?? [] { rooms[id]?[member.name] = member.value.text }
        }
        return rooms
    }

    @Test("fewer requests lead to the same state at the upstream", arguments: UInt64(1)...4)
    func savings(seed: UInt64) async throws {
        let edits = Self.edits(seed: seed, bursts: 60)
        let worlds: [(name: String, onlineAt: Int64, answerMs: Int64, least: Double)] = [
            ("online, 80 ms answers", 0, 80, 0), ("online, 1 s answers", 0, 1000, 0.4), ("offline all the while", 1_000_000, 80, 0.9),
        ]
        for world in worlds {
            let plain = try await deliver(edits, folds: false, onlineAt: world.onlineAt, answerMs: world.answerMs)
            let folded = try await deliver(edits, folds: true, onlineAt: world.onlineAt, answerMs: world.answerMs)
            #expect(plain.count == edits.count)
            #expect(try outcome(folded) == outcome(plain), "seed \(seed), \(world.name)")
            let saved = 1 - Double(folded.count) / Double(plain.count)
            let share = "\(Int(saved * 100)) % share of requests not sent (\(folded.count) sent for \(plain.count) edits)"
            print("measured: seed \(seed), \(world.name): \(share)")
            #expect(saved >= world.least, "seed \(seed), \(world.name)")
        }
    }
}
