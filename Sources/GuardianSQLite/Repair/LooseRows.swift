internal import GRDB
internal import GuardianCore

/// Rows of one table on leaves to which no way leads, because a page above them is damaged.
///
/// A page that is loose may be an old one, so nothing is taken for a row that is not proved to be stored as it stands there:
/// 1. An index names its rowid, and with it the value that the row itself has in that column. What was deleted is in no index.
/// 2. The page is not free, as far as the list of free pages can be read to its end; where it can't, nothing is taken. So it is no copy that
///    was left behind when rows moved to another page.
/// 3. No tree leads to the page, and the way to this rowid is broken above the leaves.
/// 4. The page is filled as SQLite fills one, and the row has the columns and types of its table. What has overflowed stands on pages that
///    are neither free, nor of a tree, nor of another row.
/// 5. No two such pages differ about the row: nothing tells which of them is newer.
struct LooseRows {
    private struct Place: Equatable {
        var page: Int
        var cell: Int
    }

    private struct Column {
        var name: String
        var type: String
        var isKey: Bool
        var isRequired: Bool
    }

    let layout: FileLayout
    /// What an index says of rows that are wanted.
    let named: [Int64: DatabaseValue]
    /// The column of that index.
    let key: String
    private let columns: [Column]
    private let sealed: Set<String>
    private let cutOff: [ClosedRange<Int64>]

    /// `named`: what the index of the column `key` says of rows that are wanted, by rowid. nil where the table can't be found.
    init?(_ layout: FileLayout, _ db: Database, table: String, key: String, named: [Int64: DatabaseValue]) throws {
        guard let tree = layout.tree(table) else { return nil }
        self.layout = layout
        self.named = named
        self.key = key
        cutOff = tree.cutOff
        sealed = Set(SealedTable.all.first { $0.name == table }?.columns.map(\.name) ?? [])
        columns = try Row.fetchAll(db, sql: "PRAGMA table_info(\(table))").map { row in
            Column(
                name: row["name"], type: (row["type"] as String).uppercased(), isKey: (row["pk"] as Int) == 1,
                isRequired: (row["notnull"] as Int) == 1)
        }
    }

    /// Hands over each row that may be taken: its rowid, and the values of `wanted` columns.
    func read(_ wanted: [String], _ take: (Int64, [DatabaseValue]) throws -> Void) throws {
        let places = places()
        guard !places.isEmpty else { return }
        let order = wanted.map { name in columns.firstIndex { $0.name == name } }
        for number in layout.looseLeaves {
            guard let page = layout.file.tree(number) else { continue }
            for (index, cell) in page.cells.enumerated() where places[cell.rowid] == Place(page: number, cell: index) {
                guard let payload = layout.file.payload(of: cell, in: page), let row = row(payload.bytes, cell.rowid) else { continue }
                try take(cell.rowid, order.map { $0.map { row[$0] } ?? .null })
            }
        }
    }

    /// Where each wanted row stands, if it is clear.
    private func places() -> [Int64: Place] {
        var places: [Int64: Place] = [:]
        var doubted: Set<Int64> = []
        /// Of each overflow page, the row that goes on there.
        var owners: [Int: Int64] = [:]
        for number in layout.looseLeaves {
            guard let page = layout.file.tree(number) else { continue }
            for (index, cell) in page.cells.enumerated() where named[cell.rowid] != nil && isCutOff(cell.rowid) {
                guard let payload = layout.file.payload(of: cell, in: page), payload.chain.allSatisfy(isOverflow) else {
                    doubted.insert(cell.rowid)
                    continue
                }
                if let other = places[cell.rowid] {
                    if content(other) != payload.bytes { doubted.insert(cell.rowid) }
                    continue
                }
                places[cell.rowid] = Place(page: number, cell: index)
                for link in payload.chain {
                    guard let owner = owners.updateValue(cell.rowid, forKey: link) else { continue }
                    doubted.formUnion([owner, cell.rowid])
                }
            }
        }
        for rowid in doubted { places[rowid] = nil }
        return places
    }

    private func isOverflow(_ page: Int) -> Bool { !layout.reached.contains(page) && layout.free?.contains(page) == false }

    private func content(_ place: Place) -> [UInt8]? {
        guard let page = layout.file.tree(place.page) else { return nil }
        return layout.file.payload(of: page.cells[place.cell], in: page)?.bytes
    }

    private func isCutOff(_ rowid: Int64) -> Bool {
        // The last that begins at the rowid or before it.
        var (low, high) = (0, cutOff.count)
        while low < high {
            let middle = (low + high) / 2
            if cutOff[middle].lowerBound <= rowid { low = middle + 1 } else { high = middle }
        }
        return low > 0 && cutOff[low - 1].contains(rowid)
    }

    /// The values of all columns; nil when it is not the row that the index names, or none of this table.
    private func row(_ bytes: [UInt8], _ rowid: Int64) -> [DatabaseValue]? {
        guard var values = StoredRecord.values(bytes), values.count <= columns.count else { return nil }
        // One that was written before a column was added ends before it.
        values += Array(repeating: .null, count: columns.count - values.count)
        for (place, column) in columns.enumerated() {
            if column.isKey, column.type == "INTEGER" {
                // It is the rowid, which a row does not repeat.
                guard values[place].isNull else { return nil }
                values[place] = rowid.databaseValue
            } else if values[place].isNull {
                if column.isRequired { return nil }
            } else if !fits(values[place], column) {
                return nil
            }
            if column.name == key, values[place] != named[rowid] { return nil }
        }
        return values
    }

    private func fits(_ value: DatabaseValue, _ column: Column) -> Bool {
        switch (value.storage, column.type) {
        case (.int64, "INTEGER"), (.string, "TEXT"), (.blob, "BLOB"), (.string, ""), (.blob, ""): true
        case (.blob, "TEXT"): sealed.contains(column.name)
        default: false
        }
    }
}
