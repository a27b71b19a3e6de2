import AsyncHTTPClient
import GuardianCore
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What an error of the HTTP client's means for delivery.
enum NetworkErrors {
    static func outcome(of error: any Error) -> Outcome {
        if error is CancellationError { return .interrupted }
        if error is TooManyRedirects { return TooManyRedirects.outcome }
        if let error = error as? HTTPClientError {
            switch error {
            case .cancelled: return .interrupted
            case .connectTimeout, .getConnectionFromPoolTimeout: return .unanswered(.unreachable, detail: "no connection in time")
            case .tlsHandshakeTimeout: return .unanswered(.unreachable, detail: "no TLS handshake in time")
            case .deadlineExceeded, .readTimeout, .writeTimeout: return .unanswered(.timeout, detail: "no answer in time")
            default: return .unanswered(.reset, detail: error.shortDescription)
            }
        }
        if TLSFailure.isOne(error) {
            if let reason = TLSFailure.reason(error) { return .unanswered(.tls, detail: reason) }
            return .unanswered(.reset, detail: "the connection ended during or after the TLS handshake")
        }
        if let error = error as? NIOConnectionError {
            if error.dnsAError != nil, error.connectionErrors.isEmpty { return .unanswered(.dns, detail: "\(error.host) has no address") }
            guard let first = error.connectionErrors.first else { return .unanswered(.dns, detail: "\(error.host) has no address") }
            return outcome(of: first.error)
        }
        if let error = error as? IOError {
            switch error.errnoCode {
            case ECONNREFUSED: return .unanswered(.refused, detail: "connection refused")
            case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL: return .unanswered(.unreachable, detail: "no route to the upstream")
            case ETIMEDOUT: return .unanswered(.timeout, detail: "timed out")
            default: return .unanswered(.reset, detail: String(cString: strerror(error.errnoCode)))
            }
        }
        if error is ChannelError {
            return .unanswered(.unreachable, detail: "the connection could not be made")
        }
        return .unanswered(.reset, detail: String(describing: type(of: error)))
    }
}
