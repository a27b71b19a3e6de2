internal import GRDBSQLite

/// A version of the SQLite library, and what is known to be wrong with it.
package struct SQLiteVersion: Sendable, Equatable {
    /// As SQLite counts: 3040001 is 3.40.1.
    package var number: Int

    package init(number: Int) { self.number = number }

    /// The library that this process runs on: as a rule the system's.
    package static var current: SQLiteVersion { SQLiteVersion(number: Int(sqlite3_libversion_number())) }

    package var text: String { "\(number / 1_000_000).\(number / 1000 % 1000).\(number % 1000)" }

    /// Whether a copy of the write-ahead log that begins just as another connection makes the log begin anew may lose commits or damage the
    /// file: 3.7.0 to 3.51.2, but for the corrections 3.44.6 and 3.50.7 (https://sqlite.org/wal.html#walresetbug). By the number only; a
    /// system may have mended its library and kept that.
    package var hasResetBug: Bool {
        let isMended = (3_044_006..<3_045_000).contains(number) || (3_050_007..<3_051_000).contains(number) || number >= 3_051_003
        return number >= 3_007_000 && !isMended
    }
}
