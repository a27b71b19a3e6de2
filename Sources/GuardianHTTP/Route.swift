public import GuardianCore

/// How one kind of operation becomes a request: `(operation, entity) → method, path` (spec section 5).
public struct Route: Sendable, Equatable {
    /// How member names of the payload are written on the wire.
    public enum KeyMapping: String, Sendable {
        case none
        case snakeCase = "snake_case"
        case camelCase = "camel_case"

        /// What turns names from the wire into the app's.
        var inverse: KeyMapping {
            switch self {
            case .none: .none
            case .snakeCase: .camelCase
            case .camelCase: .snakeCase
            }
        }
    }

    /// An operation type, or `*`.
    public var operation: String
    /// An entity type, or `*`.
    public var entity: String
    public var method: String
    /// Such as `/api/v1/rooms/{room_id}`. `{id}` and `{entity_id}` are the entity's; other names are members of the payload.
    public var path: String
    public var keyMapping: KeyMapping
    /// Members of the payload that are sent; nil means all.
    public var fields: [String]?
    /// Rows of the answer table that differ for this route; nil stands for success.
    public var overrides: [Int: AnswerClass?]
    /// Where several operations of different ordering keys may go in one request; nil, the default, sends each alone.
    public var batch: BatchEndpoint?

    public init(
        operation: String, entity: String, method: String, path: String, keyMapping: KeyMapping = .none, fields: [String]? = nil,
        overrides: [Int: AnswerClass?] = [:], batch: BatchEndpoint? = nil
    ) {
        self.batch = batch
        self.operation = operation
        self.entity = entity
        self.method = method
        self.path = path
        self.keyMapping = keyMapping
        self.fields = fields
        self.overrides = overrides
    }
}

extension Route {
    /// The routes of a health-monitoring app: an example to start from.
    public static let healthApp: [Route] = [
        Route(operation: "update", entity: "device_state", method: "PUT", path: "/api/v1/devices/{id}/state"),
        Route(operation: "create", entity: "heart_rate", method: "POST", path: "/api/v1/heart-rates"),
        Route(operation: "create", entity: "blood_pressure", method: "POST", path: "/api/v1/blood-pressures"),
        Route(operation: "create", entity: "fall_event", method: "POST", path: "/api/v1/fall-events"),
        Route(operation: "update", entity: "automation", method: "PUT", path: "/api/v1/automations/{id}"),
        Route(operation: "create", entity: "automation", method: "POST", path: "/api/v1/automations"),
        Route(operation: "delete", entity: "automation", method: "DELETE", path: "/api/v1/automations/{id}"),
    ]
}
