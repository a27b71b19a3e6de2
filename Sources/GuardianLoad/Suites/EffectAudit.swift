/// What arrived at the upstream against what was handed in.
public struct EffectAudit: Sendable, Equatable {
    /// How many were taken in, those that came before too.
    public var effects = 0
    /// Effects whose key, or whose place in its entity, came before; one of which both did counts once.
    public var doubled = 0
    /// Effects that are not the one after the last of their entity.
    public var outOfOrder = 0

    private var keys: Set<String> = []
    private var last: [String: Int] = [:]

    /// Begins before the first effect of an upstream.
    public init() {}

    /// To be called in the order in which effects were applied.
    public mutating func take(_ effect: UpstreamControl.Effect) {
        effects += 1
        let isNew = keys.insert(effect.key).inserted
        let before = last[effect.entity] ?? 0
        if !isNew || effect.seq <= before { doubled += 1 }
        if effect.seq > before + 1 { outOfOrder += 1 }
        last[effect.entity] = max(before, effect.seq)
    }

    /// Reads all effects of an upstream.
    public static func of(_ control: UpstreamControl) async throws -> EffectAudit {
        var audit = EffectAudit()
        _ = try await control.effects { audit.take($0) }
        return audit
    }

    public static func == (one: EffectAudit, other: EffectAudit) -> Bool {
        one.effects == other.effects && one.doubled == other.doubled && one.outOfOrder == other.outOfOrder
    }
}
