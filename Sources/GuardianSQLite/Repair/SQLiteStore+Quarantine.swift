internal import Foundation
internal import GRDB
public import GuardianCore

extension SQLiteStore {
    /// What a salvage goes on without where the disk can't read it; anything else is an error, and changes nothing.
    public enum PassedOver: Sendable {
        /// A disk that fails for a moment may be well in the next.
        case nothing
        /// Pages of the database: what stood in them is named, or counted.
        case pages
        /// The write-ahead log too, from the first place on that can't be read: how much was acknowledged behind it nobody can say.
        case pagesAndLog
    }

    /// Sets a damaged store aside and puts a new one in its place, with all that could be read of it; what could not is named.
    ///
    /// The damaged files are copied first and only ever read as that copy, in which what the disk can't read, and may be passed over, is
    /// zeroes; they keep every byte, under `…damaged-TIME`, with a report (`.json`) beside them. Throws when another process has the store
    /// open (``StoreError/inUse(_:)``), when there is no room for the copy and for the new store with its log, each as large as the store,
    /// when the disk can't read what may not be passed over (``StoreError/unavailable(_:)``; ``StoreError/corrupt(_:)`` for the log), or
    /// when the file holds tables of somebody else's, which this must not take away.
    public static func quarantine(
        _ configuration: Configuration, problem: String, now: Timestamp, passingOver passed: PassedOver = .nothing
    ) throws(StoreError) -> SalvageReport {
        let files = StoreFiles(path: configuration.path)
        let (copy, fresh) = (configuration.path + ".salvage-source", configuration.path + ".salvage-new")
        func sweep() { for path in [copy, fresh] { Disk.removeDatabase(path) } }
        do {
            try files.finishReplacing()
            sweep()
            defer { sweep() }
            let bytes = files.bytes
            // The copy, the new store, and its log: all of it goes over in one transaction.
            let needed = 3 * (bytes.database + bytes.log) + 1 << 20
            if let free = Disk.freeBytes(at: configuration.path), free < needed { throw StoreError.full(free: free, needed: needed) }
            let isEmptied = files.emptied != nil
            return try files.whileAlone { file in
                guard !isEmptied || files.emptied != nil else { throw StoreError.unavailable("somebody makes the store anew") }
                let unread = try Disk.copy(file, to: copy, passesOver: passed != .nothing)
                let unreadLog = try copyLog(files, to: copy + "-wal", passed)
                try refuseStrangers(copy)
                var making = configuration
                making.path = fresh
                let store = try open(making)
                let aside = files.free("damaged", now)
                var found = SalvageReport(aside: aside, problem: problem)
                found.unreadBytes = unread + unreadLog
                found.unreadLogBytes = unreadLog
                let report = try SalvageRun.run(from: copy, to: store, found, now: now)
                let check = try store.pool.read { db in try checkReport(db) }
                // Only the file is put in place, so all must be in it: closing a store passes over what can't be copied back.
                let patienceMs = configuration.busyTimeoutMs
                try store.pool.writeWithoutTransaction { db in try store.queue.checkpointer.empty(db, patienceMs: patienceMs) }
                try store.close()
                guard (Disk.size(of: fresh + "-wal") ?? 0) == 0 else {
                    throw StoreError.unavailable("what was salvaged can't be copied into its file; make room, or look at the disk")
                }
                guard check.problems.isEmpty else { throw StoreError.corrupt("what was salvaged does not check: \(check.problems[0])") }
                try Disk.sync(fresh)
                try Data(report.json.text.utf8).write(to: URL(fileURLWithPath: aside + ".json"))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: aside + ".json")
                try files.replace(with: fresh, keepingAs: aside)
                return report
            }
        } catch {
            throw StoreError(error, path: configuration.path)
        }
    }

    /// Returns how many bytes of the log could not be read.
    private static func copyLog(_ files: StoreFiles, to copy: String, _ passed: PassedOver) throws -> Int64 {
        guard Disk.size(of: files.log) != nil else { return 0 }
        let log = try Disk.openToRead(files.log)
        defer { Disk.close(log) }
        let unread = try Disk.copy(log, to: copy, passesOver: true)
        guard unread == 0 || passed == .pagesAndLog else {
            throw StoreError.corrupt(
                "\(unread) bytes of the write-ahead log can't be read, and what was acknowledged last stands in it; "
                    + "`guardian check --repair` goes on without that")
        }
        return unread
    }

    /// Tables that are not ours, in a file that can still be asked.
    private static func refuseStrangers(_ copy: String) throws {
        let names: [String]
        do {
            let queue = try DatabaseQueue(path: copy)
            names = try queue.inDatabase { db in
                try String.fetchAll(
                    db,
                    sql: """
                        SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'guardian%' AND name NOT LIKE 'sqlite%'
                            AND name NOT LIKE 'grdb%'
                        """)
            }
            try queue.close()
        } catch {
            return
        }
        guard names.isEmpty else {
            throw StoreError.corrupt("the file holds tables of an app too (\(names.sorted().joined(separator: ", "))), and is left to it")
        }
    }

    /// Looks at the whole file when something in it could not be read before. nil when it is sound, or not there.
    public static func findDamage(_ configuration: Configuration) throws(StoreError) -> String? {
        let files = StoreFiles(path: configuration.path)
        if let emptied = files.emptied { return emptied }
        guard files.exists else { return nil }
        do {
            try files.finishReplacing()
            try lookBeforeWriting(configuration)
            guard files.isSuspected else { return nil }
            if let problem = try integrityProblems(configuration).first { return problem }
            // SQLite takes any value that is sealed for whole.
            if let problem = try sealingDamage(configuration) { return problem }
            files.clearSuspicion()
            return nil
        } catch {
            return try damage(error, files)
        }
    }

    /// What SQLite's own check says of pages and indexes; empty when all is well.
    package static func integrityProblems(_ configuration: Configuration) throws(StoreError) -> [String] {
        if let emptied = StoreFiles(path: configuration.path).emptied { return [emptied] }
        do {
            var reading = connections(configuration)
            reading.readonly = true
            let queue = try DatabaseQueue(path: configuration.path, configuration: reading)
            let found = try queue.inDatabase { db in try String.fetchAll(db, sql: "PRAGMA integrity_check(20)").filter { $0 != "ok" } }
            try queue.close()
            return found
        } catch {
            return [try damage(error, StoreFiles(path: configuration.path))]
        }
    }

    /// What is damaged where a look at the file has failed; throws what it failed for where nothing is.
    private static func damage(_ error: any Error, _ files: StoreFiles) throws(StoreError) -> String {
        let failure = StoreError(error, path: files.path)
        if case .corrupt(let what) = failure { return what }
        // As it opens a file, SQLite does not say what kept it from reading.
        guard let error = error as? DatabaseError, error.resultCode == .SQLITE_IOERR, files.hasUnreadableHeader else { throw failure }
        return "the header of the file can't be read"
    }
}
