import HTTPTypes
import Hummingbird
import NIOCore

/// What came as the body of a request.
enum ReceivedBody {
    case taken(String)
    /// As it came, or inflated.
    case tooLarge
    case unknownCoding(String)
    case damaged

    /// Empty when it can't be taken.
    var text: String {
        if case .taken(let text) = self { text } else { "" }
    }
}

extension ReferenceUpstream {
    /// Reads the body and takes its content coding off: gzip (also under its old name `x-gzip`), or none.
    func receive(_ request: inout Request) async throws -> ReceivedBody {
        let body: ByteBuffer
        do { body = try await request.collectBody(upTo: configuration.bodyLimit) } catch is NIOTooManyBytesError { return .tooLarge }
        let coding = (request.headers[.contentEncoding] ?? "").lowercased().filter { $0 != " " && $0 != "\t" }
        switch coding {
        case "", "identity": return .taken(String(buffer: body))
        case "gzip", "x-gzip":
            // No body at all has no coding either.
            guard body.readableBytes > 0 else { return .taken("") }
            do throws(Gzip.Defect) { return .taken(String(buffer: try Gzip.inflated(body, upTo: configuration.bodyLimit))) } catch {
                return error == .tooLarge ? .tooLarge : .damaged
            }
        default: return .unknownCoding(coding)
        }
    }

    /// The answer to a body that can't be taken; nil for one that can.
    func objection(to received: ReceivedBody, of call: Call) -> Response? {
        switch received {
        case .taken: return nil
        case .tooLarge:
            return call.error(.contentTooLarge, "PAYLOAD_TOO_LARGE", "the body is larger than \(configuration.bodyLimit) bytes")
        case .unknownCoding(let coding):
            var response = call.error(.unsupportedMediaType, "UNSUPPORTED_CODING", "the content coding \(coding) is not known here")
            // RFC 7694: so that it is told from a media type that is not known.
            response.headers[.acceptEncoding] = "gzip"
            return response
        case .damaged: return call.error(.badRequest, "BAD_REQUEST", "the body is no gzip, though its Content-Encoding says so")
        }
    }
}
