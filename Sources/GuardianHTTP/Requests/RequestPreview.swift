import AsyncHTTPClient
package import GuardianCore
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The request that an operation becomes, as the upstream would see it: what `explain --as-request` prints.
package struct RequestPreview: Sendable {
    /// Stands where the token would.
    package static let mask = "***"

    package var method: String
    package var url: String
    /// In the order in which they are sent, their names in lower case.
    package var headers: [(name: String, value: String)]
    /// Readable: of one that goes compressed, what was compressed.
    package var body: String

    /// Adds to `request` what the HTTP client adds when it sends it. `length` is the body's on the wire, in bytes.
    init(_ request: OutgoingRequest, body: ByteBuffer, length: Int) throws(Unroutable) {
        let parsed: HTTPClient.Request
        do { parsed = try HTTPClient.Request(url: request.url) } catch {
            throw Unroutable(code: "BAD_URL", message: "\(request.url) can't be read as a URL")
        }
        method = request.method.rawValue
        // A fragment is not sent.
        url = String(parsed.url.absoluteString.prefix { $0 != "#" })
        headers = request.headers.map { ($0.name.lowercased(), $0.value) }
        let isDefaultPort = parsed.port == (parsed.useTLS ? 443 : 80)
        headers.append(("host", isDefaultPort ? parsed.host : "\(parsed.host):\(parsed.port)"))
        headers.append(("content-length", "\(length)"))
        self.body = String(buffer: body)
    }

    /// As text: method and URL, one header a line, an empty line, the body.
    package var text: String {
        (["\(method) \(url)"] + headers.map { "\($0.name): \($0.value)" } + ["", body]).joined(separator: "\n")
    }
}

extension HTTPTransport {
    /// What ``send(_:token:timeoutMs:)`` would send, made the same way; the token is masked. A body that goes compressed is shown as it was
    /// before, under the headers that go with it; whether the upstream refuses that is known to those only who have sent. Throws why there
    /// is nothing to send.
    package func preview(of operation: GuardianCore.Operation, hasToken: Bool) throws(Unroutable) -> RequestPreview {
        let draft = try draft(of: operation)
        let request = request(operation, draft, token: hasToken ? RequestPreview.mask : nil)
        guard let coded = compression.coded(draft.body) else {
            return try RequestPreview(request, body: draft.body, length: draft.body.readableBytes)
        }
        return try RequestPreview(request.carrying(gzip: coded), body: draft.body, length: coded.readableBytes)
    }
}
