internal import GRDB

/// Reads as many rows of a damaged table as can be reached: from both ends, and from probes between what neither end reaches.
struct TableReader {
    /// Reads that fail, for one table at most.
    private static let mostFailures = 20_000
    private static let page = 200

    let db: Database
    let table: String
    let columns: [String]
    /// Reads that have failed: with none, all that the table holds was read.
    private(set) var failures = 0

    init(_ db: Database, table: String, columns: [String]) {
        self.db = db
        self.table = table
        self.columns = columns
    }

    /// Hands over rows with their rowids, each once at most; a rowid that no row was read for is in none of the calls.
    ///
    /// `unreachable`, which is asked for when something can't be read: rowids, in their order, that stand where no read leads to. Between
    /// rowids that are hashes, or beyond the last one, probes would find no end there.
    mutating func read(avoiding unreachable: () -> [ClosedRange<Int64>], _ take: (Int64, Row) throws -> Void) throws {
        guard let stopped = try forward(Int64.min, Int64.max, take) else { return }
        var spans = Self.spans(from: stopped, without: unreachable())
        while let (low, high) = spans.popLast(), failures < Self.mostFailures {
            guard let stopped = try forward(low, high, take) else { continue }
            guard let last = try backward(stopped, high, take), last > stopped else { continue }
            // Between the two something can't be read: look on both sides of the middle.
            let middle = stopped + Int64(UInt64(bitPattern: last &- stopped) / 2)
            spans.append((stopped, middle))
            spans.append((middle + 1, last))
        }
    }

    /// What is left from `start` on.
    private static func spans(from start: Int64, without ranges: [ClosedRange<Int64>]) -> [(Int64, Int64)] {
        var spans: [(Int64, Int64)] = []
        var low = start
        for range in ranges where range.upperBound >= low {
            if range.lowerBound > low { spans.append((low, range.lowerBound - 1)) }
            guard range.upperBound < Int64.max else { return spans }
            low = range.upperBound + 1
        }
        return spans + [(low, Int64.max)]
    }

    /// From `low` on; the lowest rowid that was not reached, or nil when the end was.
    private mutating func forward(_ low: Int64, _ high: Int64, _ take: (Int64, Row) throws -> Void) throws -> Int64? {
        var next = low
        var limit = Self.page
        while true {
            guard let (rows, isEnd) = rows("ASC", next, high, limit) else {
                // One by one up to the row that can't be read.
                guard limit > 1 else { return next }
                limit = 1
                continue
            }
            for row in rows { try take(row[0], row) }
            guard !isEnd, let last = rows.last.map({ $0[0] as Int64 }), last < high else { return nil }
            next = last + 1
        }
    }

    /// From `high` down to `low`; the highest rowid that was not reached, or nil when `low` was.
    private mutating func backward(_ low: Int64, _ high: Int64, _ take: (Int64, Row) throws -> Void) throws -> Int64? {
        var next = high
        var limit = Self.page
        while true {
            guard let (rows, isEnd) = rows("DESC", low, next, limit) else {
                guard limit > 1 else { return next }
                limit = 1
                continue
            }
            for row in rows { try take(row[0], row) }
            guard !isEnd, let last = rows.last.map({ $0[0] as Int64 }), last > low else { return nil }
            next = last - 1
        }
    }

    /// nil when something on the way can't be read. Rows end before one that is not where it belongs: its rowid has changed, and the next read
    /// would go back to it.
    private mutating func rows(_ order: String, _ low: Int64, _ high: Int64, _ limit: Int) -> (rows: [Row], isEnd: Bool)? {
        do {
            let find = try db.cachedStatement(
                sql: """
                    SELECT rowid, \(columns.joined(separator: ", ")) FROM \(table) NOT INDEXED
                    WHERE rowid >= ? AND rowid <= ? ORDER BY rowid \(order) LIMIT ?
                    """)
            let rows = try Row.fetchAll(find, arguments: [low, high, limit])
            let rowids = rows.map { $0[0] as Int64 }
            let wrong = rowids.indices.first { place in
                let before = place > 0 ? rowids[place - 1] : nil
                let isBehind = before.map { order == "ASC" ? $0 < rowids[place] : $0 > rowids[place] } ?? true
                return !isBehind || !(low...high).contains(rowids[place])
            }
            guard let wrong else { return (rows, rows.count < limit) }
            failures += 1
            return wrong > 0 ? (Array(rows[..<wrong]), false) : nil
        } catch {
            failures += 1
            return nil
        }
    }
}
