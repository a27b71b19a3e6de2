import NIOSSL

/// What a failed handshake says about the server, in words that a person can act on.
enum TLSFailure {
    /// Whether `error` comes from TLS, and not from the connection below it.
    static func isOne(_ error: any Error) -> Bool {
        error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError || error is UpstreamTrust.KeyNotPinned
    }

    /// nil when `error` speaks of the connection and not of whom it leads to: the other side went away, which ends by itself.
    static func reason(_ error: any Error) -> String? {
        switch error {
        case NIOSSLError.uncleanShutdown: return nil
        case let error as UpstreamTrust.KeyNotPinned: return error.description
        case let error as NIOSSLExtraError where error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch:
            return "the upstream's certificate is for another host"
        case NIOSSLError.handshakeFailed(let inner): return reason(ofHandshake: inner)
        case let error as BoringSSLError: return reason(ofHandshake: error)
        case NIOSSLError.noCertificateToValidate, NIOSSLError.unableToValidateCertificate:
            return "the upstream has shown no certificate that can be checked"
        default: return "the TLS connection failed (\(word(error)))"
        }
    }

    private static func reason(ofHandshake error: BoringSSLError) -> String? {
        switch error {
        case .syscallError, .zeroReturn: return nil
        default: break
        }
        let text = String(describing: error)
        if text.contains("EOF during handshake") || text.contains("eofDuring") { return nil }
        let known = [
            ("CERTIFICATE_VERIFY_FAILED", "the upstream's certificate has expired, or no known authority vouches for it"),
            ("WRONG_VERSION_NUMBER", "the upstream speaks no TLS at this port"),
            ("UNSUPPORTED_PROTOCOL", "the upstream speaks no TLS 1.2 or newer"),
            ("PROTOCOL_VERSION", "the upstream speaks no TLS 1.2 or newer"),
            ("HANDSHAKE_FAILURE", "the upstream refused the TLS handshake"),
        ]
        if let (_, reason) = known.first(where: { text.contains($0.0) }) { return reason }
        return "the TLS handshake failed (\(word(error)))"
    }

    /// OpenSSL's name of the error, without the path of the source that it comes with.
    private static func word(_ error: any Error) -> String {
        let text = String(describing: error)
        guard let start = text.firstRange(of: "OPENSSL_internal:") else { return String(describing: type(of: error)) }
        return String(text[start.upperBound...].prefix { $0.isUppercase || $0.isNumber || $0 == "_" })
    }
}
