import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import Testing

/// The write-ahead log is copied back beside the writer (docs/decisions/0045).
@Suite struct CheckpointerTests {
    private static let payload = #"{"note":"\#(String(repeating: "x", count: 1000))"}"#

    private func operations(_ count: Int, from first: Int, _ random: inout Xoshiro256) throws -> [GuardianCore.Operation] {
        try (first..<first + count).map {
            let new = NewOperation("update", entityType: "room", entityID: "r\($0)", payload: Self.payload)
            return try Admission().admit(new, at: Timestamp(milliseconds: 1_800_000_000_000), random: &random)
        }
    }

    @Test("under constant load the log stays within its bounds, and the file has what was in it")
    func staysBounded() async throws {
        try await withStore { store, path in
            var random = Xoshiro256(seed: 1)
            var longest = 0
            // Some 100 MB go through the log.
            for round in 0..<300 {
                _ = try await store.enqueue(try operations(100, from: round * 100, &random))
                let size = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
                longest = max(longest, size ?? .max)
            }
            #expect(longest < 40 << 20, "\(longest) bytes")
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            #expect(size ?? 0 > 20 << 20)
            #expect(try await store.check().problems == [])
        }
    }

    @Test("a log that has grown far too long while somebody reads holds nobody up", .timeLimit(.minutes(10)))
    func readersHoldNobodyUp() async throws {
        try await withStore { _, path in
            // So patient that a wait for the reader is no slow disk.
            let store = try SQLiteStore.open(.init(path: path, busyTimeoutMs: 300_000))
            var configuration = Configuration()
            configuration.allowsUnsafeTransactions = true
            let reader = try DatabaseQueue(path: path, configuration: configuration)
            try await reader.writeWithoutTransaction { db in try db.execute(sql: "BEGIN; SELECT count(*) FROM guardian_books") }
            var random = Xoshiro256(seed: 3)
            let payload = #"{"note":"\#(String(repeating: "x", count: 900_000))"}"#
            var longest = Duration.zero
            // 90 MB, of which the last third comes to a log of more than 64 MB.
            for number in 0..<100 {
                let new = NewOperation("update", entityType: "room", entityID: "r\(number)", payload: payload)
                let operation = try Admission().admit(new, at: Timestamp(milliseconds: 1_800_000_000_000), random: &random)
                let begin = ContinuousClock.now
                _ = try await store.enqueue([operation])
                longest = max(longest, ContinuousClock.now - begin)
            }
            let size = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
            #expect(size ?? 0 > 80 << 20, "the reader has kept nothing")
            // It waited for the reader as long as it waits for another process's write: five minutes here.
            #expect(longest < .seconds(60), "\(longest)")
            try await reader.writeWithoutTransaction { db in try db.execute(sql: "COMMIT") }
            try reader.close()
            try await store.checkpoint()
            #expect(try await store.check().problems == [])
            try store.close()
        }
    }

    @Test("whoever empties the log while it is copied waits for that")
    func waitsForCopies() async throws {
        try await withStore { store, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var random = Xoshiro256(seed: 2)
                    for round in 0..<100 { _ = try await store.enqueue(try operations(100, from: round * 100, &random)) }
                }
                group.addTask { for _ in 0..<50 { try await store.checkpoint() } }
                try await group.waitForAll()
            }
            #expect(try await store.books().pending == 10_000)
        }
    }
}
