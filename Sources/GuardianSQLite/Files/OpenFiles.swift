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
/// database, its log and the log's index still stand where they were. What is put back is used again.
///
/// That asks the database and its directory for their times, some microseconds. Only where the directory has changed are the others
/// looked at: a log whose times were asked for has them written anew by its next commit (the multigrain timestamps of Linux 6.13), which
/// costs a quarter of it.
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

    /// A directory, and when an entry of it was made, moved or deleted last.
    private struct Directory: Equatable {
        var device: UInt64
        var number: UInt64
        var changedAt: Timestamp
        var nanoseconds: Int

        init?(of path: String) {
            guard let end = path.lastIndex(of: "/") else { return nil }
            var info = stat()
            guard stat(String(path[...end]), &info) == 0 else { return nil }
            #if canImport(Darwin)
                let time = info.st_mtimespec
            #else
                let time = info.st_mtim
            #endif
            device = UInt64(truncatingIfNeeded: info.st_dev)
            number = UInt64(truncatingIfNeeded: info.st_ino)
            changedAt = Timestamp(milliseconds: Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec / 1_000_000))
            nanoseconds = time.tv_nsec
        }

        /// Whether a later change has another time: the clock of a file system may tick once in 10 ms, and that of an old one once in 2 s.
        var isSettled: Bool {
            let tickMs: Int64 = nanoseconds % 1_000_000 == 0 ? 2000 : 50
            return changedAt.adding(milliseconds: tickMs) < SystemClock().now.wall
        }
    }

    private struct State {
        var files: [File] = []
        /// As it was when all of them stood there; nil when that has to be looked at.
        var seen: Directory?
    }

    /// The log and its index as they were when the store was opened. SQLite itself can tell of the database only.
    private let beside = Mutex(State())

    /// Notes what stands beside the database that `db` is connected to; it must have read since it was opened, and stay open.
    func note(_ db: Database) {
        guard let connection = db.sqliteConnection, let path = Self.path(of: connection) else { return }
        let found = ["-wal", "-shm"].compactMap { File(path: path + $0) }
        beside.withLock { $0 = State(files: found) }
    }

    /// Throws ``StoreError/readOnly(_:)`` when what is written by `db` would not be found by who opens the store next.
    func check(_ db: Database) throws(StoreError) {
        guard let connection = db.sqliteConnection else { throw .unavailable("the store is closed") }
        var hasMoved: CInt = 0
        let answer = sqlite3_file_control(connection, "main", SQLITE_FCNTL_HAS_MOVED, &hasMoved)
        if answer == SQLITE_OK, hasMoved != 0 { throw Self.isGone(Self.path(of: connection) ?? "the file") }
        let noted = beside.withLock { $0 }
        guard let first = noted.files.first else { return }
        // Asked before the files are: what changes in between is seen by the next transaction.
        let directory = Directory(of: first.path)
        if let directory, directory == noted.seen { return }
        for file in noted.files where File(path: file.path) != file { throw Self.isGone(file.path) }
        let seen = directory.flatMap { $0.isSettled ? $0 : nil }
        beside.withLock { $0.seen = seen }
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
