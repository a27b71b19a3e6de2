/// Whether the effects of each entity came in the order in which its operations were made.
public enum OrderCheck {
    /// How many effects are not the one after the last of their entity. Numbers begin at 1 for each entity.
    public static func violations(_ effects: some Sequence<(entity: String, seq: Int)>) -> Int {
        var last: [String: Int] = [:]
        var count = 0
        for (entity, seq) in effects {
            if seq != (last[entity] ?? 0) + 1 { count += 1 }
            last[entity] = seq
        }
        return count
    }
}
