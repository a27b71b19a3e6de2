import Foundation
import GRDB
import GuardianCore
import GuardianPrivacy
import GuardianSQLite
import Testing

private let start = Timestamp(milliseconds: 1_800_000_000_000)

/// Damaged stores: set aside, what is readable brought over, the rest named, nothing deleted.
@Suite(.serialized) struct QuarantineTests {
    private struct Place {
        let directory = NSTemporaryDirectory() + "/guardian-quarantine-" + UUID().uuidString
        var configuration: SQLiteStore.Configuration { .init(path: directory + "/guardian.sqlite") }
        var path: String { configuration.path }
        func remove() { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
    }

    /// A closed store with pending, failed and processed operations in it.
    private func filled(_ count: Int = 3000) async throws -> Place {
        let place = Place()
        let store = try SQLiteStore.open(place.configuration)
        var random = Xoshiro256(seed: 7)
        for first in stride(from: 0, to: count, by: 1000) {
            _ = try await store.enqueue(
                (first..<first + 1000).map { number in
                    try Admission().admit(
                        NewOperation(
                            "update", entityType: "room", entityID: "r\(number % 300)",
                            payload: "{\"n\":\(number),\"t\":\"\(String(repeating: "x", count: 100))\"}"), at: start, random: &random)
                })
        }
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: start, staleAfterMs: 1000) else {
            return place
        }
        for result in [Settlement.Result.processed, .failed(LastError(class: .permanent, code: "HTTP_422", message: ""))] {
            let claims = try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 100)).claims
            let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: result) }
            _ = try await store.exchange(Exchange(fence: fence, now: start, settlements: settlements))
        }
        try await store.checkpoint()
        try store.close()
        return place
    }

    private func overwrite(_ path: String, _ range: Range<Int>, with byte: UInt8 = 0xA5) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try file.seek(toOffset: UInt64(range.lowerBound))
        try file.write(contentsOf: Data(repeating: byte, count: range.count))
        try file.close()
    }

    /// Sets the store aside and looks at what came of it.
    private func quarantine(_ place: Place) async throws -> (SalvageReport, CheckReport) {
        let before = try place.bytes(place.path)
        let report = try SQLiteStore.quarantine(place.configuration, problem: "for a test", now: start)
        #expect(try place.bytes(report.aside) == before, "the damaged file is not what it was")
        #expect(FileManager.default.fileExists(atPath: report.aside + ".json"))
        #expect(SQLiteStore.mode(of: report.aside + ".json") == 0o600)
        let store = try SQLiteStore.open(place.configuration)
        let check = try await store.check()
        #expect(check.problems == [])
        try store.close()
        for end in [".salvage-source", ".salvage-new"] { #expect(!FileManager.default.fileExists(atPath: place.path + end)) }
        return (report, check)
    }

    @Test("a sound store is brought over whole: every operation, the ledger, the books, the order of every line")
    func bringsOverAll() async throws {
        let place = try await filled()
        defer { place.remove() }
        let (report, check) = try await quarantine(place)
        #expect(report.recovered == 2900 && report.lost == [] && report.lostUnnamed == 0 && report.isLossKnown)
        #expect(check.pending == 2800 && check.failed == 100 && check.books.processed == 100 && check.books.accepted == 3000)
        let old = try DatabaseQueue(path: report.aside)
        let new = try DatabaseQueue(path: place.path)
        for sql in [
            "SELECT seq, id, line, status, head, next, payload, idempotency_key, error_code FROM guardian_operation ORDER BY seq",
            "SELECT id, ending, at FROM guardian_ledger ORDER BY number",
        ] {
            let (one, other) = (try old.read { try Row.fetchAll($0, sql: sql) }, try new.read { try Row.fetchAll($0, sql: sql) })
            #expect(one == other)
        }
    }

    @Test("with pages overwritten, every operation is either brought over as it was, or named", arguments: [0.1, 0.3, 0.5, 0.7, 0.9])
    func overwrittenPages(at share: Double) async throws {
        let place = try await filled()
        defer { place.remove() }
        let before = try await payloads(place.path)
        let size = try place.bytes(place.path).count
        let page = Int(Double(size) * share) / 4096 * 4096
        try overwrite(place.path, page..<page + 5 * 4096)
        let (report, check) = try await quarantine(place)
        print("measured: at \(share): \(report.recovered) brought over, \(report.lost.count) named, \(report.lostUnnamed) counted")
        // Every stored operation is accounted for.
        #expect(Int64(report.recovered) + report.lostCount >= 2900)
        #expect(report.recovered >= 2300)
        #expect(check.pending + check.processing + check.failed == Int64(report.recovered + report.lost.count))
        let after = try await payloads(place.path)
        for (id, payload) in after { #expect(payload == nil || before[id] == payload) }
        for lost in report.lost { #expect(before[lost.id.description] != nil) }
    }

    /// What every stored operation carries, by id.
    private func payloads(_ path: String) async throws -> [String: String?] {
        let store = try SQLiteStore.open(.init(path: path))
        var all: [String: String?] = [:]
        var after: Int64 = 0
        while let page = Optional(try await store.list(OperationFilter(afterSeq: after, limit: 1000))), let last = page.last {
            for operation in page { all[operation.id.description] = operation.payload }
            after = last.seq
        }
        try store.close()
        return all
    }

    @Test("what is lost stands in failed with its reason, and can be cleared; the books balance")
    func lostAreFailed() async throws {
        let place = try await filled()
        defer { place.remove() }
        // A page of rows, found by what stands in it.
        let bytes = try place.bytes(place.path)
        let found = try #require(bytes.range(of: Data("{\"n\":1500,".utf8)))
        let page = found.lowerBound / 4096 * 4096
        try overwrite(place.path, page..<page + 4096)
        let (report, _) = try await quarantine(place)
        #expect(!report.lost.isEmpty)
        let store = try SQLiteStore.open(place.configuration)
        for lost in report.lost {
            let operation = try await store.operation(lost.id)
            #expect(operation?.status == .failed && operation?.lastError?.code == SalvageReport.lostCode)
            #expect(operation?.lastError?.message.contains(report.aside) == true)
        }
        let group = try #require(try await store.failureGroups(limit: 9).first { $0.shape.code == SalvageReport.lostCode })
        var search = OperationSearch(status: .failed)
        search.shape = group.shape.id
        let counted = try await store.count(search)
        #expect(group.count == Int64(report.lost.count) && counted == group.count, "those of one cause are found by it")
        #expect(try await store.clearFailed() == 100 + report.lost.count)
        #expect(try await store.check().problems == [])
        try store.close()
    }

    @Test(
        "noise, a lost header and an empty page of the schema: set aside, and an empty store is there",
        arguments: ["noise", "header", "schema"])
    func nothingReadable(_ kind: String) async throws {
        let place = try await filled(1000)
        defer { place.remove() }
        switch kind {
        case "noise": try overwrite(place.path, 0..<(try place.bytes(place.path).count))
        case "header": try overwrite(place.path, 0..<100)
        default: try overwrite(place.path, 100..<4096)
        }
        #expect(try SQLiteStore.findDamage(place.configuration) != nil)
        let (report, check) = try await quarantine(place)
        #expect(report.recovered == 0 && check.pending == 0)
        #expect(!report.isLossKnown && report.lossText.contains("not known"))
    }

    @Test("a payload whose end stood on a page that is zeroes now is named, and not delivered; sealed too", arguments: [false, true])
    func zeroedOverflow(isSealed: Bool) async throws {
        let place = Place()
        defer { place.remove() }
        var configuration = place.configuration
        if isSealed { configuration.sealing = Keys(.random()) }
        let store = try SQLiteStore.open(configuration)
        var random = Xoshiro256(seed: 3)
        // Of 3 KB two thirds stand on an overflow page.
        let long = String(repeating: "x", count: 3000)
        for number in 0..<20 {
            let payload = "{\"text\":\"\(long)\",\"end\":\"op-\(number)!\"}"
            let one = NewOperation("update", entityType: "room", entityID: "r\(number)", payload: payload, id: "op-\(number)")
            _ = try await store.enqueue([try Admission().admit(one, at: start, random: &random)])
        }
        try await store.checkpoint()
        try store.close()
        let queue = try DatabaseQueue(path: place.path)
        let payload = try await queue.read { db in
            try Data.fetchOne(db, sql: "SELECT CAST(payload AS BLOB) FROM guardian_operation WHERE id = 'op-7'")
        }
        try queue.close()
        let end = Data(try #require(payload).suffix(16))
        let bytes = try place.bytes(place.path)
        let found = try #require(bytes.range(of: end))
        let page = found.lowerBound / 2048 * 2048
        try overwrite(place.path, page..<page + 2048, with: 0)

        let report = try SQLiteStore.quarantine(configuration, problem: "for a test", now: start)
        #expect(report.recovered == 19 && report.lost.map(\.id) == [.text("op-7")])
        let after = try SQLiteStore.open(configuration)
        #expect(try await after.check().problems == [])
        let lost = try await after.operation(.text("op-7"))
        #expect(lost?.status == .failed && lost?.lastError?.code == SalvageReport.lostCode)
        guard case .acquired(let fence, _, _) = try await after.acquireLock(owner: "p", now: start, staleAfterMs: 1000) else {
            Issue.record("nobody else has the lock")
            return
        }
        let claims = try await after.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 100)).claims
        #expect(claims.count == 19)
        #expect(claims.allSatisfy { $0.operation.payload?.contains(long) == true })
        try after.close()
    }

    @Test("what the log holds is brought over too, up to where it is damaged")
    func readsTheLog() async throws {
        let place = Place()
        defer { place.remove() }
        let store = try SQLiteStore.open(place.configuration)
        var random = Xoshiro256(seed: 1)
        for number in 0..<50 {
            let one = NewOperation("update", entityType: "room", entityID: "r\(number)", payload: "{}", id: "op-\(number)")
            _ = try await store.enqueue([try Admission().admit(one, at: start, random: &random)])
        }
        // As after a power cut: the files are copied while the store is open, and the second half of the log is gone.
        let cut = Place()
        defer { cut.remove() }
        try FileManager.default.createDirectory(atPath: cut.directory, withIntermediateDirectories: true)
        try place.bytes(place.path).write(to: URL(fileURLWithPath: cut.path))
        let log = try place.bytes(place.path + "-wal")
        try log.prefix(log.count * 3 / 4).write(to: URL(fileURLWithPath: cut.path + "-wal"))
        try store.close()
        let (report, check) = try await quarantine(cut)
        #expect((20..<50).contains(report.recovered))
        #expect(check.pending == Int64(report.recovered))
        #expect(FileManager.default.fileExists(atPath: report.aside + "-wal"))
    }

    @Test("a file with tables of an app is left to the app")
    func leavesAppsAlone() async throws {
        let place = try await filled(1000)
        defer { place.remove() }
        let queue = try DatabaseQueue(path: place.path)
        try await queue.write { try $0.execute(sql: "CREATE TABLE note (text TEXT)") }
        try queue.close()
        let before = try place.bytes(place.path)
        #expect(throws: StoreError.self) { try SQLiteStore.quarantine(place.configuration, problem: "x", now: start) }
        #expect(try place.bytes(place.path) == before)
    }

    @Test("the store is looked at whole only after something could not be read, and then only once")
    func suspicion() async throws {
        let place = try await filled()
        defer { place.remove() }
        let size = try place.bytes(place.path).count
        try overwrite(place.path, size / 2 / 4096 * 4096..<size / 2 / 4096 * 4096 + 4096)
        #expect(try SQLiteStore.findDamage(place.configuration) == nil)
        StoreFiles(path: place.path).suspect()
        #expect(try SQLiteStore.findDamage(place.configuration) != nil)
        _ = try await quarantine(place)
        #expect(!StoreFiles(path: place.path).isSuspected)
        StoreFiles(path: place.path).suspect()
        #expect(try SQLiteStore.findDamage(place.configuration) == nil)
        #expect(!StoreFiles(path: place.path).isSuspected)
    }

    @Test("a file that was cut to nothing is damaged, not new: it is set aside, and its log with it", arguments: [true, false])
    func cutToNothing(hasLog: Bool) async throws {
        let place = try await filled(1000)
        defer { place.remove() }
        let files = FileManager.default
        for end in ["-wal", "-shm"] where files.fileExists(atPath: place.path + end) { try files.removeItem(atPath: place.path + end) }
        let log = Data("what was acknowledged last".utf8)
        if hasLog { try log.write(to: URL(fileURLWithPath: place.path + "-wal")) }
        try Data().write(to: URL(fileURLWithPath: place.path))
        let refused = #expect(throws: StoreError.self) { try SQLiteStore.open(place.configuration) }
        #expect(refused?.name == "corrupt")
        let damage = try #require(try SQLiteStore.findDamage(place.configuration))
        #expect(damage.hasPrefix("the file is empty"))
        #expect(try SQLiteStore.integrityProblems(place.configuration) == [damage])
        let (report, check) = try await quarantine(place)
        #expect(report.recovered == 0 && !report.isLossKnown && check.books.accepted == 0)
        #expect(files.contents(atPath: report.aside + "-wal") == (hasLog ? log : nil))
        #expect(try SQLiteStore.findDamage(place.configuration) == nil)
    }

    @Test("an empty file with nothing beside it is as good as none: it becomes a store")
    func isNew() async throws {
        let place = Place()
        defer { place.remove() }
        try FileManager.default.createDirectory(atPath: place.directory, withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: place.path))
        #expect(try SQLiteStore.findDamage(place.configuration) == nil)
        let store = try SQLiteStore.open(place.configuration)
        #expect(try await store.check().problems == [])
        try store.close()
    }
}
