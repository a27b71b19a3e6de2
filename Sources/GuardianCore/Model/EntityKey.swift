/// What an operation changes: a kind of thing, and which one. Two are the same when their bytes are, as in a store.
public struct EntityKey: Sendable, Hashable {
    /// 1–64 characters of `[A-Za-z0-9_-]`, such as `heart_rate`.
    public var type: String
    /// 1–256 bytes of UTF-8 without control characters.
    public var id: String

    /// Checked by `enqueue`, not here.
    public init(type: String, id: String) {
        self.type = type
        self.id = id
    }

    public static func == (one: EntityKey, other: EntityKey) -> Bool {
        one.id.utf8.elementsEqual(other.id.utf8) && one.type.utf8.elementsEqual(other.type.utf8)
    }

    /// The texts' own hashes: they are the same for the same bytes.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(id)
    }

    /// The default ordering key: all operations of this entity stand in one line.
    public var orderingKey: String { type + "/" + id }
}

/// The line an operation stands in: a 64-bit hash (FNV-1a, finished with the MurmurHash3 mixer) of its ordering key.
///
/// A hash keeps the index that every claim walks small and of one width. Two keys that collide share a line, which delays but never
/// reorders or loses: at a million keys the chance that any two collide is below 3 in 100 million.
package enum Line {
    /// The one line of `ordering: strict`.
    package static let global: Int64 = 0

    package static func of(_ orderingKey: String) -> Int64 {
        var hash = Self.seed
        mix(orderingKey.utf8, into: &hash)
        return finish(hash)
    }

    /// The line of the entity's own ordering key, without building that text.
    package static func of(_ entity: EntityKey) -> Int64 {
        var hash = Self.seed
        mix(entity.type.utf8, into: &hash)
        mix(CollectionOfOne(UInt8(ascii: "/")), into: &hash)
        mix(entity.id.utf8, into: &hash)
        return finish(hash)
    }

    private static let seed: UInt64 = 0xcbf2_9ce4_8422_2325

    private static func mix(_ bytes: some Sequence<UInt8>, into hash: inout UInt64) {
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    }

    private static func finish(_ mixed: UInt64) -> Int64 {
        var hash = (mixed ^ (mixed >> 33)) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ (hash >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return Int64(bitPattern: hash ^ (hash >> 33))
    }
}

/// How operations line up.
public enum Ordering: String, Sendable, CaseIterable {
    /// One line for each ordering key; lines are delivered in parallel.
    case entity
    /// One line for all.
    case strict

    package func line(for orderingKey: String) -> Int64 {
        self == .strict ? Line.global : Line.of(orderingKey)
    }

    package func line(for operation: Operation) -> Int64 {
        if self == .strict { return Line.global }
        return operation.customOrderingKey.map { Line.of($0) } ?? Line.of(operation.entity)
    }
}
