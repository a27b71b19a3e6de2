import Foundation

/// Everything the upstream remembers: keys, entities, effects. Plain values; the server guards it with one lock.
struct UpstreamState {
    struct StoredAnswer {
        var status: Int
        /// JSON.
        var data: String
        var etag: String?
        var bodyHash: Int
        var at: Date
    }

    struct Entity {
        var version: Int
        var body: String
        var isDeleted = false

        var etag: String { "\"v\(version)\"" }
    }

    enum Admission {
        case apply
        case replay(StoredAnswer)
        case inProgress
        case reused
    }

    var mode = UpstreamMode.up
    /// How many requests the mode still strikes.
    var remaining: Int?
    var bucket = TokenBucket(perSecond: 1, at: .now)
    var requests = 0
    var replays = 0
    /// Requests that carried several operations; each of those is counted as a request too.
    var batches = 0
    var injectedFailures = 0
    /// Requests above the rate.
    var rejected = 0
    var tokens = TokenIssuer()
    /// How long a key is remembered.
    var window: Duration
    private(set) var effects: [Effect] = []
    var changes = ChangeLog()
    private var answers: [String: StoredAnswer] = [:]
    private var inProgress: Set<String> = []
    private var entities: [String: Entity] = [:]
    private var random: UInt64

    init(seed: UInt64, window: Duration) {
        random = seed
        self.window = window
    }

    /// SplitMix64: a number in `0..<1`.
    mutating func chance() -> Double {
        random &+= 0x9E37_79B9_7F4A_7C15
        var z = random
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
    }

    /// Reserves a key before anything is done, so that two requests with one key never both apply.
    mutating func admit(key: String?, bodyHash: Int, at now: Date) -> Admission {
        guard let key else { return .apply }
        if let known = answers[key] {
            if now.timeIntervalSince(known.at) < window / .seconds(1) {
                guard known.bodyHash == bodyHash else { return .reused }
                replays += 1
                return .replay(known)
            }
            answers[key] = nil
        }
        return inProgress.insert(key).inserted ? .apply : .inProgress
    }

    mutating func release(key: String?) {
        if let key { inProgress.remove(key) }
    }

    /// Forgets every key that was answered, and returns how many there were.
    @discardableResult
    mutating func forget() -> Int {
        defer { answers = [:] }
        return answers.count
    }

    func entity(_ path: String) -> Entity? { entities[path].flatMap { $0.isDeleted ? nil : $0 } }

    /// The ETag that the next write gives an entity. Versions go on after a delete.
    func nextETag(_ path: String) -> String { Entity(version: (entities[path]?.version ?? 0) + 1, body: "").etag }

    /// Applies an effect, and keeps its answer under its key.
    mutating func record(_ effect: Effect, _ answer: StoredAnswer) {
        effects.append(effect)
        inProgress.remove(effect.idempotencyKey)
        answers[effect.idempotencyKey] = answer
        if effect.method == "DELETE" {
            entities[effect.entity]?.isDeleted = true
        } else {
            entities[effect.entity] = Entity(version: (entities[effect.entity]?.version ?? 0) + 1, body: answer.data)
        }
        changes.append(effect, entities[effect.entity])
    }

    /// Effects that share a key with an earlier one: must be none, as long as keys are remembered.
    var duplicateKeys: Int { effects.count - Set(effects.map(\.idempotencyKey)).count }
}
