import Foundation
import GRDB
import GRDBSQLite
import GuardianCore
import GuardianSQLite
import Synchronization
import Testing

private let start = Timestamp(milliseconds: 1_800_000_000_000)

/// What tasks count together.
private final class Tally: Sendable {
    private let state = Mutex((isDone: false, greatest: Int64(0), total: 0))
    var isDone: Bool { state.withLock { $0.isDone } }
    var greatest: Int64 { state.withLock { $0.greatest } }
    func end() { state.withLock { $0.isDone = true } }
    func note(_ value: Int64) { state.withLock { $0.greatest = max($0.greatest, value) } }

    func add(_ count: Int) -> Int {
        state.withLock { state in
            state.total += count
            return state.total
        }
    }
}

@Suite(.serialized) struct BackupTests {
    private func operations(_ range: Range<Int>) throws -> [GuardianCore.Operation] {
        var random = Xoshiro256(seed: UInt64(range.lowerBound + 1))
        return try range.map { number in
            try Admission().admit(
                NewOperation("update", entityType: "room", entityID: "r\(number % 50)", payload: "{\"n\":\(number)}", id: "op-\(number)"),
                at: start, random: &random)
        }
    }

    @Test("a backup made while others write holds exactly what was there at one moment, and checks")
    func isConsistent() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(0..<2000))
            let tally = Tally()
            let target = path + ".copy"
            let report = try await withThrowingTaskGroup(of: SQLiteStore.BackupReport?.self) { group in
                group.addTask {
                    var next = 2000
                    while !tally.isDone {
                        _ = try await store.enqueue(try self.operations(next..<next + 10))
                        next += 10
                    }
                    return nil
                }
                let report = try await store.backup(to: target, now: start)
                tally.end()
                try await group.waitForAll()
                return report
            }
            #expect(report.operations >= 2000)
            #expect(SQLiteStore.mode(of: target) == 0o600)
            let copy = try SQLiteStore.open(.init(path: target))
            let check = try await copy.check()
            #expect(check.problems == [] && check.pending == report.operations)
            // Whole transactions only: ten at a time after the first two thousand.
            #expect(check.pending % 10 == 0)
            try copy.close()
        }
    }

    @Test("an existing file is never written over, and a failed backup leaves nothing behind")
    func leavesOthersAlone() async throws {
        try await withStore { store, path in
            let target = path + ".copy"
            try Data("mine".utf8).write(to: URL(fileURLWithPath: target))
            await #expect(throws: StoreError.self) { try await store.backup(to: target, now: start) }
            #expect(try Data(contentsOf: URL(fileURLWithPath: target)) == Data("mine".utf8))
            await #expect(throws: StoreError.self) { try await store.backup(to: path + "-no/where/copy", now: start) }
            #expect(!FileManager.default.fileExists(atPath: path + "-no/where/copy.partial"))
        }
    }

    @Test("what an ended backup has left goes; what else stands where the copy is made stays, be it a file or a link, and is named")
    func findsSomethingInTheWay() async throws {
        try await withStore { store, path in
            let (target, files) = (path + ".copy", FileManager.default)
            try files.createDirectory(atPath: target + ".partial", withIntermediateDirectories: false)
            try Data("left".utf8).write(to: URL(fileURLWithPath: target + ".partial/copy.sqlite"))
            _ = try await store.backup(to: target, now: start)
            #expect(!files.fileExists(atPath: target + ".partial"))

            let (file, link, folder, place) = (path + ".file", path + ".link", path + ".folder", path + ".place")
            try Data("mine".utf8).write(to: URL(fileURLWithPath: file + ".partial"))
            try files.createDirectory(atPath: place, withIntermediateDirectories: false)
            try Data("mine".utf8).write(to: URL(fileURLWithPath: place + "/copy.sqlite"))
            try files.createSymbolicLink(atPath: link + ".partial", withDestinationPath: place)
            try files.createDirectory(atPath: folder + ".partial/mine", withIntermediateDirectories: true)
            for taken in [file, link, folder] {
                await #expect(throws: StoreError.readOnly("\(taken).partial is in the way; remove it")) {
                    try await store.backup(to: taken, now: start)
                }
            }
            for kept in [file + ".partial", link + ".partial/copy.sqlite"] {
                #expect(try Data(contentsOf: URL(fileURLWithPath: kept)) == Data("mine".utf8))
            }
            #expect(files.fileExists(atPath: folder + ".partial/mine"))
        }
    }

    @Test("a restored store has what the backup had; what waits in it counts as maybe sent; the old file is kept whole")
    func restores() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-restore-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let configuration = SQLiteStore.Configuration(path: directory + "/guardian.sqlite")
        let backup = directory + "/backup.sqlite"
        let store = try SQLiteStore.open(configuration)
        _ = try await store.enqueue(try operations(0..<100))
        _ = try await store.backup(to: backup, now: start)
        _ = try await store.enqueue(try operations(100..<130))
        try store.close()

        let plan = try SQLiteStore.planRestore(of: backup, into: configuration)
        #expect(plan.operations == 100 && plan.missing == 30 && plan.takenAt == start)
        let aside = try #require(try SQLiteStore.restore(backup, into: configuration, now: start.adding(milliseconds: 5000)))
        let kept = try SQLiteStore.open(.init(path: aside))
        #expect(try await kept.check().pending == 130)
        try kept.close()
        let restored = try SQLiteStore.open(configuration)
        let check = try await restored.check()
        #expect(check.problems == [] && check.pending == 100)
        let operation = try #require(try await restored.operation(.text("op-0")))
        #expect(operation.unknownAt == start)
        #expect(try await restored.cancel(.text("op-99"), now: start) == .mayHaveApplied)
        try restored.close()
    }

    @Test("what had failed when a backup was made may have been delivered since: restored and retried, its outcome counts as unknown")
    func restoresFailed() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-restore-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let configuration = SQLiteStore.Configuration(path: directory + "/guardian.sqlite")
        let backup = directory + "/backup.sqlite"
        let store = try SQLiteStore.open(configuration)
        _ = try await store.enqueue(try operations(0..<1))
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: start, staleAfterMs: 1000) else { return }
        let claim = try #require(try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 1)).claims.first)
        let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no")
        let failed = Settlement(seq: claim.seq, id: claim.operation.id, result: .failed(error))
        _ = try await store.exchange(Exchange(fence: fence, now: start, settlements: [failed]))
        try await store.releaseLock(fence)
        let takenAt = start.adding(milliseconds: 1000)
        _ = try await store.backup(to: backup, now: takenAt)
        try store.close()

        _ = try SQLiteStore.restore(backup, into: configuration, now: start.adding(milliseconds: 5000))
        let restored = try SQLiteStore.open(configuration)
        let stored = try #require(try await restored.operation(claim.operation.id))
        #expect(stored.status == .failed && stored.unknownAt == takenAt && stored.lastAttemptAt == start)
        let later = start.adding(milliseconds: 9000)
        #expect(try await restored.retry([claim.operation.id], now: later) == 1)
        guard case .acquired(let next, _, _) = try await restored.acquireLock(owner: "q", now: later, staleAfterMs: 1000) else { return }
        let again = try await restored.exchange(Exchange(fence: next, now: later, urgent: 0, normal: 1)).claims
        #expect(again.map(\.operation.unknownAt) == [takenAt])
        #expect(again.map(\.operation.idempotencyKey) == [claim.operation.idempotencyKey])
        try restored.close()
    }

    @Test("while another process has the store open, restore and quarantine say that it is in use, and by whom, and change nothing")
    func isInUse() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-in-use-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let configuration = SQLiteStore.Configuration(path: directory + "/guardian.sqlite")
        let backup = directory + "/backup.sqlite"
        let store = try SQLiteStore.open(configuration)
        _ = try await store.backup(to: backup, now: start)
        _ = try await store.enqueue(try operations(0..<10))
        try store.close()

        let other = Process()
        let (asked, said) = (Pipe(), Pipe())
        other.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        other.arguments = ["sqlite3", configuration.path]
        other.standardInput = asked
        other.standardOutput = said
        let (ends, ended) = AsyncStream.makeStream(of: Void.self)
        other.terminationHandler = { _ in ended.finish() }
        try other.run()
        try asked.fileHandleForWriting.write(contentsOf: Data("SELECT count(*) FROM guardian_operation;\n".utf8))
        // It keeps its hold on the file from its first look on.
        #expect(String(decoding: said.fileHandleForReading.availableData, as: UTF8.self) == "10\n")
        let holder = "process \(other.processIdentifier)"
        let calls: [() throws -> Void] = [
            { _ = try SQLiteStore.restore(backup, into: configuration, now: start) },
            { _ = try SQLiteStore.quarantine(configuration, problem: "for a test", now: start) },
        ]
        for call in calls {
            #expect {
                try call()
            } throws: { error in
                guard case StoreError.inUse(let what) = error else { return false }
                return what.contains(holder)
            }
        }
        try asked.fileHandleForWriting.write(contentsOf: Data(".quit\n".utf8))
        for await _ in ends {}
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        #expect(names.allSatisfy { !$0.contains("before-restore") && !$0.contains("damaged") }, "\(names)")
        let kept = try SQLiteStore.open(configuration)
        #expect(try await kept.check().pending == 10)
        try kept.close()
    }

    @Test("what is no backup is refused and changes nothing: noise, another database, a newer version, a damaged copy")
    func refusesOthers() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(0..<200))
            let backup = path + ".copy"
            _ = try await store.backup(to: backup, now: start)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: backup))
            let configuration = SQLiteStore.Configuration(path: path)
            func refused(_ name: String, _ content: Data) throws {
                let file = path + "." + name
                try content.write(to: URL(fileURLWithPath: file))
                #expect(throws: StoreError.self, "\(name)") { try SQLiteStore.planRestore(of: file, into: configuration) }
            }
            try refused("noise", Data((0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 31) }))
            try refused("empty", Data())
            let other = try DatabaseQueue(path: path + ".other")
            try await other.write { try $0.execute(sql: "CREATE TABLE song (title TEXT)") }
            try other.close()
            #expect(throws: StoreError.self) { try SQLiteStore.planRestore(of: path + ".other", into: configuration) }
            for index in stride(from: 8192, to: bytes.count, by: 1) where index < 40_000 { bytes[index] = 0xA5 }
            try refused("damaged", bytes)
            #expect(try await store.check().pending == 200)
        }
    }

    @Test("compacting gives the room of processed operations back, and changes nothing else")
    func compacts() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(0..<20_000))
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: start, staleAfterMs: 1000) else { return }
            var left = 19_000
            while left > 0 {
                let claims = try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 50)).claims
                let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
                _ = try await store.exchange(Exchange(fence: fence, now: start, settlements: settlements))
                left -= claims.count
            }
            while try await store.sweepLedger(before: start.adding(milliseconds: 1), limit: 5000) > 0 {}
            let before = try await store.check()
            let report = try await store.compact()
            #expect(report.after * 4 < report.before)
            #expect(StoreFiles(path: path).bytes.log == 0)
            let after = try await store.check()
            #expect(after == before && after.problems == [])
            _ = try await store.enqueue(try operations(30_000..<30_010))
            #expect(try await store.check().problems == [])
        }
    }

    @Test("compacting a large store takes little memory")
    func compactsInLittleMemory() async throws {
        try await withStore { store, path in
            // A table of an app's in the same file is written anew too.
            try await DatabaseQueue(path: path).write { db in
                try db.execute(sql: "CREATE TABLE note (content BLOB)")
                for _ in 0..<100 { try db.execute(sql: "INSERT INTO note VALUES (zeroblob(1000000))") }
            }
            let before = sqlite3_memory_used()
            sqlite3_memory_highwater(1)
            let report = try await store.compact()
            let most = sqlite3_memory_highwater(0) - before
            print("measured: SQLite took \(most >> 20) MiB more at most while \(report.after >> 20) MiB were compacted")
            #expect(report.after > 100_000_000)
            // Other tests have stores open at the same time.
            #expect(most < 50 << 20)
        }
    }

    @Test("old failed operations leave the store only after they are safe elsewhere; younger ones stay")
    func archives() async throws {
        try await withStore { store, _ in
            _ = try await store.enqueue(try operations(0..<30))
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: start, staleAfterMs: 1000) else { return }
            for step in 0..<2 {
                let now = start.adding(milliseconds: Int64(step) * 100_000)
                let claims = try await store.exchange(Exchange(fence: fence, now: now, urgent: 0, normal: 10)).claims
                let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no")
                let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .failed(error)) }
                _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: settlements))
            }
            struct NoRoom: Error {}
            await #expect(throws: NoRoom.self) {
                try await store.archiveFailed(before: start.adding(milliseconds: 50_000)) { _ in throw NoRoom() }
            }
            #expect(try await store.check().failed == 20)
            var kept: [GuardianCore.Operation] = []
            let count = try await store.archiveFailed(before: start.adding(milliseconds: 50_000)) { kept += $0 }
            #expect(count == 10 && kept.count == 10 && kept.allSatisfy { $0.lastError?.code == "HTTP_422" })
            let check = try await store.check()
            #expect(check.failed == 10 && check.problems == [] && check.books.cleared == 10)
            #expect(try await store.archiveFailed(before: start.adding(milliseconds: 50_000)) { _ in } == 0)
        }
    }

    @Test("the log stays bounded while writers and readers never pause")
    func logIsBounded() async throws {
        try await withStore { store, path in
            let tally = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Two readers that overlap, so that there is always one.
                for _ in 0..<2 {
                    group.addTask {
                        // A few at a time: a read of more than 100 ms, such as of many on a busy machine, is not waited for.
                        while !tally.isDone { _ = try await store.list(OperationFilter(limit: 100)) }
                    }
                }
                for writer in 0..<2 {
                    group.addTask {
                        let text = String(repeating: "x", count: 4000)
                        var random = Xoshiro256(seed: UInt64(writer))
                        var number = 0
                        while !tally.isDone {
                            let batch = try (0..<20).map { step in
                                try Admission().admit(
                                    NewOperation(
                                        "update", entityType: "room", entityID: "r\(step)", payload: "{\"t\":\"\(text)\"}",
                                        id: "w\(writer)-\(number + step)"), at: start, random: &random)
                            }
                            number += 20
                            _ = try await store.enqueue(batch)
                            let size = StoreFiles(path: path).bytes.log
                            tally.note(size)
                            let total = tally.add(20)
                            // 50 000 rows of 4 KiB are three times what the log is to have.
                            if total >= 50_000 { tally.end() }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let most = tally.greatest
            print("measured: the log was \(most >> 20) MiB at most while 200 MiB were written")
            // 64 MiB, and 16 more for each time in a row that a reader was waited for in vain.
            #expect(most < 128 << 20)
        }
    }
}
