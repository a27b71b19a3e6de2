import GuardianCore
import NIOCore
import NIOHTTP1

/// Headers and body of a request (spec section 5). The body of an operation is the same bytes on every attempt.
struct RequestBuilder: Sendable {
    private let configuration: HTTPTransportConfiguration
    private let constant: HTTPHeaders

    init(configuration: HTTPTransportConfiguration) {
        self.configuration = configuration
        constant = [
            "content-type": "application/json; charset=utf-8", "accept": "application/json", "x-app-version": configuration.appVersion,
            "x-device-id": configuration.deviceID, "user-agent": "GuardianSync/\(configuration.appVersion)",
        ]
    }

    func headers(of operation: Operation, token: String?) -> HTTPHeaders {
        var headers = constant
        headers.reserveCapacity(headers.count + 4)
        headers.add(name: "idempotency-key", value: operation.idempotencyKey.description)
        headers.add(name: "trace-id", value: operation.traceID.description)
        // W3C Trace Context: the trace is the operation's; the span is the second half of its key.
        headers.add(name: "traceparent", value: "00-\(operation.traceID.hex)-\(operation.idempotencyKey.lowHex)-01")
        if let etag = operation.ifMatch { headers.add(name: "if-match", value: etag) }
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
        let chosen = (json.members ?? []).filter { member in route.fields.map { $0.contains(member.name) } ?? true }
        return Self.renamed(.object(chosen), route.keyMapping).text
    }

    static func renamed(_ value: JSONValue, _ mapping: Route.KeyMapping) -> JSONValue {
        switch value {
        case .object(let members):
            return .object(
                members.map { member in
                    let name: String
                    switch mapping {
                    case .none: name = member.name
                    case .snakeCase: name = KeySpelling.snakeCase(member.name)
                    case .camelCase: name = KeySpelling.camelCase(member.name)
                    }
                    return .init(name, renamed(member.value, mapping))
                })
        case .array(let elements): return .array(elements.map { renamed($0, mapping) })
        default: return value
        }
    }
}
