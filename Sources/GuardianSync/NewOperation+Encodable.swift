#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif
public import GuardianCore

extension NewOperation {
    /// An operation whose payload, and base, are values of the app's own type: `base` is the one that the user began to edit. nil leaves
    /// either out, as a delete may its payload.
    ///
    /// Both must become JSON objects. Without an `encoder` of the app's, dates in them become RFC 3339 text in UTC with milliseconds.
    /// Throws ``SyncError/validation(field:constraint:)`` with the name of what can't be encoded, such as `payload.temperature`.
    public init<Value: Encodable>(
        _ operationType: String, entityType: String, entityID: String, encoding payload: Value?, base: Value? = nil,
        id: String? = nil, orderingKey: String? = nil, txnToken: String? = nil, priority: Int = 0, notBefore: Timestamp? = nil,
        expiresAt: Timestamp? = nil, principal: String? = nil, schemaVersion: Int = 1, encoder: JSONEncoder? = nil
    ) throws(SyncError) {
        let encoder = encoder ?? Self.encoder
        self.init(
            operationType, entityType: entityType, entityID: entityID, payload: try Self.text(payload, "payload", encoder), id: id,
            orderingKey: orderingKey, base: try Self.text(base, "base", encoder), txnToken: txnToken, priority: priority,
            notBefore: notBefore, expiresAt: expiresAt, principal: principal, schemaVersion: schemaVersion)
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(Timestamp(date).rfc3339)
        }
        return encoder
    }

    private static func text(_ value: (some Encodable)?, _ field: String, _ encoder: JSONEncoder) throws(SyncError) -> String? {
        guard let value else { return nil }
        do { return String(decoding: try encoder.encode(value), as: UTF8.self) } catch EncodingError.invalidValue(_, let context) {
            let path = [field] + context.codingPath.map(\.stringValue)
            throw .validation(field: path.joined(separator: "."), constraint: "can't be encoded: \(context.debugDescription)")
        } catch {
            // The app's error may hold anything: only its type is told.
            throw .validation(field: field, constraint: "can't be encoded: \(type(of: error))")
        }
    }
}
