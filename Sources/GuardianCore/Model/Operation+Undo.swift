extension Operation {
    /// The operation that takes this one's effect back, should it have had one: a delete for a create, the base for an update, a create of
    /// the base for a delete. nil when what was there before is not known.
    ///
    /// It is the same principal's. The store keeps only a hash of that, so `principal` says who it is; without it a principal's operation
    /// has no undo, for that would go out with the token of whoever is signed in.
    public func undo(as principal: String? = nil) -> NewOperation? {
        if self.principal != nil, principal == nil { return nil }
        let (undoing, before): (String, String?)
        switch (type, base) {
        case ("create", _): (undoing, before) = ("delete", nil)
        case ("update", let base?): (undoing, before) = ("update", base)
        case ("delete", let base?): (undoing, before) = ("create", base)
        default: return nil
        }
        return NewOperation(
            undoing, entityType: entity.type, entityID: entity.id, payload: before, orderingKey: customOrderingKey, priority: priority,
            principal: self.principal == nil ? nil : principal, schemaVersion: schemaVersion)
    }
}

extension NewOperation {
    /// What was given of it, under the names of spec section 12: ``init(json:)`` reads it again.
    package var json: JSONValue {
        var members: [JSONValue.Member] = []
        func put(_ name: String, _ text: String?) { if let text { members.append(.init(name, .string(text))) } }
        func putJSON(_ name: String, _ text: String?) {
            guard let text else { return }
            do throws(JSONScanner.Defect) { members.append(.init(name, try JSONValue(parsing: text))) } catch { put(name, text) }
        }
        put("id", id)
        put("idempotency_key", idempotencyKey)
        put("trace_id", traceID)
        put("operation_type", operationType)
        put("entity_type", entityType)
        put("entity_id", entityID)
        put("ordering_key", orderingKey)
        putJSON("payload", payload)
        putJSON("base", base)
        put("txn_token", txnToken)
        if priority != 0 { members.append(.init("priority", JSONValue(priority))) }
        put("not_before", notBefore?.rfc3339)
        put("expires_at", expiresAt?.rfc3339)
        put("principal", principal)
        if schemaVersion != 1 { members.append(.init("schema_version", JSONValue(schemaVersion))) }
        return .object(members)
    }
}
