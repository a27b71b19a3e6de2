extension NewOperation {
    /// Reads the names of spec section 12; anything else is an error that names the field and, where one is near, what was meant.
    package init(json: JSONValue) throws(SyncError) {
        guard let members = json.members else { throw .validation(field: "operation", constraint: "must be a JSON object") }
        var seen: Set<String> = []
        for member in members {
            guard Self.names.contains(member.name) else {
                let near = NearestName.of(member.name, in: Self.names).map { "; did you mean \($0)?" } ?? ""
                // Never a part of it: a secret cut in two looks like none to whoever redacts.
                let count = member.name.count
                let name = count <= 64 ? member.name : "a name of \(count) characters"
                throw .validation(field: name, constraint: "is not a field of an operation" + near)
            }
            guard seen.insert(member.name).inserted else { throw .validation(field: member.name, constraint: "is given twice") }
        }
        self.init(
            try Self.text(json, "operation_type", required: true) ?? "",
            entityType: try Self.text(json, "entity_type", required: true) ?? "",
            entityID: try Self.text(json, "entity_id", required: true) ?? "")
        id = try Self.text(json, "id")
        idempotencyKey = try Self.text(json, "idempotency_key")
        traceID = try Self.text(json, "trace_id")
        orderingKey = try Self.text(json, "ordering_key")
        txnToken = try Self.text(json, "txn_token")
        principal = try Self.text(json, "principal")
        payload = try Self.object(json, "payload")
        base = try Self.object(json, "base")
        notBefore = try Self.time(json, "not_before")
        expiresAt = try Self.time(json, "expires_at")
        priority = try Self.integer(json, "priority") ?? 0
        schemaVersion = try Self.integer(json, "schema_version") ?? 1
    }

    /// Reads JSON text.
    package init(jsonText: String) throws(SyncError) { try self.init(jsonText: jsonText, most: .max) }

    /// Reads JSON text of at most `most` bytes, counted as ``JSONValue/init(parsing:isStrict:most:)`` does.
    package init(jsonText: String, most: Int) throws(SyncError) {
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: jsonText, isStrict: true, most: most) } catch {
            throw .validation(field: "operation", constraint: "\(error.constraint) (at byte \(error.offset))")
        }
        try self.init(json: json)
    }

    static let names = [
        "id", "idempotency_key", "trace_id", "operation_type", "entity_type", "entity_id", "ordering_key", "payload", "base", "txn_token",
        "priority", "not_before", "expires_at", "principal", "schema_version",
    ]

    private static func value(_ json: JSONValue, _ name: String) -> JSONValue? {
        guard let value = json[name], value != .null else { return nil }
        return value
    }

    private static func text(_ json: JSONValue, _ name: String, required: Bool = false) throws(SyncError) -> String? {
        guard let value = value(json, name) else {
            guard !required else { throw .validation(field: name, constraint: "is required") }
            return nil
        }
        guard let text = value.string else { throw .validation(field: name, constraint: "must be a string") }
        return text
    }

    private static func object(_ json: JSONValue, _ name: String) throws(SyncError) -> String? {
        guard let value = json[name] else { return nil }
        guard case .object = value else { throw .validation(field: name, constraint: "must be a JSON object") }
        return value.text
    }

    private static func time(_ json: JSONValue, _ name: String) throws(SyncError) -> Timestamp? {
        guard let text = try text(json, name) else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw .validation(field: name, constraint: "must be an RFC 3339 time such as 2026-01-31T09:05:00Z")
        }
        return time
    }

    private static func integer(_ json: JSONValue, _ name: String) throws(SyncError) -> Int? {
        guard let value = value(json, name) else { return nil }
        guard let integer = value.integer.flatMap({ Int(exactly: $0) }) else {
            throw .validation(field: name, constraint: "must be an integer")
        }
        return integer
    }
}
