import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension ReferenceUpstream {
    func effectsAnswer(_ request: Request) -> Response {
        let after = request.uri.queryParameters["after"].flatMap { Int($0) } ?? 0
        let limit = request.uri.queryParameters["limit"].flatMap { Int($0) } ?? .max
        let chosen = effects.dropFirst(max(0, after)).prefix(max(0, limit))
        return Self.object(["effects": chosen.map(\.json)])
    }

    /// Changes the mode: `{"mode":"up"}` or `{"mode":"status","status":503,"count":3,"retry_after":"2","body":"…","content_type":"…"}`.
    func changeMode(_ request: Request) async throws -> Response {
        var request = request
        let body = try await request.collectBody(upTo: 1 << 16)
        guard let json = try JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any] else {
            return Self.error(.badRequest, "BAD_REQUEST", "the body must be a JSON object")
        }
        switch json["mode"] as? String {
        case "up": setMode(.up)
        case "status":
            guard let status = json["status"] as? Int, (100...599).contains(status) else {
                return Self.error(.badRequest, "BAD_REQUEST", "status: must be between 100 and 599")
            }
            setMode(
                .status(
                    status, remaining: json["count"] as? Int, retryAfter: json["retry_after"] as? String, body: json["body"] as? String,
                    contentType: json["content_type"] as? String))
        default: return Self.error(.badRequest, "BAD_REQUEST", "mode: must be \"up\" or \"status\"")
        }
        return Self.object(["mode": json["mode"] ?? ""])
    }

    // MARK: Building answers

    static func object(_ value: [String: Any]) -> Response {
        do {
            return json(.ok, String(decoding: try JSONSerialization.data(withJSONObject: value), as: UTF8.self))
        } catch {
            return Self.error(.internalServerError, "INTERNAL", "\(error)")
        }
    }

    static func json(_ status: HTTPResponse.Status, _ text: String, etag: String? = nil) -> Response {
        var response = Response(status: status, body: .init(byteBuffer: ByteBuffer(string: text)))
        response.headers[.contentType] = "application/json; charset=utf-8"
        if let etag { response.headers[.eTag] = etag }
        return response
    }

    static func response(_ answer: UpstreamState.StoredAnswer, replayed: Bool = false) -> Response {
        var response = json(.init(code: answer.status), answer.body, etag: answer.etag)
        if replayed, let name = HTTPField.Name("Idempotent-Replayed") { response.headers[name] = "true" }
        return response
    }

    static func error(_ status: HTTPResponse.Status, _ code: String, _ message: String) -> Response {
        let text = String(decoding: (try? JSONEncoder().encode(message)) ?? Data("\"\"".utf8), as: UTF8.self)
        return json(status, #"{"meta":{},"error":{"code":"\#(code)","message":\#(text),"details":{}}}"#)
    }

    static func envelope(data: String, trace: String) -> String {
        trace.isEmpty ? #"{"meta":{},"data":\#(data)}"# : #"{"meta":{"trace_id":"\#(trace)"},"data":\#(data)}"#
    }

    static func now() -> String {
        Date.now.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
    }

    /// The same for the same bytes, also after a restart (FNV-1a).
    static func hash(_ text: String) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return Int(truncatingIfNeeded: hash >> 1)
    }

    struct Content {
        var text: String
        var traceID: String
        var seq: Int?
        var id: String?
    }

    /// The payload of an envelope, or a bare object; an empty body is an empty object.
    static func content(of body: String) -> Content? {
        if body.isEmpty { return Content(text: "{}", traceID: "") }
        do {
            guard let json = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] else { return nil }
            let meta = json["meta"] as? [String: Any]
            let payload = meta == nil ? json : json["payload"] as? [String: Any] ?? [:]
            let text = String(decoding: try JSONSerialization.data(withJSONObject: payload), as: UTF8.self)
            return Content(
                text: text, traceID: meta?["trace_id"] as? String ?? "", seq: payload["seq"] as? Int,
                id: payload["id"].map { "\($0)" })
        } catch {
            return nil
        }
    }

    /// A create makes a member of its collection; everything else names the entity by its path.
    static func entityPath(_ method: HTTPRequest.Method, _ path: String, _ content: Content) -> String {
        method == .post ? path + "/" + (content.id ?? UUID().uuidString.lowercased()) : path
    }
}
