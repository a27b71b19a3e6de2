import ArgumentParser
import Foundation
import GuardianCore
import GuardianRuntime
import GuardianSQLite

struct Compact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give the disk space of what has been delivered back to the file system.",
        discussion: """
            Beside a running daemon, whose writes wait meanwhile; best in a quiet hour. Needs twice the store's size free, half of it where
            temporary files go (SQLITE_TMPDIR, TMPDIR, /var/tmp, /tmp).
            Example: guardian compact --data-dir ./guardian-data
            """)
    @OptionGroup var options: StoreOptions

    func run() async throws {
        let store = try await options.existingFile()
        let bar = ProgressBar()
        bar.show("compacting", done: 0, of: 1)
        let report = try await store.compact()
        bar.clear()
        try store.close()
        if options.json {
            let answer: JSONValue = ["bytes_before": JSONValue(report.before), "bytes_after": JSONValue(report.after)]
            return Terminal.say(answer.text)
        }
        Terminal.say("\(ByteText.of(report.before)) before, \(ByteText.of(report.after)) now")
    }
}

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy the store as it is at one moment, while it is in use; the copy is checked before it gets its name.",
        discussion: """
            An existing file is never written over. The copy holds what the store holds: keep it as safe. It is made in a directory \
            beside it, OUT.partial, which goes in the end.
            Example: guardian backup --out backups/guardian-2026-01-31.sqlite
            """)
    @OptionGroup var options: StoreOptions
    @Option(name: [.long, .customShort("o")], help: "The file to write.") var out: String

    func run() async throws {
        guard out != "-" else { throw Failure(.usage, "--out: a backup is a file; give its path") }
        try options.checkNotOwn(out, flag: "--out")
        guard !FileManager.default.fileExists(atPath: out) else {
            throw Failure(.refused, "\(out) exists already, and is never written over; choose another name")
        }
        let target = try ExportFile.followed(out, flag: "--out")
        let store = try await options.existingFile()
        let now = SystemClock().now.wall
        let size = StoreFiles(path: Assembly(try options.settings()).storePath).bytes
        let bar = ProgressBar()
        // Before there is anything to leave behind.
        let endings = await Launch.endings()
        // Whoever is to end the process finds the place, or it would be made when nobody removes it any more.
        let place: SQLiteStore.BackupPlace
        do throws(StoreError) { place = try SQLiteStore.prepareBackup(to: target) } catch { throw failure(of: error) }
        let report = try await withThrowingTaskGroup(of: SQLiteStore.BackupReport?.self) { group -> SQLiteStore.BackupReport in
            group.addTask {
                await Launch.end(on: endings, without: place.parts)
                return nil
            }
            group.addTask {
                // What has been written of the copy so far.
                while !Task.isCancelled {
                    let done = StoreFiles(path: place.file).bytes.database
                    bar.show("copying", done: Int(done >> 10), of: Int(max(size.database + size.log, done) >> 10))
                    do { try await Task.sleep(for: .milliseconds(200)) } catch { return nil }
                }
                return nil
            }
            defer { group.cancelAll() }
            do throws(StoreError) { return try await store.backup(in: place, now: now) } catch { throw failure(of: error) }
        }
        bar.clear()
        try store.close()
        if options.json {
            let answer: JSONValue = [
                "path": .string(report.path), "bytes": JSONValue(report.bytes), "operations": JSONValue(report.operations),
                "taken_at": .string(report.takenAt.rfc3339),
            ]
            return Terminal.say(answer.text)
        }
        Terminal.say("\(report.path): \(report.operations) operations, \(ByteText.of(report.bytes)), checked")
    }

    /// What can't be written is the copy: the store is only read.
    private func failure(of error: StoreError) -> any Error {
        switch error {
        case .readOnly(let what): return Failure(.failed, "--out: \(out) can't be written (\(what))")
        case .full(let free, _):
            let left = free.map { " (\($0) bytes free)" } ?? ""
            return Failure(.failed, "--out: \(out) can't be written: its disk is full\(left); make room, or name a place on another one")
        default: return error
        }
    }
}

struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a backup in the place of the store; the store that was there is kept beside it.",
        discussion: """
            Refused while any process has the store open. What waits in the backup may have been delivered since: it is sent \
            under its old key, and looked up first when the upstream may have forgotten that.
            Exit codes: 0 restored, 3 no such backup, 4 it can't be used, 5 not confirmed, or a process has the store open.
            Example: guardian restore backups/guardian-2026-01-31.sqlite --yes
            """)
    @OptionGroup var options: StoreOptions
    @Argument(help: "A file that `guardian backup` has made.") var backup: String
    @Flag(help: "Do not ask.") var yes = false

    func run() async throws {
        let assembly = Assembly(try options.settings())
        guard assembly.isStoredInFile else { throw Failure.needsFile }
        guard FileManager.default.fileExists(atPath: backup) else { throw Failure(.notFound, "there is no backup at \(backup)") }
        let configuration = try assembly.storeConfiguration()
        let plan: SQLiteStore.RestorePlan
        do throws(StoreError) { plan = try SQLiteStore.planRestore(of: backup, into: configuration) } catch {
            throw Failure(.storeUnavailable, "\(backup) can't be restored: \(error.words)")
        }
        let missing =
            switch plan.missing {
            case 0: "The backup has all that is in the store now."
            case let count?: "\(count) operation(s) in the store now are not in the backup; they stay in the file that is set aside."
            case nil: "The present store can't be read; it is set aside as it is."
            }
        try Terminal.confirm("Restore \(plan.operations) operations as of \(plan.takenAt)? \(missing)", yes: yes)
        let aside = try SQLiteStore.restore(backup, into: configuration, now: SystemClock().now.wall)
        if options.json {
            let answer: JSONValue = [
                "operations": JSONValue(plan.operations), "taken_at": .string(plan.takenAt.rfc3339), "aside": JSONValue(aside),
                "missing": plan.missing.map { JSONValue($0) } ?? .null,
            ]
            return Terminal.say(answer.text)
        }
        Terminal.say("\(plan.operations) operations restored" + (aside.map { "; the old store is \($0)" } ?? ""))
    }
}

extension StoreError {
    /// What is wrong with a file that is not the store.
    fileprivate var words: String {
        switch self {
        case .corrupt(let what), .readOnly(let what), .unavailable(let what): what
        default: description
        }
    }
}

/// Sizes for people.
enum ByteText {
    static func of(_ bytes: Int64) -> String {
        for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] where bytes >= size {
            let tenths = (Double(bytes) / Double(size) * 10).rounded() / 10
            return "\(tenths) \(unit)"
        }
        return "\(bytes) bytes"
    }
}
