import GuardianCore
import NIOCore
import NIOHTTP1

/// Headers and body of a request (spec section 5). The body of an operation is the same bytes on every attempt.
struct RequestBuilder: Sendable {
    private let configuration: HTTPTransportConfiguration
    private let constant: HTTPHeaders

    init(configuration: HTTPTransportConfiguration) {
        self.configuration = configuration
        var constant: HTTPHeaders = ["content-type": "application/json; charset=utf-8", "accept": "application/json"]
        if let version = configuration.appVersion { constant.add(name: "x-app-version", value: version) }
        constant.add(name: "x-device-id", value: configuration.deviceID)
        constant.add(name: "user-agent", value: configuration.userAgent)
        self.constant = constant
    }

    func headers(of operation: Operation, token: String?) -> HTTPHeaders {
        var headers = constant
        headers.reserveCapacity(headers.count + 4)
        headers.add(name: "idempotency-key", value: operation.idempotencyKey.description)
        headers.add(name: "trace-id", value: operation.traceID.description)
        // W3C Trace Context: the trace is the operation's; the span is the second half of its key.
        headers.add(name: "traceparent", value: "00-\(operation.traceID.hex)-\(operation.idempotencyKey.lowHex)-01")
        if let etag = operation.sentIfMatch { headers.add(name: "if-match", value: etag) }
        if let token { headers.add(name: "authorization", value: "Bearer \(token)") }
        return headers
    }

    func body(of operation: Operation, route: Route) throws(Unroutable) -> ByteBuffer {
        var payload = operation.payload ?? "{}"
        if route.keyMapping != .none || route.fields != nil { payload = try mapped(payload, route) }
        guard configuration.envelope == .standard else { return ByteBuffer(string: payload) }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(payload.utf8.count + 160)
        buffer.writeString(#"{"meta":{"trace_id":""#)
        buffer.writeString(operation.traceID.description)
        buffer.writeString(#"","timestamp":""#)
        buffer.writeString(operation.enqueuedAt.rfc3339)
        buffer.writeString("\"")
        if let token = operation.txnToken {
            buffer.writeString(",\"txn_token\":")
            buffer.writeString(JSONValue.string(token).text)
        }
        buffer.writeString("},\"payload\":")
        buffer.writeString(payload)
        buffer.writeString("}")
        return buffer
    }

    private func mapped(_ payload: String, _ route: Route) throws(Unroutable) -> String {
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: payload) } catch {
            throw Unroutable(code: "BAD_PAYLOAD", message: "the payload \(error.constraint) (at byte \(error.offset))")
        }
        return Self.renamed(route.chosen(from: json), route.keyMapping).text
    }

    private static func renamed(_ value: JSONValue, _ mapping: Route.KeyMapping) -> JSONValue {
        switch value {
        case .object(let members): .object(members.map { JSONValue.Member(mapping.spelled($0.name), renamed($0.value, mapping)) })
        case .array(let elements): .array(elements.map { renamed($0, mapping) })
        default: value
        }
    }
}
