/// How often in a row a store was found damaged, and so whether what the disk can't read of it is given up.
///
/// A disk may fail for some seconds and then be well: what is passed over in them would be lost for good.
package struct DamagePatience: Sendable {
    /// Looks at the store, each of which finds damage, before what can't be read is given up; they are a second apart.
    package static let looks = 20

    private var count = 0

    package init() {}

    /// Whether the last look has found damage.
    package var isTried: Bool { count > 0 }

    /// Notes a look that has found damage. Returns whether what can't be read is to be passed over now.
    package mutating func found() -> Bool {
        count = min(count + 1, Self.looks + 1)
        return count > Self.looks
    }

    /// Notes a look that has found none.
    package mutating func end() { count = 0 }
}
