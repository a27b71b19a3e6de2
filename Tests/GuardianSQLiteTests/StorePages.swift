import Foundation
import GRDB

/// The pages of a store's file as bytes, to be damaged.
struct StorePages {
    static let size = 4096
    let path: String
    private(set) var bytes: [UInt8]
    private let roots: [String: Int]

    init(_ path: String) throws {
        self.path = path
        bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let queue = try DatabaseQueue(path: path)
        let rows = try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0").map { ($0[0] as String, $0[1] as Int) }
        }
        try queue.close()
        roots = Dictionary(rows) { one, _ in one }
    }

    var count: Int { bytes.count / Self.size }

    subscript(page: Int) -> [UInt8] {
        get { Array(bytes[(page - 1) * Self.size..<page * Self.size]) }
        set { bytes.replaceSubrange((page - 1) * Self.size..<page * Self.size, with: newValue) }
    }

    func root(_ name: String = "guardian_operation") -> Int { roots[name] ?? 0 }

    /// The pages below one that is no leaf, in their order.
    func children(of page: Int) -> [Int] {
        let bytes = self[page]
        guard bytes[0] == 5 || bytes[0] == 2 else { return [] }
        let cells = (0..<number(bytes, 3, 2)).map { number(bytes, number(bytes, 12 + 2 * $0, 2), 4) }
        return cells + [number(bytes, 8, 4)]
    }

    /// The leaves below a page, in their order.
    func leaves(of page: Int) -> [Int] {
        let below = children(of: page)
        return below.isEmpty ? [page] : below.flatMap { leaves(of: $0) }
    }

    func cellCount(_ page: Int) -> Int { number(self[page], 3, 2) }

    /// Where the rowid of a cell of a leaf stands in its page.
    func placeOfRowid(_ cell: Int, on page: Int) -> Int {
        let bytes = self[page]
        var place = number(bytes, 8 + 2 * cell, 2)
        while bytes[place] >= 0x80 { place += 1 }
        return place + 1
    }

    /// The pages that are free and only listed, and those that list them.
    var free: (listed: [Int], lists: [Int]) {
        var (listed, lists): ([Int], [Int]) = ([], [])
        var next = number(self[1], 32, 4)
        while next != 0 {
            lists.append(next)
            let bytes = self[next]
            listed += (0..<number(bytes, 4, 4)).map { number(bytes, 8 + 4 * $0, 4) }
            next = number(bytes, 0, 4)
        }
        return (listed, lists)
    }

    mutating func fillWithNoise(_ pages: Int...) {
        // 0xA5 begins no page, and is no number of one.
        for page in pages { self[page] = Array(repeating: 0xA5, count: Self.size) }
    }

    /// Adds a page to the file that nothing points to. Returns its number.
    mutating func append(_ page: [UInt8]) -> Int {
        bytes += page
        for (place, shift) in [24, 16, 8, 0].enumerated() { bytes[28 + place] = UInt8(truncatingIfNeeded: count >> shift) }
        return count
    }

    func save() throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

    private func number(_ bytes: [UInt8], _ place: Int, _ count: Int) -> Int {
        bytes[place..<place + count].reduce(0) { $0 << 8 | Int($1) }
    }
}

extension [UInt8] {
    /// These bytes with `text` in the place of another that is as long, wherever that stands.
    func replacing(_ other: String, with text: String) -> [UInt8] {
        var (bytes, old, new) = (self, Array(other.utf8), Array(text.utf8))
        if old.count != new.count { (old, new) = ([], []) }
        guard !old.isEmpty, count >= old.count else { return bytes }
        for place in 0...count - old.count where bytes[place..<place + old.count].elementsEqual(old) {
            bytes.replaceSubrange(place..<place + old.count, with: new)
        }
        return bytes
    }
}
