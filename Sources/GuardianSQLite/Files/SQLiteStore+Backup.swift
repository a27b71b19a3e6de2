internal import GRDB
public import GuardianCore

extension SQLiteStore {
    /// What a backup holds.
    public struct BackupReport: Sendable, Equatable {
        public var path: String
        public var bytes: Int64
        /// Pending, processing and failed operations in it.
        public var operations: Int64
        public var takenAt: Timestamp
    }

    /// The setting that says when a backup was taken.
    static let backupSetting = "backup_at"

    /// All that there may be of a backup to `target` that has not got its name yet: in a directory of its own, which comes last. Where that
    /// is gone, nothing can be written any more.
    public static func backupParts(of target: String) -> [String] {
        let copy = partialCopy(of: target)
        return Disk.databaseFiles(copy.file) + [copy.directory]
    }

    private static func partialCopy(of target: String) -> (directory: String, file: String) {
        (target + ".partial", target + ".partial/copy.sqlite")
    }

    /// Copies the store as it is at one moment to `target`, beside whatever reads and writes it; compact, checked, on disk when it returns.
    ///
    /// Reads in one snapshot (`VACUUM INTO`), so writers are not held up. `target` appears only when all of it has been checked; an
    /// existing file is refused.
    public func backup(to target: String, now: Timestamp) async throws(StoreError) -> BackupReport {
        guard Disk.size(of: target) == nil else { throw .readOnly("\(target) exists already; choose another name") }
        let partial = Self.partialCopy(of: target)
        let removePartial = {
            Disk.removeDatabase(partial.file)
            Disk.removeDirectory(partial.directory)
        }
        removePartial()
        do {
            try Disk.createDirectory(partial.directory)
            try Disk.create(partial.file)
            let source = try DatabaseQueue(path: configuration.path, configuration: Self.connections(configuration))
            try await source.writeWithoutTransaction { db in try db.execute(sql: "VACUUM INTO ?", arguments: [partial.file]) }
            try source.close()
            let report = try await Self.seal(partial.file, now)
            try Disk.sync(partial.file)
            guard Disk.rename(partial.file, to: target) else { throw StoreError.readOnly("\(target): \(Disk.errorText())") }
            removePartial()
            Disk.syncDirectory(of: target)
            return BackupReport(
                path: target, bytes: Disk.size(of: target) ?? 0, operations: report.pending + report.processing + report.failed,
                takenAt: now)
        } catch {
            removePartial()
            throw StoreError(error, path: target)
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
    public struct RestorePlan: Sendable, Equatable {
        public var takenAt: Timestamp
        /// Stored operations in the backup.
        public var operations: Int64
        /// Stored operations in the present store that the backup does not have; nil when the present store can't be read.
        public var missing: Int64?
    }

    /// Looks at both sides of a restore. Throws when the backup is no store of ours, is damaged, or is of a newer version.
    public static func planRestore(of backup: String, into configuration: Configuration) throws(StoreError) -> RestorePlan {
        do {
            guard Disk.size(of: backup) ?? 0 > 0 else { throw StoreError.unavailable("there is no backup at \(backup)") }
            var looking = Configuration(path: backup, ordering: configuration.ordering, readOnly: true)
            looking.readers = 1
            looking.sealing = configuration.sealing
            try lookBeforeWriting(looking)
            var reading = GRDB.Configuration()
            reading.readonly = true
            let queue = try DatabaseQueue(path: backup, configuration: reading)
            let (takenAt, report, newest) = try queue.read { db in
                let at = try Int64.fetchOne(
                    db, sql: "SELECT CAST(value AS INTEGER) FROM guardian_setting WHERE name = ?", arguments: [backupSetting])
                return (at, try checkReport(db), try Int64.fetchOne(db, sql: "SELECT next_seq FROM guardian_books") ?? 0)
            }
            try queue.close()
            guard let takenAt else { throw StoreError.unavailable("\(backup) is no backup made by `guardian backup`") }
            guard report.problems.isEmpty else { throw StoreError.corrupt("the backup: \(report.problems[0])") }
            return RestorePlan(
                takenAt: Timestamp(milliseconds: takenAt), operations: report.pending + report.processing + report.failed,
                missing: missing(since: newest, configuration))
        } catch {
            throw StoreError(error, path: backup)
        }
    }

    private static func missing(since seq: Int64, _ configuration: Configuration) -> Int64? {
        guard StoreFiles(path: configuration.path).exists else { return 0 }
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
            try Disk.prepare(path: configuration.path)
            let source = try Disk.openToRead(backup)
            defer { Disk.close(source) }
            try Disk.copy(source, to: fresh)
            try markRestored(fresh, plan.takenAt)
            try Disk.sync(fresh)
            return try files.whileAlone { _ in
                let wasThere = files.exists
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
