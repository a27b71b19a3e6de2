internal import GRDB
public import GuardianCore

extension SQLiteStore {
    /// What a backup holds.
    public struct BackupReport: Sendable, Equatable {
        /// The file that was made: the target that was asked for.
        public var path: String
        /// Bytes of that file; free pages of the store are not in it.
        public var bytes: Int64
        /// Pending, processing and failed operations in it.
        public var operations: Int64
        /// The `now` of the call. It stands in the backup too: restored, outcomes count as unknown from it on.
        public var takenAt: Timestamp
    }

    /// The setting that says when a backup was taken.
    static let backupSetting = "backup_at"

    /// Where a copy is made that has not got its name yet: a directory of its own. Once that is gone, nothing of the copy can be written.
    package struct BackupPlace: Sendable {
        let target: String
        let directory: String
        /// The copy.
        package let file: String

        init(for target: String) {
            self.target = target
            directory = target + ".partial"
            file = directory + "/copy.sqlite"
        }

        /// All that there may be of it; the directory comes last.
        package var parts: [String] { Disk.databaseFiles(file) + [directory] }

        func remove() {
            Disk.removeDatabase(file)
            Disk.removeDirectory(directory)
        }
    }

    /// Makes the place of a backup to `target`, for ``backup(in:now:)``. An existing file is refused; what an earlier backup to the same
    /// target has left goes, and what else stands where the copy is to be made is refused.
    package static func prepareBackup(to target: String) throws(StoreError) -> BackupPlace {
        guard Disk.size(of: target) == nil else { throw .readOnly("\(target) exists already; choose another name") }
        let place = BackupPlace(for: target)
        if Disk.holdsDirectory(place.directory) == true { place.remove() }
        try Disk.createDirectory(place.directory)
        return place
    }

    /// Copies the store as it is at one moment to `target`, beside whatever reads and writes it; compact, checked, on disk when it returns.
    ///
    /// Reads in one snapshot (`VACUUM INTO`), so writers are not held up. `target` appears only when all of it has been checked; an
    /// existing file is refused.
    public func backup(to target: String, now: Timestamp) async throws(StoreError) -> BackupReport {
        try await backup(in: Self.prepareBackup(to: target), now: now)
    }

    /// The same in a place that is there already. It is gone in the end.
    package func backup(in place: BackupPlace, now: Timestamp) async throws(StoreError) -> BackupReport {
        let (copy, target) = (place.file, place.target)
        do {
            try Disk.create(copy)
            let source = try DatabaseQueue(path: configuration.path, configuration: Self.connections(configuration))
            try await source.writeWithoutTransaction { db in try db.execute(sql: "VACUUM INTO ?", arguments: [copy]) }
            try source.close()
            let report = try await Self.seal(copy, now)
            try Disk.sync(copy)
            guard Disk.rename(copy, to: target) else { throw StoreError.readOnly("\(target): \(Disk.errorText())") }
            place.remove()
            Disk.syncDirectory(of: target)
            return BackupReport(
                path: target, bytes: Disk.size(of: target) ?? 0, operations: report.pending + report.processing + report.failed,
                takenAt: now)
        } catch {
            // Before the room that the copy takes is there again.
            let failure = StoreError(error, path: target)
            place.remove()
            throw failure
        }
    }

    /// Notes in the copy when it was taken, and checks all of it.
    private static func seal(_ copy: String, _ now: Timestamp) async throws -> CheckReport {
        let queue = try DatabaseQueue(path: copy)
        let report = try await queue.writeWithoutTransaction { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO guardian_setting (name, value) VALUES (?, ?)",
                arguments: [backupSetting, "\(now.milliseconds)"])
            return try checkReport(db)
        }
        try queue.close()
        guard report.problems.isEmpty else { throw StoreError.corrupt("the copy does not check: \(report.problems[0])") }
        return report
    }

    /// What restoring `backup` would bring back, and what is in the store now; changes nothing.
    package struct RestorePlan: Sendable, Equatable {
        package var takenAt: Timestamp
        /// Stored operations in the backup.
        package var operations: Int64
        /// Stored operations in the present store that the backup does not have; nil when the present store can't be read.
        package var missing: Int64?
    }

    /// Looks at both sides of a restore. Throws when the backup is no store of ours, is damaged, or is of a newer version.
    package static func planRestore(of backup: String, into configuration: Configuration) throws(StoreError) -> RestorePlan {
        do {
            guard Disk.size(of: backup) != nil else { throw StoreError.unavailable("there is no backup at \(backup)") }
            if let unfitness = Disk.unfitness(of: backup) { throw StoreError.unavailable(unfitness) }
            var looking = Configuration(path: backup, ordering: configuration.ordering, readOnly: true)
            looking.readers = 1
            looking.sealing = configuration.sealing
            try lookBeforeWriting(looking)
            var reading = GRDB.Configuration()
            reading.readonly = true
            let queue = try DatabaseQueue(path: backup, configuration: reading)
            let (takenAt, report, newest) = try queue.read { db in
                guard try db.tableExists("guardian_setting"), try db.tableExists("guardian_books") else {
                    throw StoreError.unavailable("it is no store of GuardianSync's")
                }
                let at = try Int64.fetchOne(
                    db, sql: "SELECT CAST(value AS INTEGER) FROM guardian_setting WHERE name = ?", arguments: [backupSetting])
                return (at, try checkReport(db), try Int64.fetchOne(db, sql: "SELECT next_seq FROM guardian_books") ?? 0)
            }
            try queue.close()
            guard let takenAt else { throw StoreError.unavailable("it was not made by `guardian backup`") }
            guard report.problems.isEmpty else { throw StoreError.corrupt("the backup: \(report.problems[0])") }
            return RestorePlan(
                takenAt: Timestamp(milliseconds: takenAt), operations: report.pending + report.processing + report.failed,
                missing: missing(since: newest, configuration))
        } catch {
            throw StoreError(error, path: backup)
        }
    }

    private static func missing(since seq: Int64, _ configuration: Configuration) -> Int64? {
        let files = StoreFiles(path: configuration.path)
        guard files.emptied == nil else { return nil }
        guard files.exists else { return 0 }
        do {
            var reading = connections(configuration)
            reading.readonly = true
            let queue = try DatabaseQueue(path: configuration.path, configuration: reading)
            let count = try queue.read { db in
                try Int64.fetchOne(db, sql: "SELECT count(*) FROM guardian_operation WHERE seq >= ?", arguments: [seq])
            }
            try queue.close()
            return count
        } catch {
            // Damaged, or none of ours: it is kept as it is, and what it holds is not known.
            return nil
        }
    }

    /// Puts a backup in the place of the store, which is kept beside it. Returns where. Throws ``StoreError/inUse(_:)`` when a process has
    /// the store open.
    ///
    /// What waits in a backup may have been delivered since, and what has failed in it may have been retried: the outcome counts as unknown
    /// from the backup on, so that nothing is folded or sent under another key, and what is older than the upstream remembers is looked up
    /// first.
    public static func restore(_ backup: String, into configuration: Configuration, now: Timestamp) throws(StoreError) -> String? {
        let files = StoreFiles(path: configuration.path)
        let plan = try planRestore(of: backup, into: configuration)
        let fresh = configuration.path + ".restoring"
        do {
            try files.finishReplacing()
            Disk.removeDatabase(fresh)
            // An empty file would look like a store that was cut, for as long as the copy takes: one that is not there is made behind it.
            let isMissing = Disk.size(of: configuration.path) == nil
            if isMissing {
                try Disk.makeDirectory(Disk.directory(of: configuration.path))
            } else {
                try Disk.prepare(path: configuration.path)
            }
            let source = try Disk.openToRead(backup)
            defer { Disk.close(source) }
            try Disk.copy(source, to: fresh)
            try markRestored(fresh, plan.takenAt)
            try Disk.sync(fresh)
            if isMissing { try Disk.prepare(path: configuration.path) }
            return try files.whileAlone { _ in
                let wasThere = files.exists || !isMissing && files.emptied != nil
                let aside = files.free("before-restore", now)
                try files.replace(with: fresh, keepingAs: aside)
                if !wasThere { Disk.remove(aside) }
                return wasThere ? aside : nil
            }
        } catch {
            Disk.removeDatabase(fresh)
            throw StoreError(error, path: configuration.path)
        }
    }

    private static func markRestored(_ path: String, _ takenAt: Timestamp) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { db in
            try db.execute(
                sql: """
                    UPDATE guardian_operation SET unknown_at = coalesce(unknown_at, :at), last_attempt_at = coalesce(last_attempt_at, :at);
                    UPDATE guardian_lock SET epoch = epoch + 1, owner = NULL;
                    DELETE FROM guardian_setting WHERE name = :name;
                    """, arguments: ["at": takenAt.milliseconds, "name": backupSetting])
        }
        try queue.close()
    }
}
