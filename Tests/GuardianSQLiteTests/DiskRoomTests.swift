import Foundation
import GuardianCore
import GuardianSQLite
import Testing

/// What is known of the room on the volume.
@Suite struct DiskRoomTests {
    @Test("a volume that could not be asked for a moment is asked again, and its watermarks hold")
    func asksAgain() async throws {
        let folder = NSTemporaryDirectory() + "/guardian-room-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch {} }
        var configuration = SQLiteStore.Configuration(path: folder + "/data/guardian.sqlite")
        // More than any volume has.
        configuration.disk.firstWatermark = Int64.max / 4
        configuration.disk.reserve = 0
        let store = try SQLiteStore.open(configuration)
        var random = Xoshiro256(seed: 1)
        let new = NewOperation("update", entityType: "room", entityID: "r", payload: "{}", id: "one")
        let one = [try Admission().admit(new, at: Timestamp(milliseconds: 1_800_000_000_000), random: &random)]
        func isRefusedForRoom() async -> Bool {
            do throws(StoreError) { _ = try await store.enqueue(one) } catch {
                if case .full = error { return true }
            }
            return false
        }
        #expect(await isRefusedForRoom())
        try FileManager.default.moveItem(atPath: folder + "/data", toPath: folder + "/moved")
        let isRefusedMeanwhile = await isRefusedForRoom()
        try FileManager.default.moveItem(atPath: folder + "/moved", toPath: folder + "/data")
        #expect(!isRefusedMeanwhile, "it could be asked after all")
        // It is asked ten times a second at most.
        let end = ContinuousClock.now + .seconds(10)
        var isRefused = false
        while !isRefused, ContinuousClock.now < end { isRefused = await isRefusedForRoom() }
        #expect(isRefused)
        try store.close()
    }
}
