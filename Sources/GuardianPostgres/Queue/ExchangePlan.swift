internal import GuardianCore

/// What is known of an exchange before it begins.
struct ExchangePlan: Sendable {
    /// Whether it needs nothing but the lines of its settlements.
    let isPlain: Bool
    /// The line of each settlement, where all are known.
    let lines: [Int64]
    /// What was handed out, when it is to be compared with what is claimed: the answer to an earlier exchange was lost.
    let reclaims: Set<Int64>?
    /// Whether the answer to an earlier exchange was lost: what came of it is told now.
    let isDoubtful: Bool
    /// The tenant that had its turn last, by priority.
    let cursors: [Int: String]
    /// The version of the upstream's health that this processor knows.
    let healthSeen: Int64

    init(_ exchange: Exchange, _ memory: PostgresStore.Memory) {
        let epoch = exchange.fence.epoch
        let found = exchange.settlements.compactMap { memory.handed[$0.seq] }.filter { $0.epoch == epoch }.map(\.line)
        isDoubtful = memory.doubtful.contains(epoch)
        lines = found
        isPlain =
            !memory.settlesOneByOne && !isDoubtful && found.count == exchange.settlements.count && exchange.health == nil
            && exchange.pauses.isEmpty && exchange.signedIn == nil && !exchange.isProbe
            && exchange.settlements.allSatisfy { $0.result == .processed && $0.tellsETagAtMost && $0.assignedID == nil }
            && Set(exchange.settlements.map(\.seq)).count == found.count
        reclaims = isDoubtful ? Set(memory.handed.filter { $0.value.epoch == epoch }.keys) : nil
        cursors = memory.cursors
        healthSeen = memory.healthSeen[epoch] ?? -1
    }

    /// The cursors as `guardian_claim` takes them; no tenant's name has a `/`.
    var cursor: String { cursors.map { "\($0.key):\($0.value)" }.joined(separator: "/") }
}

extension Settlement {
    /// Whether the upstream has told no more of the entity than its ETag, which is kept in the statement that settles many.
    fileprivate var tellsETagAtMost: Bool { server.map { $0.etag != nil && $0 == ServerState(etag: $0.etag) } ?? true }
}

/// What came of an exchange, and what the store remembers of it.
struct Exchanged: Sendable {
    var result = ExchangeResult()
    /// Numbers of what was settled.
    var settled: Set<Int64> = []
    /// Among the heads are some that need a look of their own.
    var isUnfinished = false
    /// Something may be claimed that nobody has heard of.
    var isDoubtful = false
    /// Where the turn of the tenants goes on, by priority.
    var cursors: [Int: String] = [:]
    var healthVersion: Int64 = -1
    /// Where the switch of user goes on that was begun.
    var signIn: SignInPlace?

    /// What came after it, in a transaction of its own.
    mutating func add(_ later: Exchanged) {
        var sum = later
        sum.settled.formUnion(settled)
        sum.result.postponed.formUnion(result.postponed)
        sum.result.ended = result.ended + later.result.ended
        sum.result.steppedOut = result.steppedOut + later.result.steppedOut
        sum.isDoubtful = isDoubtful || later.isDoubtful
        sum.signIn = later.signIn ?? signIn
        self = sum
    }

    /// Says of each settlement whether it was settled.
    mutating func answer(_ exchange: Exchange) {
        var left = settled
        result.settled = exchange.settlements.map { left.remove($0.seq) != nil }
    }

    mutating func readClaims(_ rows: Rows, _ exchange: Exchange) throws {
        for row in rows {
            switch row.int(0) {
            case -1: isUnfinished = true
            case -2: cursors[Int(row.int(11))] = row.text(6) ?? ""
            default: result.claims.append(try OperationRow.readClaim(row, exchange.fence, at: exchange.now))
            }
        }
    }

    mutating func readNews(_ rows: Rows, _ exchange: Exchange, seen: Int64) {
        guard let row = rows.first else { return }
        result.pauses = Set((row.text(0) ?? "").split(separator: ",").compactMap { Pause(rawValue: String($0)) })
        if exchange.urgent + exchange.normal > 0, result.pauses.isEmpty {
            // Heads that were not looked at are due now, whatever else becomes due.
            result.nextDue = result.nextDue ?? row.time(1)
        }
        healthVersion = row.int(2)
        guard row.bool(4) else { return }
        // Our own write was merged with what we had not heard of, or another one has written.
        let isMerged = exchange.health != nil && seen >= 0 && healthVersion != seen + 1
        let isOthers = row.int(3) != exchange.fence.epoch && healthVersion != seen
        if isMerged || isOthers { result.shared = PostgresStore.health(row, from: 5) }
    }
}
