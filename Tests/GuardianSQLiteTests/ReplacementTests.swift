import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import Testing

private let start = Timestamp(milliseconds: 1_800_000_000_000)

/// A process that dies while it puts another database in the store's place: what was there, or what comes, and never a mixture.
@Suite(.serialized) struct ReplacementTests {
    /// How far the replacing had come.
    enum Cut: CaseIterable {
        /// Nothing but what is about to be done stands there, and not even all of that.
        case writtenHalf
        /// The old files have their second names.
        case linked
        /// The log has lost its first.
        case withoutLog
        /// As that, and a program that only looked has made an empty one.
        case emptyLog
        /// The new database has its name, and a power cut has brought the log's back.
        case replaced
    }

    private func operations(_ count: Int) throws -> [GuardianCore.Operation] {
        var random = Xoshiro256(seed: UInt64(count))
        return try (0..<count).map { number in
            try Admission().admit(
                NewOperation("update", entityType: "room", entityID: "r\(number % 7)", payload: "{\"n\":\(number)}", id: "op-\(number)"),
                at: start, random: &random)
        }
    }

    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "/guardian-replaced-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        try await body(directory)
    }

    /// A store as a killed process leaves it: all that was acknowledged stands in its log.
    private func crashed(_ count: Int, at path: String) async throws {
        let store = try SQLiteStore.open(.init(path: path + ".source"))
        _ = try await store.enqueue(try operations(count))
        for end in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + ".source" + end, toPath: path + end) }
        try store.close()
    }

    @Test("a crash in the middle of replacing leaves the old store with its log, or the new one without it", arguments: Cut.allCases)
    func survives(_ cut: Cut) async throws {
        try await withDirectory { directory in
            let (path, files) = (directory + "/guardian.sqlite", FileManager.default)
            let aside = path + ".before-restore-2027-01-15T08-00-00Z"
            try await crashed(50, at: path)
            let said = cut == .writtenHalf ? "" : ".before-restore-2027-01-15T08-00-00Z"
            try Data(said.utf8).write(to: URL(fileURLWithPath: path + "-replacing"))
            if cut != .writtenHalf { for end in ["", "-wal"] { try files.linkItem(atPath: path + end, toPath: aside + end) } }
            if [.withoutLog, .emptyLog].contains(cut) { try files.removeItem(atPath: path + "-wal") }
            if cut == .emptyLog { try Data().write(to: URL(fileURLWithPath: path + "-wal")) }
            if cut == .replaced {
                try await crashed(3, at: path + ".new")
                let fresh = try SQLiteStore.open(.init(path: path + ".new"))
                try await fresh.checkpoint()
                try fresh.close()
                try files.removeItem(atPath: path)
                try files.moveItem(atPath: path + ".new", toPath: path)
            }

            let store = try SQLiteStore.open(.init(path: path))
            let check = try await store.check()
            #expect(check.problems == [] && check.pending == (cut == .replaced ? 3 : 50))
            #expect(!files.fileExists(atPath: path + "-replacing"))
            #expect(files.fileExists(atPath: aside) == (cut == .replaced))
            #expect(files.fileExists(atPath: aside + "-wal") == (cut == .replaced))
            try store.close()
            guard cut == .replaced else { return }
            let old = try SQLiteStore.open(.init(path: aside))
            #expect(try await old.check().pending == 50)
            try old.close()
        }
    }

    @Test("what a killed restore has left beside its copy is not played into the next one's")
    func leavesNoJournal() async throws {
        try await withDirectory { directory in
            let configuration = SQLiteStore.Configuration(path: directory + "/guardian.sqlite")
            let (great, small) = (directory + "/great.sqlite", directory + "/small.sqlite")
            for (count, backup) in [(2000, great), (30, small)] {
                let store = try SQLiteStore.open(.init(path: backup + ".source"))
                _ = try await store.enqueue(try operations(count))
                _ = try await store.backup(to: backup, now: start)
                try store.close()
            }
            // The journal of a change to the great one, as it stands on disk before that change does.
            let journal = configuration.path + ".restoring-journal"
            let queue = try DatabaseQueue(path: great)
            try await queue.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA cache_size = 2; BEGIN IMMEDIATE; UPDATE guardian_operation SET updated_at = 1")
                try FileManager.default.copyItem(atPath: great + "-journal", toPath: journal)
                try db.execute(sql: "ROLLBACK")
            }
            try queue.close()

            #expect(try SQLiteStore.restore(small, into: configuration, now: start) == nil)
            #expect(!FileManager.default.fileExists(atPath: journal))
            let store = try SQLiteStore.open(configuration)
            let check = try await store.check()
            #expect(check.problems == [] && check.pending == 30)
            try store.close()
        }
    }
}
