internal import Dispatch
internal import GRDB
internal import GRDBSQLite
internal import GuardianCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Copies the write-ahead log back into the file, mostly beside the writer: a connection of its own copies while commits go on, so that
/// the writer has only the rest to copy, between two groups (docs/decisions/0045-the-log-is-copied-beside-the-writer.md). Who copies when
/// is ``CopyPlan``'s to say: all that copies a store's log in this process goes through this object.
///
/// What can't be copied (a full disk, a reader that is slow) stays in the log, and is as safe there.
final class Checkpointer: Sendable {
    /// Bytes that the log keeps when it begins anew, and from which on the writer makes it do so: readers that never pause, one after the
    /// other, would let it grow without end.
    static let mostBytes: Int64 = 64 << 20
    /// Milliseconds that the writer waits for readers then. Nobody can write meanwhile, in other processes either. Who reads for longer,
    /// such as a backup, must not hold them up: the log grows by its limit before the writer waits again.
    private static let readersMs: CInt = 100

    private let path: String
    private let configuration: GRDB.Configuration
    /// Milliseconds that the writer waits for another process's write.
    private let busyTimeoutMs: Int
    private let plan = Mutex(CopyPlan(limit: .max, most: .max))
    /// Pages in the log as of the last commit of the writer's connection.
    private let pages = Atomic<Int>(0)
    private let queue = DispatchQueue(label: "guardian.checkpoint", qos: .utility)
    /// The connection that copies beside the writer; nil before the store is open, and once it is closed.
    private let connection = Mutex<DatabaseQueue?>(nil)

    init(path: String, configuration: GRDB.Configuration, busyTimeoutMs: Int) {
        self.path = path
        self.configuration = configuration
        self.busyTimeoutMs = busyTimeoutMs
    }

    /// Takes the place of SQLite's own checkpoints on the writer's connection, which come inside of a commit. `logBytes`: what the log has
    /// when the writer copies what is left of it. This object must live as long as the connection is used.
    func begin(_ db: Database, logBytes: Int64) throws {
        let page = max(512, try Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
        try db.execute(sql: "PRAGMA journal_size_limit = \(Self.mostBytes)")
        let limit = max(8, Int(clamping: logBytes / page))
        let most = max(limit, Int(clamping: Self.mostBytes / page))
        plan.withLock { $0 = CopyPlan(limit: limit, most: most) }
        let hook: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafePointer<CChar>?, CInt) -> CInt = { context, _, _, pages in
            if let context { Unmanaged<Checkpointer>.fromOpaque(context).takeUnretainedValue().pages.store(Int(pages), ordering: .relaxed) }
            return SQLITE_OK
        }
        sqlite3_wal_hook(db.sqliteConnection, hook, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Opens the connection that copies beside the writer. As the store is opened, and not when it is needed: by then another file may
    /// stand under that name, into which this log must not go.
    func open() throws {
        let made = try DatabaseQueue(path: path, configuration: configuration)
        connection.withLock { $0 = made }
    }

    /// After a commit. Begins a copy beside the writer when it is time; true when there is something for the writer to copy.
    func look() -> Bool {
        let now = pages.load(ordering: .relaxed)
        switch plan.withLock({ $0.look(now) }) {
        case .nobody: return false
        case .writer: return true
        case .beside(let round):
            queue.async { self.copyBeside(round) }
            return false
        }
    }

    /// Copies on the writer's queue, outside of a transaction; how far is SQLite's to say. False when a copy is under way, another process
    /// writes, or the store is closed.
    ///
    /// The connection beside the writer's does it, while the writer's keeps everybody from committing: what ``CopyPlan`` avoids within this
    /// process can't happen with others either.
    @discardableResult
    func copy(_ db: Database) throws -> Bool {
        guard let writer = db.sqliteConnection, let copier = connection.withLock({ $0 }) else { return false }
        sqlite3_busy_timeout(writer, 0)
        let isLocked = sqlite3_exec(writer, "BEGIN IMMEDIATE", nil, nil, nil) == SQLITE_OK
        sqlite3_busy_timeout(writer, CInt(clamping: busyTimeoutMs))
        guard isLocked else { return false }
        defer { sqlite3_exec(writer, "ROLLBACK", nil, nil, nil) }
        return try inTurn { try copier.writeWithoutTransaction { try $0.checkpoint(.passive).checkpointedFrameCount } }
    }

    /// The same by the writer's connection, in a mode in which SQLite itself keeps others from committing.
    private func copy(_ db: Database, _ mode: Database.CheckpointMode) throws -> Bool {
        guard db.sqliteConnection != nil else { return false }
        return try inTurn { try db.checkpoint(mode).checkpointedFrameCount }
    }

    /// Runs a copy of the writer's, which says how far it got, unless somebody else copies.
    private func inTurn(_ body: () throws -> Int) throws -> Bool {
        guard let round = plan.withLock({ $0.begin() }) else { return false }
        do {
            let copied = try body()
            plan.withLock { $0.end(round: round, copied: copied) }
        } catch {
            let now = pages.load(ordering: .relaxed)
            plan.withLock { $0.fail(round: round, pages: now) }
            throw error
        }
        return true
    }

    /// Copies what is left, so that the log begins anew with the next commit. Once it is far too long it waits for the copy beside the
    /// writer, and a little for readers. On the writer's queue.
    func copyRest(_ db: Database) {
        guard plan.withLock({ $0.waitsForReaders }), let writer = db.sqliteConnection else {
            do { try copy(db) } catch {}
            return
        }
        waitForCopy()
        sqlite3_busy_timeout(writer, Self.readersMs)
        defer { sqlite3_busy_timeout(writer, CInt(clamping: busyTimeoutMs)) }
        do { _ = try copy(db, .restart) } catch { plan.withLock { $0.hasWaitedInVain() } }
    }

    /// Copies the whole log and empties its file. False when others read, write or copy for too long. On the writer's queue, outside of a
    /// transaction.
    func emptyOnce(_ db: Database) throws -> Bool {
        guard db.sqliteConnection != nil else { throw StoreError.unavailable("the store is closed") }
        do { return try copy(db, .truncate) } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY { return false }
    }

    /// The same, time and again for `patienceMs`: SQLite does not wait for a copy of somebody else's.
    func empty(_ db: Database, patienceMs: Int) throws {
        let end = DispatchTime.now() + .milliseconds(patienceMs)
        while try !emptyOnce(db) {
            guard DispatchTime.now() < end else {
                throw DatabaseError(resultCode: .SQLITE_BUSY, message: "the log can't be emptied while somebody else reads or writes")
            }
            usleep(5000)
        }
    }

    private func copyBeside(_ round: Int) {
        let held = connection.withLock { $0 }
        do {
            guard let held else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
            let copied = try held.writeWithoutTransaction { db in try db.checkpoint(.passive).checkpointedFrameCount }
            plan.withLock { $0.end(round: round, copied: copied) }
        } catch {
            let now = pages.load(ordering: .relaxed)
            plan.withLock { $0.fail(round: round, pages: now) }
        }
    }

    /// Returns when the copy beside the writer that was chosen, if there is one, has ended. Not on `queue`.
    func waitForCopy() { queue.sync {} }

    /// Ends the connection that copies.
    func close() {
        queue.sync {
            connection.withLock { held in
                do { try held?.close() } catch {}
                held = nil
            }
        }
    }
}
