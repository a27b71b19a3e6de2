internal import GRDB
internal import GRDBSQLite
internal import GuardianCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The files that a store has open: they must be those that the next start finds.
///
/// SQLite goes on with a file that somebody has moved, replaced or deleted, and every commit succeeds: into a file without a name, which is
/// gone with the process, or beside a log that the database under its name knows nothing of. So each transaction asks first whether the
/// database, its log and the log's index still stand where they were: three calls of `stat`, some microseconds, where a commit costs an
/// fsync. What is put back is used again.
final class OpenFiles: Sendable {
    private struct File: Equatable {
        var path: String
        var device: UInt64
        var number: UInt64

        /// nil when nothing stands there.
        init?(path: String) {
            var info = stat()
            guard stat(path, &info) == 0 else { return nil }
            self.path = path
            device = UInt64(truncatingIfNeeded: info.st_dev)
            number = UInt64(truncatingIfNeeded: info.st_ino)
        }
    }

    /// The log and its index as they were when the store was opened. SQLite itself can tell of the database only.
    private let beside = Mutex<[File]>([])

    /// Notes what stands beside the database that `db` is connected to; it must have read since it was opened, and stay open.
    func note(_ db: Database) {
        guard let connection = db.sqliteConnection, let path = Self.path(of: connection) else { return }
        let found = ["-wal", "-shm"].compactMap { File(path: path + $0) }
        beside.withLock { $0 = found }
    }

    /// Throws ``StoreError/readOnly(_:)`` when what is written by `db` would not be found by who opens the store next.
    func check(_ db: Database) throws(StoreError) {
        guard let connection = db.sqliteConnection else { throw .unavailable("the store is closed") }
        var hasMoved: CInt = 0
        let answer = sqlite3_file_control(connection, "main", SQLITE_FCNTL_HAS_MOVED, &hasMoved)
        if answer == SQLITE_OK, hasMoved != 0 { throw Self.isGone(Self.path(of: connection) ?? "the file") }
        let noted = beside.withLock { $0 }
        for file in noted where File(path: file.path) != file { throw Self.isGone(file.path) }
    }

    private static func isGone(_ path: String) -> StoreError {
        .readOnly("\(path) was moved, replaced or deleted while in use; put it back, or restart")
    }

    /// The database's own name, links followed: its log stands beside that.
    private static func path(of connection: OpaquePointer) -> String? {
        guard let name = sqlite3_db_filename(connection, "main") else { return nil }
        let path = String(cString: name)
        return path.isEmpty ? nil : path
    }
}
