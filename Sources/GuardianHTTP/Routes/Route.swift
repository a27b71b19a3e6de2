public import GuardianCore

/// How one kind of operation becomes a request: `(operation, entity) → method, path` (spec section 5).
public struct Route: Sendable, Equatable {
    /// How member names of the payload are written on the wire.
    public enum KeyMapping: String, Sendable {
        /// As the app writes them.
        case none
        /// `roomName` goes out as `room_name`, at every depth.
        case snakeCase = "snake_case"
        /// `room_name` goes out as `roomName`, at every depth.
        case camelCase = "camel_case"

        /// What turns names from the wire into the app's.
        var inverse: KeyMapping {
            switch self {
            case .none: .none
            case .snakeCase: .camelCase
            case .camelCase: .snakeCase
            }
        }

        /// A name in this spelling.
        func spelled(_ name: String) -> String {
            switch self {
            case .none: name
            case .snakeCase: KeySpelling.snakeCase(name)
            case .camelCase: KeySpelling.camelCase(name)
            }
        }
    }

    /// An operation type, or `*`.
    public var operation: String
    /// An entity type, or `*`.
    public var entity: String
    /// Such as `PUT`; sent as it stands.
    public var method: String
    /// Such as `/api/v1/rooms/{room_id}`. `{id}`, `{entity_id}` and that of the entity's own type, such as `{room_id}` of a `room`, are the
    /// entity's id, whatever the payload says; other names are members of the payload, in either spelling.
    public var path: String
    /// ``KeyMapping/none`` by default. Names in answers are turned back into the app's.
    public var keyMapping: KeyMapping
    /// Members of the payload that are sent; nil means all.
    public var fields: [String]?
    /// Rows of the answer table that differ for this route; nil stands for success. A status that is said not to be transient asks nobody
    /// to wait, be it a 429 or one with `Retry-After`.
    public var overrides: [Int: AnswerClass?]
    /// Where several operations of different ordering keys may go in one request; nil, the default, sends each alone.
    public var batch: BatchEndpoint?
    /// Who waits when an answer asks to wait (429, or any with `Retry-After`): the whole origin, by default, or what goes by this route.
    public var hold: HoldScope

    /// Checks nothing: a transport that gets the route does.
    public init(
        operation: String, entity: String, method: String, path: String, keyMapping: KeyMapping = .none, fields: [String]? = nil,
        overrides: [Int: AnswerClass?] = [:], batch: BatchEndpoint? = nil, hold: HoldScope = .origin
    ) {
        self.batch = batch
        self.hold = hold
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
    /// Whether a parameter of this name stands for the id of an entity of `type`: `id`, `entity_id`, and that of the type itself, such as
    /// `room_id` or `roomId` of a `room`.
    static func isID(_ name: some StringProtocol, of type: String) -> Bool {
        if name == "id" || name == "entity_id" { return true }
        return KeySpelling.snakeCase(String(name)) == KeySpelling.snakeCase(type.replacing("-", with: "_")) + "_id"
    }

    /// Whether the path holds the id of an entity of `type`.
    func namesEntity(of type: String) -> Bool {
        path.split(separator: "{").dropFirst().contains { part in Self.isID(part.prefix { $0 != "}" }, of: type) }
    }

    /// Whether the path ends with the id of an entity of `type`, so that it is the entity's own.
    func endsWithEntity(of type: String) -> Bool {
        let last = path.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        return last.hasPrefix("{") && last.hasSuffix("}") && Self.isID(last.dropFirst().dropLast(), of: type)
    }

    /// What is sent of a payload, under the app's names.
    func chosen(from payload: JSONValue) -> JSONValue {
        guard let fields, let members = payload.members else { return payload }
        return .object(members.filter { fields.contains($0.name) })
    }

    /// What is there as the app sees it: members that are never sent are the payload's own.
    func completed(_ state: JSONValue, by payload: JSONValue?) -> JSONValue {
        guard let fields, let members = state.members, let own = payload?.members else { return state }
        let names = Set(fields + members.map(\.name))
        return .object(members + own.filter { !names.contains($0.name) })
    }

    /// Whether what is sent says the entity's id: the path, or the member `id` of the body.
    func sendsID(of operation: Operation) -> Bool {
        if namesEntity(of: operation.entity.type) { return true }
        guard let payload = JSONValue.reading(operation.payload) else { return false }
        let id = operation.entity.id
        return chosen(from: payload).members?.contains { member in
            keyMapping.spelled(member.name) == SystemFields.identity && (member.value == .string(id) || member.value == .number(id))
        } ?? false
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
