/// One API request as it came over the wire, for tests of the wire.
public struct RecordedRequest: Sendable {
    /// The most bytes of a body that are kept.
    public static let bodyLimit = 4096

    /// The HTTP method.
    public let method: String
    /// The path with its query.
    public let path: String
    /// The headers in order, `Host` first.
    public let headers: [(name: String, value: String)]
    /// The body, cut at `bodyLimit` bytes.
    public let body: [UInt8]
    /// How long the body was before the cut.
    public let bodyBytes: Int
    /// When it came: milliseconds since 1970 UTC.
    public let atMilliseconds: Int64

    /// Adds this request to an open JSON array or document.
    func write(into json: inout JSONWriter) {
        json.beginObject()
        json.member("method", method)
        json.member("path", path)
        json.key("headers")
        json.beginObject()
        var seen: [String: String] = [:]
        var order: [String] = []
        for (name, value) in headers {
            if let before = seen[name] {
                seen[name] = "\(before), \(value)"
            } else {
                seen[name] = value
                order.append(name)
            }
        }
        for name in order { json.member(name, seen[name] ?? "") }
        json.endObject()
        json.member("body", String(decoding: body, as: UTF8.self))
        json.member("body_bytes", bodyBytes)
        json.member("at", UTCTime.rfc3339(milliseconds: atMilliseconds))
        json.endObject()
    }
}
