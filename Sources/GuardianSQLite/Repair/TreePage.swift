/// One page of a b-tree, taken apart: of a table, in the order of rowids, or of an index.
struct TreePage {
    struct Cell {
        /// Which bytes of the page it takes.
        var place: Range<Int>
        /// The page below, with all that comes before this cell; nil on a leaf.
        var child: Int?
        /// Of a cell of a table.
        var rowid: Int64 = 0
        /// Bytes that it holds in all; 0 for those of a table that only show the way.
        var payload = 0
        /// Those of them that stand in this page.
        var local = 0..<0
        /// The page on which they go on, or 0.
        var overflow = 0
    }

    let bytes: [UInt8]
    let isTable: Bool
    let isLeaf: Bool
    let cells: [Cell]
    private let usable: Int
    /// Where its head begins: behind the file's own on the first page.
    private let start: Int

    /// nil for what SQLite does not take for a page of a tree either, when it looks at the size of each cell (`PRAGMA cell_size_check`).
    init?(_ bytes: [UInt8], number: Int, usable: Int) {
        let start = number == 1 ? 100 : 0
        let kind = bytes[start]
        guard [2, 5, 10, 13].contains(kind) else { return nil }
        let (isTable, isLeaf) = (kind == 5 || kind == 13, kind >= 10)
        let head = start + (isLeaf ? 8 : 12)
        let count = PageFile.int(bytes, at: start + 3, bytes: 2)
        guard count <= (bytes.count - 8) / 6 else { return nil }
        let room = head + 2 * count...usable - (isLeaf ? 4 : 5)
        var cells: [Cell] = []
        cells.reserveCapacity(count)
        for index in 0..<count {
            let place = PageFile.int(bytes, at: head + 2 * index, bytes: 2)
            guard room.contains(place),
                let cell = TreePage.cell(bytes, at: place, usable: usable, isTable: isTable, isLeaf: isLeaf)
            else { return nil }
            cells.append(cell)
        }
        self.bytes = bytes
        self.isTable = isTable
        self.isLeaf = isLeaf
        self.cells = cells
        self.usable = usable
        self.start = start
    }

    /// The page with all that comes behind the last cell; of a page that is no leaf.
    var lastChild: Int { PageFile.int(bytes, at: start + 8, bytes: 4) }

    /// Whether cells and free blocks fill the page from its first cell to its end, as SQLite leaves it and its integrity check wants it, and
    /// rowids rise: noise in the page leaves that so only where it has hit nothing but the inside of a cell.
    var isPacked: Bool {
        let first = PageFile.int(bytes, at: start + 5, bytes: 2)
        let begin = first == 0 ? 65_536 : first
        var places = cells.map(\.place)
        var block = PageFile.int(bytes, at: start + 1, bytes: 2)
        while block != 0 {
            guard block >= begin, block <= usable - 4 else { return false }
            let end = block + PageFile.int(bytes, at: block + 2, bytes: 2)
            let next = PageFile.int(bytes, at: block, bytes: 2)
            guard end >= block + 4, end <= usable, next == 0 || next > end + 3 else { return false }
            places.append(block..<end)
            block = next
        }
        places.sort { $0.lowerBound < $1.lowerBound }
        guard begin <= usable, places.first?.lowerBound ?? begin >= begin else { return false }
        for (one, other) in zip(places, places.dropFirst()) where one.upperBound > other.lowerBound { return false }
        let rise = isTable ? zip(cells, cells.dropFirst()).allSatisfy { $0.rowid < $1.rowid } : true
        // Up to three bytes between cells are no block, but counted.
        return rise && places.reduce(0) { $0 + $1.count } + Int(bytes[start + 7]) == usable - begin
    }

    private static func cell(_ bytes: [UInt8], at place: Int, usable: Int, isTable: Bool, isLeaf: Bool) -> Cell? {
        var at = place + (isLeaf ? 0 : 4)
        var cell = Cell(place: place..<place, child: isLeaf ? nil : PageFile.int(bytes, at: place, bytes: 4))
        if isLeaf || !isTable {
            guard let size = varint(bytes, &at, usable), let payload = Int32(exactly: size) else { return nil }
            cell.payload = Int(payload)
        }
        if isTable {
            guard let rowid = varint(bytes, &at, usable) else { return nil }
            cell.rowid = Int64(bitPattern: rowid)
        }
        // How much of it stays in the page is a rule of the format.
        let most = isTable ? usable - 35 : (usable - 12) * 64 / 255 - 23
        var local = cell.payload
        if cell.payload > most {
            let least = (usable - 12) * 32 / 255 - 23
            local = least + (cell.payload - least) % (usable - 4)
            if local > most { local = least }
        }
        cell.local = at..<at + local
        var end = at + local
        if local < cell.payload {
            guard end + 4 <= usable else { return nil }
            cell.overflow = PageFile.int(bytes, at: end, bytes: 4)
            end += 4
        }
        end = max(end, place + 4)
        guard end <= usable else { return nil }
        cell.place = place..<end
        return cell
    }

    /// A number of one to nine bytes; nil where it goes on beyond `end`.
    static func varint(_ bytes: [UInt8], _ at: inout Int, _ end: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in 0..<9 {
            guard at < end else { return nil }
            let byte = bytes[at]
            at += 1
            if index == 8 { return value << 8 | UInt64(byte) }
            value = value << 7 | UInt64(byte & 0x7f)
            if byte < 0x80 { return value }
        }
        return value
    }
}
