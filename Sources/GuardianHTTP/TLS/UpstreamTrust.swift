import AsyncHTTPClient
import NIOCore
import NIOSSL

/// Whom delivery believes to be the upstream: a chain to an authority that is trusted, the host's name, and a pinned key where pins are
/// set.
struct UpstreamTrust: Sendable {
    /// The server's key is none of the pinned ones. Nothing was sent to it.
    struct KeyNotPinned: Error, Sendable, CustomStringConvertible {
        var pin: CertificatePin
        var description: String {
            "the upstream's key (\(pin)) is none of upstream.pins; nothing was sent to it. Is this a new key of its own? then pin it, "
                + "and run `guardian resume`; otherwise somebody stands in between"
        }
    }

    let tls: TLSConfiguration
    private let pins: Set<CertificatePin>

    /// Reads the authorities' file, so that what is wrong with it is found at start.
    init(_ configuration: HTTPTransportConfiguration) throws(HTTPConfigurationError) {
        pins = Set(configuration.pins)
        if !pins.isEmpty, configuration.url.lowercased().hasPrefix("http://") {
            throw HTTPConfigurationError(key: "upstream.pins", message: "needs an https upstream.url: plain http has no keys")
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.certificateVerification = .fullVerification
        if let file = configuration.trustRootsFile { tls.trustRoots = .certificates(try Self.authorities(file, key: "upstream.ca_file")) }
        self.tls = tls
    }

    /// The certificates of a PEM file. `key` is named when it can't be used.
    static func authorities(_ file: String, key: String) throws(HTTPConfigurationError) -> [NIOSSLCertificate] {
        do {
            let found = try NIOSSLCertificate.fromPEMFile(file)
            if !found.isEmpty { return found }
        } catch {}
        throw HTTPConfigurationError(key: key, message: "\(file) can't be read, or holds no PEM certificate")
    }

    /// Makes connections of `settings` check the server's key, after the handshake has verified chain and name and before the pool may use
    /// them: the HTTP client has no hook inside the handshake (docs/decisions/0010).
    func apply(to settings: inout HTTPClient.Configuration) {
        settings.tlsConfiguration = tls
        guard !pins.isEmpty else { return }
        settings.http1_1ConnectionDebugInitializer = { channel in check(channel) }
        settings.http2ConnectionDebugInitializer = { channel in check(channel) }
    }

    /// Why a key is not taken; nil when it is, or when none is pinned.
    func objection(to pin: CertificatePin) -> KeyNotPinned? { pins.isEmpty || pins.contains(pin) ? nil : KeyNotPinned(pin: pin) }

    @Sendable private func check(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.onLoop {
            do {
                guard let certificate = try channel.pipeline.syncOperations.nioSSL_peerCertificate() else {
                    throw NIOSSLError.noCertificateToValidate
                }
                let pin = try CertificatePin(of: certificate)
                if let objection = objection(to: pin) { throw objection }
                return channel.eventLoop.makeSucceededVoidFuture()
            } catch {
                // After the pool has heard of it: it must not see a connection end that it still thinks is being made.
                channel.eventLoop.execute { channel.close(promise: nil) }
                return channel.eventLoop.makeFailedFuture(error)
            }
        }
    }
}
