import NIOCore
import NIOHTTP1
import Synchronization

/// Which bodies go compressed, and whether the upstream takes them so.
///
/// States: *open* → *refused*, which lasts as long as the transport: each body that is tried again would cost an upstream that can't read
/// it a second request. Beside it each path is *untried* → *taken* by its first success with a compressed body: what is refused there is
/// refused for what it says, unless the status is 415. By path, for behind one origin may be several servers.
final class RequestCompression: Sendable {
    /// What an upstream answers that can't read a compressed body: 415 says so (RFC 9110 section 15.5.16); one that never looks at
    /// `Content-Encoding` takes it for bad JSON; and HTTP/1.1 once asked for 501 (RFC 2616 section 9.6).
    private static let refusals: Set<UInt> = [400, 415, 422, 501]

    /// nil compresses nothing.
    private let minBytes: Int?
    private let isRefused = Mutex(false)
    /// Paths as the routes have them, so that there are few.
    private let taken = Mutex<Set<String>>([])

    init(_ configuration: HTTPTransportConfiguration) throws(HTTPConfigurationError) {
        guard configuration.compressionMinBytes >= 0 else {
            throw HTTPConfigurationError(key: "upstream.compression_min_size", message: "must not be below 0")
        }
        // An empty body has nothing to compress.
        minBytes = configuration.compression == .gzip ? max(1, configuration.compressionMinBytes) : nil
    }

    /// `body` compressed; nil where it goes as it is: compression is off or was refused, the body is short, or it would not get smaller.
    func coded(_ body: ByteBuffer) -> ByteBuffer? {
        guard let minBytes, body.readableBytes >= minBytes, !isRefused.withLock({ $0 }) else { return nil }
        do {
            let coded = try Gzip.coded(body)
            return coded.readableBytes < body.readableBytes ? coded : nil
        } catch {
            // What can't be compressed can still be sent.
            return nil
        }
    }

    /// Whether a compressed request to this path may have got this answer for being compressed, so that it is worth sending as it is.
    /// Learns from a success.
    func isRefusal(_ status: HTTPResponseStatus, at path: String) -> Bool {
        if (200..<300).contains(status.code) {
            taken.withLock { _ = $0.insert(path) }
            return false
        }
        guard Self.refusals.contains(status.code) else { return false }
        return status == .unsupportedMediaType || !taken.withLock { $0.contains(path) }
    }

    /// Learns from a refusal and from the answer to the same body as it is. Returns whether it is news that the upstream takes none that
    /// is compressed: its `Accept-Encoding` says so (RFC 7694), or it takes as it is what it has refused. Where it refuses both, the body
    /// is what it dislikes.
    func learn(refusal: HTTPResponseStatus, _ headers: HTTPHeaders, thenPlain plain: HTTPResponseStatus) -> Bool {
        let isSaid = refusal == .unsupportedMediaType && headers.contains(name: "accept-encoding") && !Self.acceptsGzip(headers)
        guard isSaid || (200..<300).contains(plain.code) else { return false }
        return isRefused.withLock { isRefused in
            defer { isRefused = true }
            return !isRefused
        }
    }

    /// Whether `Accept-Encoding` has gzip in it, by its name or by `*`, with a weight above 0 (RFC 9110 section 12.5.3).
    private static func acceptsGzip(_ headers: HTTPHeaders) -> Bool {
        var isAnyTaken = false
        for element in headers[canonicalForm: "accept-encoding"] {
            let parts = element.lowercased().filter { !$0.isWhitespace }.split(separator: ";")
            guard let name = parts.first else { continue }
            let isTaken = !parts.dropFirst().contains { $0.hasPrefix("q=") && Double($0.dropFirst(2)) == 0 }
            if name == "gzip" || name == "x-gzip" { return isTaken }
            if name == "*" { isAnyTaken = isTaken }
        }
        return isAnyTaken
    }
}
