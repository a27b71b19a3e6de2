import Synchronization

/// Values by key, read without a lock: a reader looks into a table that never changes; a new key makes a new table.
///
/// Keys are bounded: once `limit` of them are told apart, a new one is given the value of what `other` makes of it.
/// `@unchecked Sendable`: what the pointer shows is immutable, written before it is published (release, acquire), and kept until the table
/// ends.
package final class LabelTable<Key: Hashable & Sendable, Value: AnyObject & Sendable>: @unchecked Sendable {
    private final class Snapshot: Sendable {
        let values: [Key: Value]
        /// The same in a row, while they are few: comparing some keys is faster than hashing one.
        let rowKeys: [Key]
        let rowValues: [Value]
        /// Whether a new key finds no place of its own.
        let isFull: Bool

        init(_ values: [Key: Value], isFull: Bool) {
            self.values = values
            let row = values.count <= 12 ? Array(values) : []
            rowKeys = row.map(\.key)
            rowValues = row.map(\.value)
            self.isFull = isFull
        }

        func value(of key: Key) -> Value? {
            if let place = rowKeys.withUnsafeBufferPointer({ $0.firstIndex(of: key) }) { return rowValues[place] }
            return values[key]
        }
    }

    let limit: Int
    private let other: @Sendable (Key) -> Key
    private let make: @Sendable (Key) -> Value
    private let current: Atomic<UnsafeRawPointer>
    /// Every table there was; readers may still look into an old one. As many as there are keys.
    private let history: Mutex<[Snapshot]>

    package init(limit: Int, other: @escaping @Sendable (Key) -> Key, make: @escaping @Sendable (Key) -> Value) {
        self.limit = limit
        self.other = other
        self.make = make
        let first = Snapshot([:], isFull: limit < 1)
        history = Mutex([first])
        current = Atomic(UnsafeRawPointer(Unmanaged.passUnretained(first).toOpaque()))
    }

    /// The value of `key`, or the one that stands for all that came too late.
    package subscript(key: Key) -> Value {
        let snapshot = snapshot
        if let value = snapshot.value(of: key) { return value }
        if snapshot.isFull, let value = snapshot.values[other(key)] { return value }
        return add(key)
    }

    /// The value that `key` has of its own; nil when it has none.
    package func known(_ key: Key) -> Value? { snapshot.value(of: key) }

    /// All values there are.
    package var all: [(key: Key, value: Value)] { snapshot.values.map { ($0.key, $0.value) } }

    private var snapshot: Snapshot {
        Unmanaged<Snapshot>.fromOpaque(current.load(ordering: .acquiring)).takeUnretainedValue()
    }

    private func add(_ key: Key) -> Value {
        while true {
            let (place, known) = history.withLock { slot(for: key, in: $0) }
            if let known { return known }
            // Not under the lock: it calls a backend of the app's, which may take its time or look here itself. Of two at once one is kept.
            let made = make(place)
            let kept = history.withLock { history -> Value? in
                let (now, known) = slot(for: key, in: history)
                // nil when the table has become full meanwhile: the place is another one then.
                guard known == nil, now == place else { return known }
                keep(made, at: place, in: &history)
                return made
            }
            if let kept { return kept }
        }
    }

    /// Under which key a new one is kept, and what is kept there already.
    private func slot(for key: Key, in history: [Snapshot]) -> (place: Key, known: Value?) {
        let values = history.last?.values ?? [:]
        if let value = values[key] { return (key, value) }
        let place = history.last?.isFull == true ? other(key) : key
        return (place, values[place])
    }

    private func keep(_ value: Value, at place: Key, in history: inout [Snapshot]) {
        var values = history.last?.values ?? [:]
        values[place] = value
        let next = Snapshot(values, isFull: values.keys.count { other($0) != $0 } >= limit)
        history.append(next)
        current.store(UnsafeRawPointer(Unmanaged.passUnretained(next).toOpaque()), ordering: .releasing)
    }
}
