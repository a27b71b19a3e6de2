import Foundation
import Hummingbird
import NIOCore

/// The fields of a posted form (`application/x-www-form-urlencoded`), in order.
struct FormFields: Sendable {
    /// Bytes of a form at most: room for every filter and every field of a conflict.
    static let limit = 4 << 20
    /// Fields of a form at most.
    static let most = 10_000

    private(set) var pairs: [(name: String, value: String)]

    init(_ text: String) {
        pairs = text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decoded(parts[0]), parts.count > 1 ? Self.decoded(parts[1]) : "")
        }
    }

    /// Reads the body of a request. Throws a ``Problem`` for another type, or a body that is too large or has too many fields.
    static func read(_ request: Request, limit: Int = FormFields.limit) async throws -> FormFields {
        let type = (request.headers[.contentType] ?? "").prefix { $0 != ";" }.lowercased()
        guard type == "application/x-www-form-urlencoded" else {
            throw Problem(.unsupportedMediaType, "unsupported media type", "send a form")
        }
        var request = request
        let body: ByteBuffer
        do { body = try await request.collectBody(upTo: limit) } catch is NIOTooManyBytesError {
            throw Problem(.contentTooLarge, "form too large", "this form has \(limit) bytes at most")
        }
        guard body.readableBytesView.count(where: { $0 == UInt8(ascii: "&") }) < most else {
            throw Problem(.contentTooLarge, "form too large", "a form has \(most) fields at most")
        }
        return FormFields(String(buffer: body))
    }

    subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    private static func decoded(_ text: Substring) -> String {
        let spaced = String(text.map { $0 == "+" ? " " : $0 })
        return spaced.removingPercentEncoding ?? spaced
    }
}
