import Foundation
import GuardianCore
import GuardianSync
import GuardianTesting
import Testing

/// Values of the app's own types in operations.
@Suite struct EncodableTests {
    struct Room: Codable, Equatable {
        var name: String
        var temperature: Double
        var measuredAt = Date(timeIntervalSince1970: 1_767_225_600.25)
    }

    @Test("a value is the payload, and the one that was edited the base; dates are RFC 3339 with milliseconds")
    func encodes() async throws {
        let store = MemoryStore()
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        let (before, after) = (Room(name: "Kitchen", temperature: 20.5), Room(name: "Küche", temperature: 21))
        let receipt = try await engine.enqueue(
            NewOperation("update", entityType: "room", entityID: "r1", encoding: after, base: before, priority: 3))
        let stored = try #require(try await store.operation(receipt.id))
        let payload = try JSONValue(parsing: try #require(stored.payload))
        #expect(payload["name"]?.string == "Küche" && payload["temperature"]?.text == "21")
        #expect(payload["measuredAt"]?.string == "2026-01-01T00:00:00.250Z")
        #expect(try JSONValue(parsing: try #require(stored.base))["temperature"]?.text == "20.5")
        #expect(stored.priority == 3)
    }

    @Test("a delete has no payload, and an encoder of the app's own is taken")
    func variants() throws {
        let room = Room(name: "Kitchen", temperature: 21)
        let delete = try NewOperation("delete", entityType: "room", entityID: "r1", encoding: nil, base: room)
        #expect(delete.payload == nil && delete.base?.contains("Kitchen") == true)
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let update = try NewOperation("update", entityType: "room", entityID: "r1", encoding: room, encoder: encoder)
        #expect(update.payload?.contains("measured_at") == true)
    }

    @Test("what can't be encoded is an error that names the field; what is no object is one when it is enqueued")
    func refuses() async throws {
        let hot = Room(name: "Sauna", temperature: .nan)
        let error = #expect(throws: SyncError.self) {
            try NewOperation("update", entityType: "room", entityID: "r1", encoding: hot)
        }
        guard case .validation(let field, _) = error else { throw SyncError.refused(reason: "\(String(describing: error))") }
        #expect(field == "payload.temperature")
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport())
        let list = try NewOperation("update", entityType: "room", entityID: "r1", encoding: [1, 2])
        await #expect(throws: SyncError.validation(field: "payload", constraint: "must be a JSON object (at byte 0)")) {
            try await engine.enqueue(list)
        }
    }

    @Test("a timestamp goes to a date and back unchanged, and dates beyond it to its ends")
    func dates() {
        for milliseconds in [0, 1, -1, 999, 1_767_225_600_001, -62_135_596_800_000, 253_402_300_799_999] as [Int64] {
            let time = Timestamp(milliseconds: milliseconds)
            #expect(Timestamp(Date(time)) == time)
        }
        #expect(Timestamp(Date(timeIntervalSince1970: 0.0004)).milliseconds == 0)
        #expect(Timestamp(Date(timeIntervalSince1970: 1e30)).milliseconds == .max)
        #expect(Timestamp(Date(timeIntervalSince1970: -1e30)).milliseconds == .min)
    }
}
