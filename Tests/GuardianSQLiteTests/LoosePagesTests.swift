import Foundation
import GRDB
import GuardianCore
import GuardianPrivacy
import GuardianSQLite
import Testing

private let start = Timestamp(milliseconds: 1_800_000_000_000)

/// Stores with a damaged page above the leaves of a table: what stands whole on them is brought over where an index names it, and nothing
/// else; and stores in which pages say what is not so.
@Suite(.serialized) struct LoosePagesTests {
    /// How many operations, and how long their payloads are: a table of two pages' depth, the same with hundreds of leaves, one with a depth
    /// of three, and one with payloads that go on on other pages.
    struct Filling: Sendable, CustomTestStringConvertible {
        var count: Int
        var bytes: Int
        var testDescription: String { "\(count) of \(bytes) bytes" }
        static let all = [
            Filling(count: 60, bytes: 100), Filling(count: 6000, bytes: 100), Filling(count: 1000, bytes: 3000),
            Filling(count: 200, bytes: 9000),
        ]
    }

    private func id(_ number: Int) -> String { "op-" + String(String(1_000_000 + number).dropFirst()) }

    /// Operations of 30 entities, named in the order in which they are stored.
    private func fill(_ store: SQLiteStore, _ range: Range<Int>, bytes: Int = 100) async throws {
        var random = Xoshiro256(seed: UInt64(range.lowerBound + 9))
        let text = String(repeating: "x", count: bytes)
        for first in stride(from: range.lowerBound, to: range.upperBound, by: 500) {
            _ = try await store.enqueue(
                (first..<min(first + 500, range.upperBound)).map { number in
                    let payload = "{\"text\":\"\(text)\",\"end\":\"end of \(id(number))\"}"
                    let new = NewOperation("update", entityType: "room", entityID: "r\(number % 30)", payload: payload, id: id(number))
                    return try Admission().admit(new, at: start, random: &random)
                })
        }
    }

    private func close(_ store: SQLiteStore) async throws {
        try await store.checkpoint()
        try store.close()
    }

    private func acquire(_ store: SQLiteStore, as owner: String = "p") async throws -> Fence {
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: owner, now: start, staleAfterMs: 1000) else {
            throw StoreError.unavailable("not acquired")
        }
        return fence
    }

    private func settle(_ claims: some Sequence<Claim>, as result: Settlement.Result, _ fence: Fence, _ store: SQLiteStore) async throws {
        let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: result) }
        _ = try await store.exchange(Exchange(fence: fence, now: start, settlements: settlements))
    }

    private func configuration(_ path: String, _ keys: Keys? = nil) -> SQLiteStore.Configuration {
        var configuration = SQLiteStore.Configuration(path: path)
        configuration.sealing = keys
        return configuration
    }

    private func salvage(_ path: String, _ keys: Keys? = nil) async throws -> SalvageReport {
        let report = try SQLiteStore.quarantine(configuration(path, keys), problem: "for a test", now: start)
        let store = try openStore(path, keys)
        let check = try await store.check()
        #expect(check.problems == [] && check.gap == 0)
        try store.close()
        return report
    }

    /// All rows of all tables, but for how far feeds were followed and lines in which nobody stands.
    private func contents(_ path: String) throws -> [String: [Row]] {
        let queue = try DatabaseQueue(path: path)
        defer { do { try queue.close() } catch {} }
        return try queue.read { db in
            let names = try String.fetchAll(db, sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'guardian%'")
            let told = names.filter { $0 != "guardian_feed" && $0 != "guardian_line" && $0 != "guardian_seal" }
            return try Dictionary(uniqueKeysWithValues: told.map { ($0, try Row.fetchAll(db, sql: "SELECT * FROM \($0) ORDER BY 1")) })
        }
    }

    @Test(
        "with the root page of the operations damaged every operation that the index names is brought over", arguments: Filling.all,
        [false, true])
    func rootIsDamaged(_ filling: Filling, isSealed: Bool) async throws {
        try await withStoreDirectory { path in
            let keys = isSealed ? Keys(.random()) : nil
            let store = try openStore(path, keys)
            try await fill(store, 0..<filling.count, bytes: filling.bytes)
            try await close(store)
            let before = try contents(path)
            var pages = try StorePages(path)
            #expect(pages.children(of: pages.root()).count > 1)
            pages.fillWithNoise(pages.root())
            try pages.save()

            let report = try await salvage(path, keys)
            #expect(report.recovered == filling.count && report.recoveredFromLoosePages == filling.count)
            #expect(report.lost == [] && report.lostUnnamed == 0 && report.isLossKnown)
            let after = try contents(path)
            #expect(after["guardian_operation"] == before["guardian_operation"])
        }
    }

    @Test("with a page between root and leaves damaged, only what stands below it is looked for elsewhere")
    func interiorIsDamaged() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path)
            try await fill(store, 0..<1000, bytes: 3000)
            try await close(store)
            let before = try contents(path)
            var pages = try StorePages(path)
            let middle = pages.children(of: pages.root())[0]
            let below = pages.leaves(of: middle).reduce(0) { $0 + pages.cellCount($1) }
            #expect((2..<999).contains(below))
            pages.fillWithNoise(middle)
            try pages.save()
            let report = try await salvage(path)
            #expect(report.recovered == 1000 && report.recoveredFromLoosePages == below && report.lostCount == 0)
            #expect(try contents(path)["guardian_operation"] == before["guardian_operation"])
        }
    }

    @Test("what comes of it is what comes of a sound store: lines, claims, failures, the ledger, the books")
    func isAsOrdinary() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path)
            try await fill(store, 0..<600)
            let fence = try await acquire(store)
            for result in [Settlement.Result.processed, .failed(LastError(class: .permanent, code: "HTTP_422", message: "no"))] {
                for _ in 0..<5 {
                    let claims = try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 30)).claims
                    try await settle(claims, as: result, fence, store)
                }
            }
            let inHand = try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 7)).claims
            #expect(inHand.count == 7)
            let late = LastError(class: .transient, code: "HTTP_503", httpStatus: 503, message: "later")
            let due = start.adding(milliseconds: 50)
            try await settle(
                inHand.prefix(3), as: .retry(due: due, backoffMs: 50, error: late, charged: true, failureMark: 1), fence, store)
            try await close(store)
            let sound = path + "-sound"
            try FileManager.default.copyItem(atPath: path, toPath: sound)
            var pages = try StorePages(path)
            pages.fillWithNoise(pages.root(), pages.root("guardian_ledger"))
            try pages.save()

            let (report, ordinary) = (try await salvage(path), try await salvage(sound))
            #expect(report.recoveredFromLoosePages == 450 && ordinary.recoveredFromLoosePages == 0)
            #expect(report.recovered == 450 && report.lostCount == 0 && report.rows == ordinary.rows)
            let (one, other) = (try contents(path), try contents(sound))
            #expect(one == other)
            #expect(one["guardian_ledger"]?.count == 150 && one["guardian_claim"]?.count == 4)
            try await expectInOrder(path)
        }
    }

    /// Delivers all that waits: each once, those of one entity in their order.
    private func expectInOrder(_ path: String) async throws {
        let store = try openStore(path)
        let fence = try await acquire(store, as: "q")
        var last: [String: Int64] = [:]
        var count = 0
        let later = start.adding(milliseconds: 60)
        while true {
            let claims = try await store.exchange(Exchange(fence: fence, now: later, urgent: 0, normal: 50)).claims
            if claims.isEmpty { break }
            for claim in claims {
                #expect(last[claim.operation.entity.id, default: 0] < claim.seq)
                last[claim.operation.entity.id] = claim.seq
            }
            count += claims.count
            try await settle(claims, as: .processed, fence, store)
        }
        #expect(count == 300)
        let books = try await store.books()
        #expect(books.processed == 450 && books.failed == 150 && books.pending == 0)
        try store.close()
    }

    /// A store of 600 operations of which the first 400 are gone, so that pages are free.
    private func delivered(_ path: String) async throws {
        let store = try openStore(path)
        try await fill(store, 0..<600)
        let fence = try await acquire(store)
        var count = 0
        while count < 400 {
            let claims = try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: 20)).claims
            try await settle(claims, as: .processed, fence, store)
            count += claims.count
        }
        try await close(store)
    }

    @Test(
        "a row on a freed page is never brought over; without the list of free pages none is that no way leads to",
        arguments: [false, true])
    func freedPage(isListed: Bool) async throws {
        try await withStoreDirectory { path in
            try await delivered(path)
            var pages = try StorePages(path)
            let (free, leaf) = (pages.free, pages.leaves(of: pages.root())[2])
            try #require(free.listed.count > 0)
            // As rows were left there when they moved on, and have changed since.
            pages[free.listed[0]] = pages[leaf].replacing("xxxx", with: "yyyy")
            let gone = pages.cellCount(leaf)
            pages.fillWithNoise(leaf, pages.root())
            if !isListed { pages.fillWithNoise(free.lists[0]) }
            try pages.save()
            let report = try await salvage(path)
            #expect(report.recovered == (isListed ? 200 - gone : 0) && report.recoveredFromLoosePages == report.recovered)
            #expect(report.lost.count == 200 - report.recovered && report.lostUnnamed == 0)
            let store = try openStore(path)
            for operation in try await store.list(OperationFilter(limit: 1000)) { #expect(operation.payload?.contains("yyyy") != true) }
            try store.close()
        }
    }

    @Test("a row whose id the index does not name is not brought over: one that is gone, and one of another id")
    func notNamed() async throws {
        try await withStoreDirectory { path in
            var store = try openStore(path)
            try await fill(store, 0..<300)
            try await close(store)
            var pages = try StorePages(path)
            let leaf = pages.leaves(of: pages.root())[1]
            let old = pages[leaf]
            let number = try #require((0..<300).first { old.replacing(id($0), with: id(999_999)) != old })
            store = try openStore(path)
            #expect(try await store.cancel(.text(id(number + 3)), ifStill: nil, now: start) == .neverSent)
            try await close(store)

            pages = try StorePages(path)
            #expect(pages.leaves(of: pages.root())[1] == leaf && pages[leaf] != old)
            pages[leaf] = old.replacing("\(id(number + 5))", with: id(999_999))
            pages.fillWithNoise(pages.root())
            try pages.save()
            let report = try await salvage(path)
            #expect(report.recovered == 298 && report.lost.map(\.id) == [.text(id(number + 5))] && report.lostUnnamed == 0)
            store = try openStore(path)
            for gone in [number + 3, 999_999] {
                let found = try await store.operation(.text(id(gone)))
                #expect(found == nil)
            }
            try store.close()
        }
    }

    @Test("of two pages that differ about a row neither is believed, and those about which they agree are brought over")
    func twoPagesDiffer() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path)
            try await fill(store, 0..<300)
            try await close(store)
            var pages = try StorePages(path)
            let leaf = pages[pages.leaves(of: pages.root())[1]]
            let number = try #require((0..<300).first { leaf.replacing(id($0), with: id(999_999)) != leaf })
            let end = "end of \(id(number))"
            let changed = leaf.replacing(end, with: "END of \(id(number))")
            #expect(changed != leaf)
            _ = pages.append(changed)
            pages.fillWithNoise(pages.root())
            try pages.save()
            let report = try await salvage(path)
            #expect(report.recovered == 299 && report.lost.map(\.id) == [.text(id(number))])
        }
    }

    @Test("what stood on a leaf that is damaged itself is not taken from another page: that would be an old copy")
    func leafIsDamaged() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path)
            try await fill(store, 0..<300)
            try await close(store)
            var pages = try StorePages(path)
            let leaf = pages.leaves(of: pages.root())[1]
            let gone = pages.cellCount(leaf)
            _ = pages.append(pages[leaf])
            pages.fillWithNoise(leaf)
            try pages.save()
            let report = try await salvage(path)
            #expect(report.recovered == 300 - gone && report.recoveredFromLoosePages == 0 && report.lost.count == gone)
        }
    }

    @Test("a payload that goes on on a damaged page is named as lost")
    func overflowIsDamaged() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path)
            try await fill(store, 0..<100, bytes: 9000)
            try await close(store)
            var pages = try StorePages(path)
            let end = Array("end of \(id(7))".utf8)
            let place = try #require(Data(pages.bytes).firstRange(of: Data(end))?.lowerBound)
            pages.fillWithNoise(pages.root(), place / StorePages.size + 1)
            try pages.save()
            let report = try await salvage(path)
            #expect(report.recovered == 99 && report.recoveredFromLoosePages == 99 && report.lost.map(\.id) == [.text(id(7))])
        }
    }

    @Test("the newest of each page counts, also where it stands in the log")
    func readsTheLog() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path)
            try await fill(store, 0..<300)
            try await store.checkpoint()
            #expect(try await store.cancel(.text(id(40)), ifStill: nil, now: start) == .neverSent)
            // As after a power cut, with nothing of that copied back.
            let cut = path + "-cut"
            for end in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + end, toPath: cut + end) }
            try store.close()
            let root = try StorePages(path).root()
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: cut))
            try file.seek(toOffset: UInt64((root - 1) * StorePages.size))
            try file.write(contentsOf: Data(repeating: 0xA5, count: StorePages.size))
            try file.close()
            let report = try await salvage(cut)
            #expect(report.recovered == 299 && report.recoveredFromLoosePages == 299 && report.lostCount == 0)
        }
    }

    @Test("rows that were stored before columns were added are brought over too")
    func shortRows() async throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: tests.appendingPathComponent("Stores/guardian-0001-queue.sql"), encoding: .utf8)
        try await withStoreDirectory { path in
            try FileManager.default.createDirectory(
                at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
            let queue = try DatabaseQueue(path: path)
            try await queue.writeWithoutTransaction { db in
                try db.execute(sql: text)
                // Copies of one that has failed.
                let names = try Row.fetchAll(db, sql: "PRAGMA table_info(guardian_operation)").map { $0["name"] as String }
                let values = names.map { $0 == "seq" ? "i" : $0 == "id" ? "'copy-' || i" : $0 }.joined(separator: ", ")
                try db.execute(
                    sql: """
                        WITH RECURSIVE n(i) AS (VALUES (100) UNION ALL SELECT i + 1 FROM n WHERE i < 399)
                            INSERT INTO guardian_operation SELECT \(values) FROM guardian_operation, n WHERE seq = 5;
                        UPDATE guardian_books SET accepted = accepted + 300, failed = failed + 300, next_seq = 400;
                        """)
            }
            try queue.close()
            let store = try openStore(path)
            try await close(store)
            let before = try contents(path)
            var pages = try StorePages(path)
            pages.fillWithNoise(pages.root())
            try pages.save()
            let report = try await salvage(path)
            #expect(report.recovered == 308 && report.recoveredFromLoosePages == 308 && report.lostCount == 0)
            let (one, other) = (before["guardian_operation"], try contents(path)["guardian_operation"])
            #expect(one?.map { $0["payload"] as String? } == other?.map { $0["payload"] as String? })
        }
    }

    @Test("a rowid that has changed makes no salvage go round in a circle")
    func rowidsOutOfOrder() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path)
            try await fill(store, 0..<1000)
            try await close(store)
            var pages = try StorePages(path)
            // The row of number 400 calls itself 200: who reads 200 at once would begin behind that again.
            for leaf in pages.leaves(of: pages.root()) {
                for cell in 0..<pages.cellCount(leaf) {
                    let place = pages.placeOfRowid(cell, on: leaf)
                    var bytes = pages[leaf]
                    guard bytes[place] == 0x83, bytes[place + 1] == 0x10 else { continue }
                    (bytes[place], bytes[place + 1]) = (0x81, 0x48)
                    pages[leaf] = bytes
                }
            }
            try pages.save()
            let report = try await salvage(path)
            #expect(report.recovered == 999 && report.lost.map(\.seq) == [400], "\(report.recovered) \(report.lost.map(\.seq))")
        }
    }
}
