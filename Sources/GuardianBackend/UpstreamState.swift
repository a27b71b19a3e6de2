import Foundation

/// Everything the upstream remembers: keys, entities, effects. Plain values; the server guards it with one lock.
struct UpstreamState {
    struct StoredAnswer {
        var status: Int
        var body: String
        var etag: String?
        var bodyHash: Int
        var at: ContinuousClock.Instant
    }

    struct Entity {
        var version: Int
        var body: String
        var isDeleted = false
    }

    enum Admission {
        case apply
        case replay(StoredAnswer)
        case inProgress
        case reused
    }

    var mode = UpstreamMode.up
    var requests = 0
    var replays = 0
    var injectedFailures = 0
    private(set) var effects: [Effect] = []
    private var answers: [String: StoredAnswer] = [:]
    private var inProgress: Set<String> = []
    private var entities: [String: Entity] = [:]
    private var random: UInt64
    private let window: Duration

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
    mutating func admit(key: String?, bodyHash: Int) -> Admission {
        guard let key else { return .apply }
        if let known = answers[key], ContinuousClock.now - known.at < window {
            guard known.bodyHash == bodyHash else { return .reused }
            replays += 1
            return .replay(known)
        }
        return inProgress.insert(key).inserted ? .apply : .inProgress
    }

    mutating func release(key: String?) {
        if let key { inProgress.remove(key) }
    }

    mutating func remember(key: String?, _ answer: StoredAnswer) {
        guard let key else { return }
        inProgress.remove(key)
        answers[key] = answer
    }

    func entity(_ path: String) -> Entity? { entities[path].flatMap { $0.isDeleted ? nil : $0 } }

    mutating func write(_ path: String, body: String) -> Int {
        let version = (entities[path]?.version ?? 0) + 1
        entities[path] = Entity(version: version, body: body)
        return version
    }

    mutating func delete(_ path: String) { entities[path]?.isDeleted = true }

    mutating func record(
        key: String, method: String, path: String, entity: String, traceID: String, payloadSeq: Int?, at: String
    ) -> Effect {
        let effect = Effect(
            n: effects.count + 1, idempotencyKey: key, method: method, path: path, entity: entity, traceID: traceID, payloadSeq: payloadSeq,
            at: at)
        effects.append(effect)
        return effect
    }

    /// Takes back what a journal kept.
    mutating func restore(_ effect: Effect, answer: StoredAnswer, body: String) {
        effects.append(effect)
        answers[effect.idempotencyKey] = answer
        if effect.method == "DELETE" { delete(effect.entity) } else { _ = write(effect.entity, body: body) }
    }

    /// Effects that share a key with an earlier one: must be none.
    var duplicateKeys: Int { effects.count - Set(effects.map(\.idempotencyKey)).count }
}
