internal import GRDB

/// Reads as many rows of a damaged table as can be reached: from both ends, and from probes between what neither end reaches.
struct TableReader {
    /// Reads at places that may be damaged, for one table at most.
    private static let mostProbes = 20_000
    private static let page = 200

    let db: Database
    let table: String
    let columns: [String]
    private var probes = 0

    init(_ db: Database, table: String, columns: [String]) {
        self.db = db
        self.table = table
        self.columns = columns
    }

    /// Hands over rows with their rowids, each once at most; a rowid that no row was read for is in none of the calls.
    mutating func read(upTo highest: Int64, _ take: (Int64, Row) throws -> Void) throws {
        var spans: [(Int64, Int64)] = [(Int64.min / 2, highest)]
        while let (low, high) = spans.popLast(), probes < Self.mostProbes {
            guard low <= high else { continue }
            guard let stopped = try forward(low, high, take) else { continue }
            guard let resumed = try backward(stopped, high, take) else { continue }
            // Between the two something can't be read: look on both sides of the middle.
            let (first, last) = (stopped, resumed - 1)
            guard last > first else { continue }
            let middle = first + (last - first) / 2
            spans.append((first, middle))
            spans.append((middle + 1, last))
        }
    }

    /// From `low` on; the lowest rowid that was not reached, or nil when the end was.
    private mutating func forward(_ low: Int64, _ high: Int64, _ take: (Int64, Row) throws -> Void) throws -> Int64? {
        var next = low
        while true {
            guard let rows = rows("rowid >= \(next) AND rowid <= \(high) ORDER BY rowid", Self.page) else {
                // One by one up to the row that can't be read.
                while let row = rows("rowid >= \(next) AND rowid <= \(high) ORDER BY rowid", 1) {
                    guard let row = row.first else { return nil }
                    try take(row[0], row)
                    next = row[0] as Int64 + 1
                }
                return next
            }
            for row in rows {
                try take(row[0], row)
                next = row[0] as Int64 + 1
            }
            if rows.count < Self.page { return nil }
        }
    }

    /// From `high` down to `low`; the highest rowid below which nothing was reached, or nil when `low` was.
    private mutating func backward(_ low: Int64, _ high: Int64, _ take: (Int64, Row) throws -> Void) throws -> Int64? {
        var next = high
        while true {
            guard let rows = rows("rowid >= \(low) AND rowid <= \(next) ORDER BY rowid DESC", Self.page) else {
                while let row = rows("rowid >= \(low) AND rowid <= \(next) ORDER BY rowid DESC", 1) {
                    guard let row = row.first else { return nil }
                    try take(row[0], row)
                    next = row[0] as Int64 - 1
                }
                return next + 1
            }
            for row in rows {
                try take(row[0], row)
                next = row[0] as Int64 - 1
            }
            if rows.count < Self.page { return nil }
        }
    }

    /// nil when something on the way can't be read.
    private mutating func rows(_ condition: String, _ limit: Int) -> [Row]? {
        probes += 1
        do {
            return try Row.fetchAll(
                db, sql: "SELECT rowid, \(columns.joined(separator: ", ")) FROM \(table) NOT INDEXED WHERE \(condition) LIMIT \(limit)")
        } catch {
            return nil
        }
    }
}
