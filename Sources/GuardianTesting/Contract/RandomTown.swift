import GuardianCore

/// Seeded rooms and devices with local ids, beside a plain list that says what every stored operation must hold.
struct RandomTown {
    /// An entity as the app knows it.
    private struct House {
        var type: String
        var local: String
        /// The upstream's id.
        var server: String?
        /// Whether its create is stored.
        var isOpen = false
        var id: String { server ?? local }
    }

    /// A stored operation by what it points to, as places in `houses`.
    private struct Letter {
        var type: String
        var house: Int
        var room: Int?
        var peers: [Int] = []
    }

    let contract: StoreContract
    private(set) var step = 0
    private var random: Xoshiro256
    private var houses: [House] = []
    private var letters: [OperationID: Letter] = [:]
    private var claims: [Claim] = []
    private var count = 0
    private let seed: UInt64

    init(seed: UInt64, contract: StoreContract) {
        self.seed = seed
        self.contract = contract
        random = Xoshiro256(seed: seed)
    }

    mutating func run() async throws {
        let fence = try await contract.acquire()
        for _ in 0..<120 {
            step += 1
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4: try await enqueue()
            case 4..<6: try await claim(fence)
            case 6..<8: try await settle(fence)
            case 8: try await cancel()
            default: _ = try await contract.store.retry(nil, now: StoreContract.start)
            }
            try await compare()
        }
        try await finish(fence)
    }

    /// Settles all until nothing is left.
    private mutating func finish(_ fence: Fence) async throws {
        repeat {
            step += 1
            while !claims.isEmpty { try await settle(fence, failing: false) }
            _ = try await contract.store.retry(nil, now: StoreContract.start)
            try await claim(fence)
            try await compare()
        } while !claims.isEmpty
        try contract.expect(letters.count, 0, "operations that never went")
        try contract.expect(try await contract.store.books().pending, 0, "pending at the end")
    }

    private mutating func pick(_ type: String) -> Int? {
        houses.indices.filter { houses[$0].type == type }.randomElement(using: &random)
    }

    private mutating func enqueue() async throws {
        var batch: [Operation] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            count += 1
            let type = Bool.random(using: &random) ? "room" : "device"
            var letter = Letter(type: "create", house: houses.count)
            if Int.random(in: 0..<3, using: &random) > 0, let known = pick(type) {
                letter = Letter(type: Int.random(in: 0..<4, using: &random) == 0 ? "delete" : "update", house: known)
            } else {
                houses.append(House(type: type, local: "\(seed)-l\(houses.count)", isOpen: true))
            }
            if type == "device", letter.type != "delete" {
                letter.room = pick("room")
                let others = houses.indices.filter { houses[$0].type == "device" && $0 != letter.house }
                letter.peers = Array(others.shuffled(using: &random).prefix(Int.random(in: 0...2, using: &random)))
            }
            let house = houses[letter.house]
            // The app always uses the ids that it has given.
            let payload = letter.type == "delete" ? nil : text(letter) { $0.local }
            let new = NewOperation(letter.type, entityType: type, entityID: house.local, payload: payload, id: "\(seed)-\(count)")
            var operation = try AliasOperation.of(new).stamped()
            if letter.type == "update", Int.random(in: 0..<4, using: &random) == 0 { operation.customOrderingKey = "key-\(count % 3)" }
            letters[operation.id] = letter
            batch.append(operation)
        }
        let receipts = try await contract.store.enqueue(batch)
        try contract.expect(receipts.allSatisfy { $0.outcome == .accepted }, true, "accepted")
    }

    private func text(_ letter: Letter, _ name: (House) -> String) -> String {
        var members = ["\"n\":1.0"]
        if let room = letter.room { members.append("\"room_id\":\"\(name(houses[room]))\"") }
        if !letter.peers.isEmpty { members.append("\"peers\":[\(letter.peers.map { "\"\(name(houses[$0]))\"" }.joined(separator: ","))]") }
        return "{\(members.joined(separator: ","))}"
    }

    private mutating func claim(_ fence: Fence) async throws {
        let found = try await contract.claim(fence, Int.random(in: 1...5, using: &random))
        for claim in found {
            guard let letter = letters[claim.operation.id] else { continue }
            var targets = letter.peers + (letter.room.map { [$0] } ?? [])
            if letter.type != "create" { targets.append(letter.house) }
            let early = targets.filter { houses[$0].isOpen }
            try contract.expect(early.map { houses[$0].local }, [], "entities that are not made and to which \(claim.operation.id) points")
        }
        claims += found
    }

    private mutating func settle(_ fence: Fence, failing: Bool = true) async throws {
        guard !claims.isEmpty else { return }
        let claim = claims.remove(at: Int.random(in: 0..<claims.count, using: &random))
        guard let letter = letters[claim.operation.id] else { return }
        if failing, Int.random(in: 0..<4, using: &random) == 0 {
            try await contract.settle([claim], .failed(StoreContract.failure), fence)
            return
        }
        var server: String?
        if letter.type == "create" {
            server = Int.random(in: 0..<5, using: &random) == 0 ? nil : "s\(letter.house)"
            houses[letter.house].server = server
            houses[letter.house].isOpen = false
        }
        letters[claim.operation.id] = nil
        try contract.expect(try await contract.settle([claim], as: server, fence), [true], "settled")
    }

    private mutating func cancel() async throws {
        guard let id = letters.keys.map(\.description).sorted().randomElement(using: &random) else { return }
        let answer = try await contract.store.cancel(.text(id), now: StoreContract.start)
        guard answer != .inFlight, let letter = letters.removeValue(forKey: .text(id)) else { return }
        if letter.type == "create" { houses[letter.house].isOpen = false }
    }

    private func compare() async throws {
        let stored = try await contract.store.list(OperationFilter(limit: 1000)).filter { letters[$0.id] != nil }
        try contract.expect(stored.count, letters.count, "stored operations")
        for operation in stored {
            guard let letter = letters[operation.id] else { continue }
            try contract.expect(operation.entity.id, houses[letter.house].id, "the entity of \(operation.id)")
            if letter.type != "delete" { try contract.expect(operation.payload, text(letter) { $0.id }, "the payload of \(operation.id)") }
        }
        for operation in stored.prefix(5) {
            let standing = try await contract.store.standing(of: operation.id)
            if standing?.isAwaiting == true { try contract.expect(standing?.awaits != nil, true, "whom \(operation.id) awaits is known") }
        }
        try contract.expect(try await contract.store.check().problems, [], "problems")
        let census = try await contract.store.census(at: StoreContract.start)
        try contract.expect(census.pending, Int64(stored.count { $0.status == .pending }), "the census")
    }
}
