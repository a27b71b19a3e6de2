/// Input that must be refused, and the field that the refusal names.
struct BadInput: Sendable {
    var name: String
    /// One line: no line feed inside.
    var bytes: [UInt8]
    /// Any of these: who can't read the line does not know the field.
    var fields: Set<String>

    init(_ name: String, _ fields: Set<String>, _ text: String) {
        self.name = name
        self.fields = fields
        bytes = Array(text.utf8)
    }

    /// An operation with some members replaced, given as JSON; "" leaves one out.
    private init(_ name: String, _ field: String, changed: KeyValuePairs<String, String>) {
        var members = ["operation_type": #""update""#, "entity_type": #""room""#, "entity_id": #""r1""#, "payload": "{}"]
        for (name, json) in changed { members[name] = json.isEmpty ? nil : json }
        let list = members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
        self.init(name, [field], "{" + list.joined(separator: ",") + "}")
    }

    /// What can't be read at all.
    private static let unreadable: Set<String> = ["body", "line", "operation"]

    static var all: [BadInput] {
        let long = String(repeating: "x", count: 10_000)
        let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
        var broken = BadInput("invalid UTF-8", "entity_id", changed: ["entity_id": #""r?""#])
        broken.fields = unreadable
        if let mark = broken.bytes.firstIndex(of: UInt8(ascii: "?")) { broken.bytes[mark] = 0xFF }
        var isDeep = BadInput("JSON nested 10 000 deep", "payload", changed: ["payload": "{\"a\":\(deep)}"])
        var hasNUL = BadInput("a NUL byte in a payload", "payload", changed: ["payload": "{\"a\":\"\0\"}"])
        var hasNULInID = BadInput("a NUL byte in an entity id", "entity_id", changed: ["entity_id": "\"r\0\""])
        isDeep.fields.formUnion(unreadable)
        hasNUL.fields.formUnion(unreadable)
        hasNULInID.fields.formUnion(unreadable)
        return [
            broken, isDeep, hasNUL, hasNULInID,
            BadInput("text that is no JSON", unreadable, "update room r1"),
            BadInput("an object that breaks off", unreadable, #"{"operation_type":"update","entity_type":"ro"#),
            BadInput("two objects on one line", unreadable, "{} {}"),
            BadInput("a number", unreadable, "7"),
            BadInput("a payload that is a list", "payload", changed: ["payload": "[1]"]),
            BadInput("a payload that is text", "payload", changed: ["payload": #""{}""#]),
            BadInput("a payload that is null", "payload", changed: ["payload": "null"]),
            BadInput("no payload", "payload", changed: ["payload": ""]),
            BadInput("a payload of 2 MiB", "payload", changed: ["payload": "{\"a\":\"\(String(repeating: "x", count: 2 << 20))\"}"]),
            BadInput("an escaped NUL in an entity id", "entity_id", changed: ["entity_id": #""r\u0000""#]),
            BadInput("an escaped NUL in an id", "id", changed: ["id": #""a\u0000""#]),
            BadInput("an escaped NUL in a type", "entity_type", changed: ["entity_type": #""room\u0000""#]),
            BadInput("an id of 10 kB", "id", changed: ["id": "\"\(long)\""]),
            BadInput("an entity id of 10 kB", "entity_id", changed: ["entity_id": "\"\(long)\""]),
            BadInput("an empty entity id", "entity_id", changed: ["entity_id": #""""#]),
            BadInput("no entity id", "entity_id", changed: ["entity_id": ""]),
            BadInput("a field that nobody knows", "entity_name", changed: ["entity_name": "1"]),
            BadInput("a field given twice", ["id"], #"{"id":"a","id":"b","operation_type":"delete","entity_type":"room","entity_id":"r"}"#),
            BadInput("an operation type that is a number", "operation_type", changed: ["operation_type": "7"]),
            BadInput("an operation type in capitals", "operation_type", changed: ["operation_type": #""UPDATE""#]),
            BadInput("a priority that is text", "priority", changed: ["priority": #""high""#]),
            BadInput("a priority beyond its bounds", "priority", changed: ["priority": "1000"]),
            BadInput("a time that is none", "not_before", changed: ["not_before": #""tomorrow""#]),
            BadInput("a key that is no UUID", "idempotency_key", changed: ["idempotency_key": #""mine""#]),
            BadInput("a base that is a list", "base", changed: ["base": "[]"]),
        ]
    }
}
