import Foundation

/// One change that was applied.
public struct Effect: Sendable, Equatable {
    /// From 1, in the order in which effects were applied.
    public var n: Int
    /// `none-` and a random id where the request had no key.
    public var idempotencyKey: String
    /// `meta.operation_id`, when the envelope has one.
    public var operationID: String?
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    public var method: String
    /// Where the request went; of a member of a batch, the path that it names.
    public var path: String
    /// The path of the entity: ``path``, or for a create the member of that collection that it made.
    public var entity: String
    /// From `Trace-Id`, else from the envelope; empty for neither.
    public var traceID: String
    /// `payload.seq`, when the payload has one: lets a test check the order for an entity.
    public var payloadSeq: Int?
    /// RFC 3339 UTC, with milliseconds.
    public var at: String
}

extension Effect {
    /// The names of spec section 12, and two more for tests.
    var json: [String: Any] {
        var json: [String: Any] = [
            "n": n, "idempotency_key": idempotencyKey, "method": method, "path": path, "entity": entity, "at": at, "trace_id": traceID,
        ]
        if let operationID { json["operation_id"] = operationID }
        if let payloadSeq { json["payload_seq"] = payloadSeq }
        return json
    }

    /// nil when something is missing.
    init?(_ json: [String: Any]) {
        guard let n = json["n"] as? Int, let key = json["idempotency_key"] as? String, let method = json["method"] as? String,
            let path = json["path"] as? String, let entity = json["entity"] as? String, let at = json["at"] as? String
        else { return nil }
        self.init(
            n: n, idempotencyKey: key, operationID: json["operation_id"] as? String, method: method, path: path, entity: entity,
            traceID: json["trace_id"] as? String ?? "", payloadSeq: json["payload_seq"] as? Int, at: at)
    }
}

extension Date {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// UTC, with milliseconds.
    var rfc3339: String { formatted(Self.style) }

    init?(rfc3339 text: String) {
        do { self = try Self.style.parse(text) } catch { return nil }
    }
}
