import NIOCore
import NIOPosix
import NIOSSL
import SwiftASN1
import X509

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The keys that a server shows, for `guardian pins URL`: two handshakes, and nothing is sent.
package struct ServerKeys: Sendable {
    /// One certificate of the chain as the server shows it.
    package struct Shown: Sendable {
        package var pin: CertificatePin
        /// Whom the certificate is for.
        package var subject: String
        /// When it ends, in seconds since 1970.
        package var expires: Int64

        init(_ certificate: NIOSSLCertificate) throws {
            pin = try CertificatePin(of: certificate)
            subject = try Certificate(derEncoded: certificate.toDERBytes()).subject.description
            expires = Int64(certificate.notValidAfter)
        }
    }

    /// The server's own first, which is the one that pins are of; then the authorities' that it sent along.
    package var chain: [Shown]
    /// Why delivery would not trust the server, pins aside; nil when it would.
    package var distrust: String?

    /// Connects to `https://host[:port]`. Throws ``HTTPConfigurationError`` for another URL, and what the network says.
    package static func of(url: String, authoritiesFile: String? = nil, timeoutMs: Int64 = 10_000) async throws -> ServerKeys {
        guard url.lowercased().hasPrefix("https://"), let parts = URL(string: url), let host = parts.host, !host.isEmpty else {
            throw HTTPConfigurationError(key: "URL", message: "must be https://host[:port]; plain http has no keys")
        }
        _ = try Origin(url, allowInsecure: false)
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["h2", "http/1.1"]
        if let authoritiesFile {
            tls.trustRoots = .certificates(try UpstreamTrust.authorities(authoritiesFile, key: "upstream.ca_file"))
        }
        let greeting = TLSGreeting(
            host: host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host, port: parts.port ?? 443,
            context: try NIOSSLContext(configuration: tls), timeoutMs: timeoutMs)
        let chain = try await greeting.shown().map(Shown.init)
        do {
            try await greeting.verify()
            return ServerKeys(chain: chain)
        } catch let error where TLSFailure.isOne(error) {
            return ServerKeys(chain: chain, distrust: TLSFailure.reason(error) ?? "the connection ended during the TLS handshake")
        }
    }
}
