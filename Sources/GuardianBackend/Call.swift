import Foundation
import HTTPTypes
import Hummingbird

/// An API request, read once.
struct Call {
    let method: HTTPRequest.Method
    let path: String
    let key: String?
    let ifMatch: String?
    let authorization: String?
    let body: String
    /// nil when the body is no JSON object.
    let content: Content?
    /// What a key stands for: the same alone and in a batch, and whatever id a create is given.
    let meaning: String
    /// The path of the entity: a create makes a member of its collection, everything else names it by its own path.
    let entity: String
    /// What the request came with, in `Trace-Id` or else in the envelope; empty for neither.
    let trace: String

    /// The payload of an envelope, or a bare object.
    struct Content {
        var text: String
        var traceID: String?
        var operationID: String?
        var seq: Int?
        var id: String?
    }

    init(_ request: Request, body: String, assignsID: Bool = false) {
        self.init(
            method: request.method, path: request.uri.path, key: request.headers["Idempotency-Key"], ifMatch: request.headers[.ifMatch],
            authorization: request.headers[.authorization], body: body, trace: request.headers["Trace-Id"], assignsID: assignsID)
    }

    init(
        method: HTTPRequest.Method, path: String, key: String?, ifMatch: String?, authorization: String?, body: String, trace: String?,
        assignsID: Bool
    ) {
        self.method = method
        self.path = path
        self.key = key
        self.ifMatch = ifMatch
        self.authorization = authorization
        self.body = body
        var content = Self.content(of: body)
        meaning = content?.text ?? body
        let id = assignsID && method == .post ? UUID().uuidString.lowercased() : nil
        if let id, var named = content {
            named.text = Self.naming(id, in: named.text)
            named.id = id
            content = named
        }
        entity = method == .post ? path + "/" + (content?.id.map(Self.segment) ?? UUID().uuidString.lowercased()) : path
        self.content = content
        self.trace = trace ?? content?.traceID ?? ""
    }

    var isRead: Bool { method == .get }

    func error(_ status: HTTPResponse.Status, _ code: String, _ message: String) -> Response {
        .error(status, code, message, trace: trace)
    }

    func data(_ status: HTTPResponse.Status, _ data: String, etag: String?) -> Response {
        let meta = trace.isEmpty ? "" : "\"trace_id\":\(Response.quoted(trace))"
        var response = Response.json(status, "{\"meta\":{\(meta)},\"data\":\(data)}", trace: trace)
        if let etag { response.headers[.eTag] = etag }
        return response
    }

    /// The payload with an id of the upstream's own.
    private static func naming(_ id: String, in text: String) -> String {
        do {
            guard var payload = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else { return text }
            payload["id"] = id
            return String(decoding: try JSONSerialization.data(withJSONObject: payload), as: UTF8.self)
        } catch {
            return text
        }
    }

    /// An empty body is an empty object.
    private static func content(of body: String) -> Content? {
        if body.isEmpty { return Content(text: "{}") }
        do {
            guard let json = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] else { return nil }
            let meta = json["meta"] as? [String: Any]
            let payload = meta == nil ? json : json["payload"] as? [String: Any] ?? [:]
            let text = String(decoding: try JSONSerialization.data(withJSONObject: payload, options: .sortedKeys), as: UTF8.self)
            return Content(
                text: text, traceID: meta?["trace_id"] as? String, operationID: meta?["operation_id"] as? String,
                seq: payload["seq"] as? Int, id: payload["id"].map { "\($0)" })
        } catch {
            return nil
        }
    }

    /// An id as it stands in a path (RFC 3986: all but unreserved characters are encoded).
    private static func segment(_ id: String) -> String {
        id.addingPercentEncoding(withAllowedCharacters: unreserved) ?? id
    }

    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
}

extension HTTPFields {
    subscript(name: String) -> String? {
        get { HTTPField.Name(name).flatMap { self[$0] } }
        set { if let name = HTTPField.Name(name) { self[name] = newValue } }
    }
}
