import Foundation
import GuardianCore
import GuardianRuntime
import GuardianTesting
import Testing

/// What a new build does to the pause that an upstream's 426 has set (spec section 4).
@Suite struct VersionMarkTests {
    @Test("the pause of a 426 outlives restarts of the same build and ends with another one; other pauses stay")
    func upgrade() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-version-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let store = MemoryStore()
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        try await store.setPause(.upgrade, to: true)
        try await store.setPause(.operator, to: true)
        // A directory without a mark says nothing of what ran there before.
        for version in ["1.0.0", "1.0.0", "1.0.0"] {
            try await engine.resumeAfterUpgrade(in: directory, version: version)
            #expect(try await store.loadControl().pauses == [.upgrade, .operator])
        }
        try await engine.resumeAfterUpgrade(in: directory, version: "1.1.0")
        #expect(try await store.loadControl().pauses == [.operator])
        let mode = try FileManager.default.attributesOfItem(atPath: directory + "/version")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try await store.setPause(.upgrade, to: true)
        try await engine.resumeAfterUpgrade(in: directory, version: "1.1.0")
        #expect(try await store.loadControl().pauses == [.upgrade, .operator])
    }

    @Test("where no mark can be written nothing is resumed, and nothing fails")
    func unwritable() async throws {
        let store = MemoryStore()
        try await store.setPause(.upgrade, to: true)
        try await SyncEngine(store: store, transport: ScriptedTransport()).resumeAfterUpgrade(in: "/dev/null/nowhere", version: "2")
        #expect(try await store.loadControl().pauses == [.upgrade])
    }
}
