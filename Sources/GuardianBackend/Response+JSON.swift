import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    static func object(_ value: [String: Any]) -> Response {
        do {
            return json(.ok, String(decoding: try JSONSerialization.data(withJSONObject: value), as: UTF8.self))
        } catch {
            return .error(.internalServerError, "INTERNAL", "\(error)")
        }
    }

    static func json(_ status: HTTPResponse.Status, _ text: String, trace: String = "") -> Response {
        var response = Response(status: status, body: .init(byteBuffer: ByteBuffer(string: text)))
        response.headers[.contentType] = "application/json; charset=utf-8"
        if !trace.isEmpty { response.headers["Trace-Id"] = trace }
        return response
    }

    static func error(_ status: HTTPResponse.Status, _ code: String, _ message: String, trace: String = "") -> Response {
        let meta = trace.isEmpty ? "" : "\"trace_id\":\(quoted(trace))"
        let error = "{\"code\":\"\(code)\",\"message\":\(quoted(message)),\"details\":{}}"
        return json(status, "{\"meta\":{\(meta)},\"error\":\(error)}", trace: trace)
    }

    static func page(_ page: Page) -> Response {
        var response = Response(status: .init(code: page.status), body: .init(byteBuffer: ByteBuffer(string: page.body)))
        response.headers[.contentType] = page.contentType
        for (name, value) in page.fields { response.headers[name] = value }
        return response
    }

    /// A text as JSON. Ids, which are most of it, need no escapes.
    static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        if isPlain { return "\"\(text)\"" }
        do { return String(decoding: try JSONEncoder().encode(text), as: UTF8.self) } catch { return "\"\"" }
    }
}
