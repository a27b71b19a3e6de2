import Foundation
import GuardianCore
import GuardianSync
import GuardianTesting
import Testing

/// What an app learns of a refusal, from the engine that met it and from the next one on the same file.
@Suite struct KeptErrorTests {
    private static let fields = [ErrorDetails.Field("name", "at most 40 characters"), ErrorDetails.Field("floor")]

    private func room(_ id: String) -> NewOperation {
        NewOperation("update", entityType: "room", entityID: id, payload: #"{"name":"Galley"}"#, id: id)
    }

    @Test("the fields that a form has to mark, and the version to ask for, are there after a restart")
    func afterRestart() async throws {
        let folder = NSTemporaryDirectory() + "/guardian-errors-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch {} }
        let path = folder + "/guardian.sqlite"
        let transport = ScriptedTransport()
        let invalid = Answer(status: 422, code: "INVALID", message: "no", details: ErrorDetails(fields: Self.fields))
        let tooOld = Answer(status: 426, code: "TOO_OLD", message: "update", details: ErrorDetails(minimumVersion: "2.4"))
        transport.answer(operation: .text("a"), .refused(.permanent, invalid))
        transport.answer(operation: .text("b"), .refused(.upgrade, tooOld))

        let first = try SQLiteStore.open(.init(path: path))
        let sink = RecordingSink()
        let engine = SyncEngine(store: first, transport: transport, sinks: [sink])
        async let running: Void = engine.run()
        try await engine.enqueue(room("a"))
        guard case .failed(let told) = try await engine.outcome(of: .text("a")) else { throw SyncError.refused(reason: "not failed") }
        #expect(told.kind == .validation(field: "name", constraint: "at most 40 characters"))
        try await engine.enqueue(room("b"))
        await sink.first { $0 == .paused(.upgrade) }
        engine.drain()
        try await running
        try first.close()

        let second = try SQLiteStore.open(.init(path: path))
        let later = SyncEngine(store: second, transport: transport)
        let error = try #require(try await later.deliveryError(of: .text("a")))
        #expect(error.kind == told.kind && error.fields == Self.fields && error.message == "no" && error.httpStatus == 422)
        let behind = try #require(try await later.deliveryError(behind: .upgrade))
        #expect(behind.kind == .clientVersion(minimum: "2.4") && behind.code == "TOO_OLD" && !behind.canBeRetried)
        let stored = try await second.operation(.text("b"))
        #expect(behind.traceID == stored?.traceID && stored?.status == .pending)
        // The names that other programs rely on stay the four they are.
        #expect(stored?.lastError?.json.members?.map(\.name) == ["class", "code", "http_status", "message"])
        try second.close()
    }
}
