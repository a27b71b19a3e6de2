internal import Dispatch
internal import GRDB
internal import GRDBSQLite
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Copies the write-ahead log back into the file, mostly beside the writer: a connection of its own copies while commits go on, so that
/// the writer has only the rest to copy, between two groups (docs/decisions/0045-the-log-is-copied-beside-the-writer.md).
///
/// What can't be copied (a full disk, a reader that is slow) stays in the log, and is as safe there.
final class Checkpointer: Sendable {
    /// Bytes that the log keeps when it begins anew, and from which on the writer makes it do so: a reader that never pauses would otherwise
    /// let it grow without end.
    static let mostBytes: Int64 = 64 << 20

    private struct State {
        /// Pages of the log at which the writer copies what is left, and at which it waits for readers too.
        var limit = Int.max
        var most = Int.max
        /// Pages at which the next copy beside the writer begins.
        var next = Int.max
        /// What the log had at the last look: fewer now mean that it has begun anew.
        var last = 0
        var isUnderWay = false
    }

    private let path: String
    private let configuration: GRDB.Configuration
    private let state = Mutex(State())
    /// Pages in the log as of the last commit of the writer's connection.
    private let pages = Atomic<Int>(0)
    private let queue = DispatchQueue(label: "guardian.checkpoint", qos: .utility)
    /// The connection that copies, made at first use; touched on `queue` only.
    private let connection = Mutex<DatabaseQueue?>(nil)

    init(path: String, configuration: GRDB.Configuration) {
        self.path = path
        self.configuration = configuration
    }

    /// Takes the place of SQLite's own checkpoints on the writer's connection, which come inside of a commit. `logBytes`: what the log has
    /// when the writer copies what is left of it. This object must live as long as the connection is used.
    func begin(_ db: Database, logBytes: Int64) throws {
        let page = max(512, try Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
        try db.execute(sql: "PRAGMA journal_size_limit = \(Self.mostBytes)")
        state.withLock { state in
            state.limit = max(8, Int(clamping: logBytes / page))
            state.most = max(state.limit, Int(clamping: Self.mostBytes / page))
            state.next = state.limit / 2
        }
        let hook: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafePointer<CChar>?, CInt) -> CInt = { context, _, _, pages in
            if let context { Unmanaged<Checkpointer>.fromOpaque(context).takeUnretainedValue().pages.store(Int(pages), ordering: .relaxed) }
            return SQLITE_OK
        }
        sqlite3_wal_hook(db.sqliteConnection, hook, Unmanaged.passUnretained(self).toOpaque())
    }

    /// After a commit. Begins a copy beside the writer when it is time; true when there is something for the writer to copy.
    func look() -> Bool {
        let now = pages.load(ordering: .relaxed)
        let (isBeside, isOwn) = state.withLock { state -> (Bool, Bool) in
            if now < state.last { state.next = state.limit / 2 }
            state.last = now
            guard now >= state.next, !state.isUnderWay else { return (false, false) }
            guard now < state.limit else { return (false, true) }
            state.next = now + state.limit / 8
            state.isUnderWay = true
            return (true, false)
        }
        if isBeside { queue.async { self.copyBeside() } }
        return isOwn
    }

    /// Copies what is left, so that the log begins anew with the next commit; waits for readers once it is far too long. On the writer's
    /// queue.
    func copyRest(_ db: Database) {
        let isFarTooLong = state.withLock { $0.last >= $0.most }
        do { _ = try db.checkpoint(isFarTooLong ? .restart : .passive) } catch {}
    }

    /// Copies the whole log and empties its file. SQLite does not wait for a copy of somebody else's: this does, `patienceMs` at most. On the
    /// writer's queue, outside of a transaction.
    static func empty(_ db: Database, patienceMs: Int) throws {
        let end = DispatchTime.now() + .milliseconds(patienceMs)
        while true {
            do {
                _ = try db.checkpoint(.truncate)
                return
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && DispatchTime.now() < end {
                usleep(5000)
            }
        }
    }

    private func copyBeside() {
        defer { state.withLock { $0.isUnderWay = false } }
        do {
            let connection = try connection.withLock { held in
                if let held { return held }
                let made = try DatabaseQueue(path: path, configuration: configuration)
                held = made
                return made
            }
            try connection.writeWithoutTransaction { db in _ = try db.checkpoint(.passive) }
        } catch {}
    }

    /// Ends the connection that copies, after a copy under way.
    func close() {
        queue.sync {
            connection.withLock { held in
                do { try held?.close() } catch {}
                held = nil
            }
        }
    }
}
