/// One change that the upstream tells of, whoever made it.
public struct RemoteChange: Sendable, Equatable {
    /// What is wrong with a change that can't be read.
    public struct Defect: Error, Sendable, Equatable, CustomStringConvertible {
        /// A member of the change's JSON, or `change` for the whole.
        public var field: String
        /// What it must be, as the rest of a sentence: `must be put or delete`.
        public var constraint: String
        public var description: String { "\(field) \(constraint)" }

        /// Also for an app whose upstream writes changes in its own way.
        public init(field: String, constraint: String) {
            self.field = field
            self.constraint = constraint
        }
    }

    /// Where the upstream's feed goes on behind this change. Opaque.
    public var cursor: String
    /// The entity's path as the upstream writes it, such as `/api/v1/rooms/7`.
    public var path: String
    /// Which entity it is; nil when the upstream names it by its path only.
    public var entity: EntityKey?
    /// Whether the entity is gone; otherwise ``body`` is what it is now.
    public var isDelete: Bool
    /// The entity's version after the change; of a delete, the last one there was.
    public var version: Int64?
    /// The entity's after the change; nil when the upstream does not tell it.
    public var etag: String?
    /// The whole entity after the change; nil for a delete.
    public var body: JSONValue?
    /// Of the request that made the change, when the upstream tells it: how a writer knows its own.
    public var idempotencyKey: String?

    /// Nothing is checked here: ``init(_:cursor:)`` does, of JSON.
    public init(
        cursor: String, path: String, entity: EntityKey? = nil, isDelete: Bool = false, version: Int64? = nil, etag: String? = nil,
        body: JSONValue? = nil, idempotencyKey: String? = nil
    ) {
        self.cursor = cursor
        self.path = path
        self.entity = entity
        self.isDelete = isDelete
        self.version = version
        self.etag = etag
        self.body = body
        self.idempotencyKey = idempotencyKey
    }
}

extension RemoteChange {
    /// Bytes of a cursor at most.
    public static let longestCursor = 1024

    /// Reads `{"cursor","entity","entity_type"?,"entity_id"?,"operation","version","etag","body","idempotency_key"?}`. Members that are not
    /// known are passed over. `cursor` stands in where the JSON has none.
    public init(_ json: JSONValue, cursor: String? = nil) throws(Defect) {
        guard json.members != nil else { throw Defect(field: "change", constraint: "must be a JSON object") }
        self.cursor = try Self.cursor(json["cursor"]?.string ?? cursor, "cursor")
        guard let path = json["entity"]?.string, path.hasPrefix("/") else {
            throw Defect(field: "entity", constraint: "must be a path such as /api/v1/rooms/7")
        }
        self.path = path
        switch json["operation"]?.string {
        case "put": isDelete = false
        case "delete": isDelete = true
        default: throw Defect(field: "operation", constraint: "must be put or delete")
        }
        if let type = json["entity_type"]?.string, let id = json["entity_id"]?.string, !type.isEmpty, !id.isEmpty {
            entity = EntityKey(type: type, id: id)
        }
        version = json["version"]?.integer
        etag = json["etag"]?.string
        idempotencyKey = json["idempotency_key"]?.string
        let body = json["body"]
        self.body = body == .null || isDelete ? nil : body
        if !isDelete, self.body?.members == nil { throw Defect(field: "body", constraint: "must be a JSON object") }
    }

    /// A cursor goes into a header and a query, so it must be short and free of control characters.
    package static func cursor(_ text: String?, _ field: String) throws(Defect) -> String {
        guard let text, !text.isEmpty, text.utf8.count <= longestCursor, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw Defect(field: field, constraint: "must be a text of 1 to \(longestCursor) bytes without control characters")
        }
        return text
    }
}

/// One answer of the upstream's to a poll: `{"changes":[…],"next":CURSOR,"reset":bool,"more"?:bool}`.
package struct ChangePage: Sendable, Equatable {
    package var batch: ChangeBatch
    /// Whether to ask again at once.
    package var hasMore: Bool

    /// `limit` is what was asked for: where the upstream does not say whether there is more, a full page has more behind it.
    ///
    /// A change that can't be read makes the page a reset: what it was is unknown, and asking again would not tell.
    package init(_ data: JSONValue, limit: Int) throws(RemoteChange.Defect) {
        guard let elements = data["changes"]?.elements else {
            throw RemoteChange.Defect(field: "changes", constraint: "must be an array")
        }
        let next = try RemoteChange.cursor(data["next"]?.string, "next")
        hasMore = data["more"].map { $0 == .bool(true) } ?? (elements.count >= limit)
        if data["reset"] == .bool(true) {
            batch = ChangeBatch(cursor: next, reset: .tooOld)
            return
        }
        do throws(RemoteChange.Defect) {
            var changes: [RemoteChange] = []
            for element in elements { changes.append(try RemoteChange(element)) }
            batch = ChangeBatch(changes, cursor: next)
        } catch {
            batch = ChangeBatch(cursor: next, reset: .unreadable(error.description))
        }
    }
}
