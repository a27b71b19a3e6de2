import Foundation
import GuardianCore
import GuardianSQLite
import Testing

/// A store is closed while it is in use.
@Suite(.serialized) struct ClosingTests {
    private static let lanes = 8

    /// Enqueues until it is refused, or cancelled; calls `hasBegun` once some are acknowledged. Returns how many were.
    private static func enqueue(_ store: SQLiteStore, seed: UInt64, hasBegun: @Sendable () -> Void) async throws -> Int {
        var random = Xoshiro256(seed: seed)
        var count = 0
        while !Task.isCancelled {
            let new = NewOperation("update", entityType: "room", entityID: "r\(seed)", payload: "{}")
            let operation = try Admission().admit(new, at: Timestamp(milliseconds: 1_800_000_000_000), random: &random)
            do throws(StoreError) { _ = try await store.enqueue([operation]) } catch {
                #expect(error == .unavailable("the store is closed"))
                return count
            }
            count += 1
            if count == 5 { hasBegun() }
        }
        return count
    }

    @Test("a store closes under traffic; what it acknowledged is there, and who comes later hears that it is closed", arguments: 0..<20)
    func closesUnderTraffic(round: Int) async throws {
        let folder = NSTemporaryDirectory() + "/guardian-closing-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch {} }
        let path = folder + "/guardian.sqlite"
        let store = try SQLiteStore.open(.init(path: path))
        let (begun, begins) = AsyncStream.makeStream(of: Void.self)
        let acknowledged = try await withThrowingTaskGroup(of: Int.self) { group in
            for lane in 0..<Self.lanes {
                let seed = UInt64(round * Self.lanes + lane)
                group.addTask { try await Self.enqueue(store, seed: seed) { begins.yield() } }
            }
            var left = Self.lanes
            for await _ in begun {
                left -= 1
                if left == 0 { break }
            }
            try store.close()
            return try await group.reduce(0, +)
        }
        let next = try SQLiteStore.open(.init(path: path))
        #expect(try await next.books().pending == Int64(acknowledged))
        #expect(try await next.check().problems == [])
        try next.close()
    }

    @Test("a store that is closed can be closed again, and refuses what it is asked for")
    func isClosed() async throws {
        try await withStore { store, _ in
            try store.close()
            try store.close()
            let failure = await #expect(throws: StoreError.self) { try await store.checkpoint() }
            #expect(failure == .unavailable("the store is closed"))
            await #expect(throws: StoreError.self) { try await store.probeWrite() }
            await #expect(throws: StoreError.self) { _ = try await store.books() }
        }
    }
}
