import GuardianCore
import Testing

@Suite("Remote changes")
struct RemoteChangeTests {
    @Test("a put carries the entity, its version and whose request it was")
    func put() throws {
        let json = try JSONValue(
            parsing: #"""
                {"cursor":"7-a","entity":"/api/v1/rooms/7","entity_type":"room","entity_id":"7","operation":"put","version":3,
                "etag":"\"v3\"","body":{"n":9007199254740993},"idempotency_key":"k","new_member":1}
                """#)
        let change = RemoteChange(
            cursor: "7-a", path: "/api/v1/rooms/7", entity: EntityKey(type: "room", id: "7"), version: 3, etag: "\"v3\"",
            body: ["n": .number("9007199254740993")], idempotencyKey: "k")
        #expect(try RemoteChange(json) == change)
    }

    @Test("a delete has no body, and takes the event's cursor when it names none")
    func delete() throws {
        let json: JSONValue = ["entity": "/api/v1/rooms/7", "operation": "delete", "version": 3, "etag": nil, "body": nil]
        #expect(
            try RemoteChange(json, cursor: "9") == RemoteChange(cursor: "9", path: "/api/v1/rooms/7", isDelete: true, version: 3))
    }

    static let defects: [(JSONValue, String)] = [
        ("x", "change"),
        (["entity": "/r/1", "operation": "delete"], "cursor"),
        (["cursor": "", "entity": "/r/1", "operation": "delete"], "cursor"),
        (["cursor": "a\r\nb: c", "entity": "/r/1", "operation": "delete"], "cursor"),
        (["cursor": .string(String(repeating: "x", count: 1025)), "entity": "/r/1", "operation": "delete"], "cursor"),
        (["cursor": "1", "entity": "r/1", "operation": "delete"], "entity"),
        (["cursor": "1", "entity": "/r/1", "operation": "patch"], "operation"),
        (["cursor": "1", "entity": "/r/1", "operation": "put"], "body"),
        (["cursor": "1", "entity": "/r/1", "operation": "put", "body": [1]], "body"),
    ]

    @Test("what is wrong is named by its field", arguments: defects)
    func defect(json: JSONValue, field: String) {
        #expect { try RemoteChange(json) } throws: { ($0 as? RemoteChange.Defect)?.field == field }
    }

    static let change: JSONValue = ["cursor": "1", "entity": "/r/1", "operation": "delete"]

    @Test("a page has more behind it when the server says so, or when it is full and the server says nothing")
    func more() throws {
        let full: JSONValue = ["changes": [Self.change], "next": "1", "reset": false]
        #expect(try ChangePage(full, limit: 1).hasMore)
        #expect(try !ChangePage(full, limit: 2).hasMore)
        #expect(try ChangePage(["changes": [], "next": "1", "more": true], limit: 2).hasMore)
        #expect(try !ChangePage(["changes": [Self.change], "next": "1", "more": false], limit: 1).hasMore)
    }

    @Test("a reset, or a change that can't be read, makes a page a reset behind it")
    func reset() throws {
        let reset = try ChangePage(["changes": [Self.change], "next": "8", "reset": true], limit: 9)
        #expect(reset.batch == ChangeBatch(cursor: "8", reset: .tooOld))
        let bad = try ChangePage(["changes": [Self.change, ["cursor": "2"]], "next": "8", "reset": false], limit: 9)
        guard case .unreadable(let reason) = bad.batch.reset else { return #expect(Bool(false), "\(bad)") }
        #expect(reason.contains("entity") && bad.batch.changes.isEmpty && bad.batch.cursor == "8")
    }

    @Test(
        "what is no page is refused by its field",
        arguments: [(["next": "1"], "changes"), (["changes": []], "next")] as [(JSONValue, String)])
    func noPage(json: JSONValue, field: String) {
        #expect { try ChangePage(json, limit: 1) } throws: { ($0 as? RemoteChange.Defect)?.field == field }
    }
}
