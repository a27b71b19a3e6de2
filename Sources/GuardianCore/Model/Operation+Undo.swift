extension Operation {
    /// The operation that takes this one's effect back, should it have had one: a delete for a create, the base for an update, a create of
    /// the base for a delete. nil when what was there before is not known.
    public var undo: NewOperation? {
        switch type {
        case "create":
            NewOperation("delete", entityType: entity.type, entityID: entity.id, orderingKey: customOrderingKey, priority: priority)
        case "update":
            base.map {
                NewOperation(
                    "update", entityType: entity.type, entityID: entity.id, payload: $0, orderingKey: customOrderingKey, priority: priority)
            }
        case "delete":
            base.map {
                NewOperation(
                    "create", entityType: entity.type, entityID: entity.id, payload: $0, orderingKey: customOrderingKey, priority: priority)
            }
        default: nil
        }
    }
}

extension NewOperation {
    /// As it would be handed in again (spec section 12).
    public var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("operation_type", .string(operationType)), .init("entity_type", .string(entityType)),
            .init("entity_id", .string(entityID)),
        ]
        if let orderingKey { members.append(.init("ordering_key", .string(orderingKey))) }
        if priority != 0 { members.append(.init("priority", JSONValue(priority))) }
        if let payload {
            do throws(JSONScanner.Defect) { members.append(.init("payload", try JSONValue(parsing: payload))) } catch {
                members.append(.init("payload", .string(payload)))
            }
        }
        return .object(members)
    }
}
