import GuardianCore
import Testing

/// What a person's choice makes of a conflict.
@Suite struct ChoiceTests {
    private static let key = UniqueID(high: 0x4000, low: 7)

    private static func conflict(_ payload: String?, type: String = "update", server: ServerState?) -> Operation {
        var operation = Operation(
            id: .text("a"), idempotencyKey: UniqueID(high: 0x4000, low: 1), traceID: UniqueID(high: 0x4000, low: 2), type: type,
            entity: EntityKey(type: "room", id: "r"), payload: payload, enqueuedAt: Timestamp(milliseconds: 0))
        operation.server = server
        return operation
    }

    @Test(
        "what a person sends again has the server's values in the system fields it carries, and gains none",
        arguments: [ConflictChoice.local, .payload(#"{"id":"r","version":3,"updated_at":"then","name":"ours"}"#)])
    func systemFields(choice: ConflictChoice) throws {
        let state = #"{"name":"theirs","version":7,"updated_at":"now","created_at":"once"}"#
        let operation = Self.conflict(
            #"{"id":"r","version":3,"updated_at":"then","name":"ours"}"#, server: ServerState(state: state, etag: "\"7\""))
        let revision = try #require(operation.revision(for: choice, newKey: Self.key))
        let sent = try JSONValue(parsing: revision.payload ?? "")
        #expect(sent == ["id": "r", "version": 7, "updated_at": "now", "name": "ours"])
        #expect(revision.type == "update")
        #expect(revision.base == state)
        #expect(revision.ifMatch == "\"7\"")
        #expect(revision.newKey == Self.key)
    }

    @Test(
        "a payload with nothing of the server's in it goes out as it was given, byte for byte",
        arguments: [
            ServerState(state: #"{"name":"theirs"}"#), ServerState(state: #"{"version":3}"#), ServerState(isGone: true),
            ServerState(etag: "\"7\""), nil,
        ])
    func untouched(server: ServerState?) throws {
        let payload = #"{ "version" : 3, "name" : "ours" }"#
        let revision = try #require(Self.conflict(payload, server: server).revision(for: .local, newKey: Self.key))
        #expect(revision.payload == payload)
    }

    @Test("an operation without a payload stays without one, and the server's state may stand")
    func without() throws {
        let server = ServerState(state: #"{"version":7}"#)
        let revision = try #require(Self.conflict(nil, type: "delete", server: server).revision(for: .local, newKey: Self.key))
        #expect(revision.payload == nil)
        #expect(Self.conflict("{}", server: server).revision(for: .server, newKey: Self.key) == nil)
    }
}
