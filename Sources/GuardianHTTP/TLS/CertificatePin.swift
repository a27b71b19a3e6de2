import Crypto
import NIOSSL

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The SHA-256 of a public key (its SubjectPublicKeyInfo, RFC 5280 section 4.1) that a server may have, written `sha256/BASE64`.
///
/// A key, not a certificate: a renewed certificate with the same key keeps its pin. At least one more pin, of a key that is kept elsewhere,
/// is advised, so that the loss of one key locks nobody out.
public struct CertificatePin: Sendable, Hashable, CustomStringConvertible {
    /// Pins of one upstream at most.
    public static let most = 32

    let digest: [UInt8]

    /// Reads `sha256/` and the base64 of exactly 32 bytes, in its one canonical spelling; nil for anything else.
    public init?(_ text: String) {
        guard text.hasPrefix("sha256/"), let data = Data(base64Encoded: String(text.dropFirst(7))), data.count == 32,
            data.base64EncodedString() == text.dropFirst(7)
        else { return nil }
        digest = Array(data)
    }

    init(of certificate: NIOSSLCertificate) throws {
        digest = Array(SHA256.hash(data: try certificate.extractPublicKey().toSPKIBytes()))
    }

    public var description: String { "sha256/" + Data(digest).base64EncodedString() }

    /// Reads the list of the key `upstream.pins`. Throws for what is no pin, given twice, or too many.
    package static func list(_ texts: [String]) throws(HTTPConfigurationError) -> [CertificatePin] {
        guard texts.count <= most else { throw HTTPConfigurationError(key: "upstream.pins", message: "has more than \(most) pins") }
        var pins: [CertificatePin] = []
        for (index, text) in texts.enumerated() {
            guard let pin = CertificatePin(text) else {
                // Its text is not repeated: behind the word `pin` it would be redacted.
                throw HTTPConfigurationError(
                    key: "upstream.pins",
                    message: "must be sha256/ and the base64 of 32 bytes each, as `guardian pins URL` prints it; entry \(index + 1) is not")
            }
            guard !pins.contains(pin) else { throw HTTPConfigurationError(key: "upstream.pins", message: "has \(pin) twice") }
            pins.append(pin)
        }
        return pins
    }
}
