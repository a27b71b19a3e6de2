import Foundation
import GuardianCore
import GuardianSQLite
import GuardianTesting
import Testing

/// Spec 3.13, with processes that die for real.
@Suite struct CrashSuspectTests {
    static let count = 1000

    @Test("an operation whose sending kills the process is set aside after three deaths; the 999 others are delivered")
    func isSetAside() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
        let path = directory + "/guardian.sqlite"
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let store = try SQLiteStore.open(.init(path: path))
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        try await engine.enqueue(
            (0..<Self.count).map { number in
                NewOperation(
                    "update", entityType: "room", entityID: "\(number % 50)", payload: #"{"n":\#(number)}"#,
                    id: number == 500 ? "killer" : "op-\(number)")
            })
        try store.close()
        for _ in 0..<Operation.mostCrashes {
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in try await deliver(path, dyingOf: "killer") }
        }
        try await deliver(path, dyingOf: nil)

        let after = try SQLiteStore.open(.init(path: path))
        let failed = try await after.list(OperationFilter(status: .failed))
        #expect(failed.map(\.id) == [.text("killer")])
        #expect(failed.first?.lastError?.class == .crashSuspect)
        let books = try await after.books()
        #expect(books.processed == Self.count - 1)
        #expect(try await after.check().problems == [])
        print(
            "measured: \(books.processed) of \(Self.count) delivered, \(books.failed) set aside as \(failed.first?.lastError?.code ?? "-")")
        try after.close()
    }
}

/// Delivers until everything has been settled; kills its own process when it comes to the operation of that id.
private func deliver(_ path: String, dyingOf killer: String?) async throws {
    let store = try SQLiteStore.open(.init(path: path))
    let engine = SyncEngine(store: store, transport: Deadly(killer: killer.map { .text($0) }))
    async let running: Void = engine.run()
    while try await store.books().pending + store.books().processing > 0 { try await Task.sleep(for: .milliseconds(5)) }
    engine.drain()
    try await running
    try store.close()
}

private struct Deadly: Transport {
    let killer: OperationID?

    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        if claim.operation.id == killer { kill(getpid(), SIGKILL) }
        return .accepted(Answer(status: 200))
    }
}
