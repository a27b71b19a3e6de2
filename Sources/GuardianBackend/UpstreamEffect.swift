/// One change that the reference upstream has applied.
public struct UpstreamEffect: Sendable, Equatable {
    /// Its place in the order of application, from 1 without gaps.
    public let number: Int
    /// The `Idempotency-Key` of the request.
    public let idempotencyKey: String?
    /// The `X-Operation-Id` header, or `meta.operation_id`.
    public let operationID: String?
    /// The HTTP method.
    public let method: String
    /// The path as it was asked, without the query.
    public let path: String
    /// The path of the entity that was changed.
    public let entity: String
    /// When it was applied: milliseconds since 1970 UTC.
    public let atMilliseconds: Int64
    /// The integer at the payload's key `seq`, with which tests check the order.
    public let payloadSequence: Int?
    /// The `Trace-Id` header, or `meta.trace_id`.
    public let traceID: String?

    /// Adds the members of this effect to an open JSON object.
    func write(into json: inout JSONWriter) {
        json.member("n", number)
        if let idempotencyKey { json.member("idempotency_key", idempotencyKey) } else { json.member("idempotency_key", raw: "null") }
        if let operationID { json.member("operation_id", operationID) }
        json.member("method", method)
        json.member("path", path)
        json.member("entity", entity)
        json.member("at", UTCTime.rfc3339(milliseconds: atMilliseconds))
        if let payloadSequence { json.member("payload_seq", payloadSequence) }
        if let traceID { json.member("trace_id", traceID) }
    }
}
