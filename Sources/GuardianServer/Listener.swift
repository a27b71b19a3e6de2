import Foundation
import GuardianCore
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import NIOCore
import NIOSSL

extension APIServer.Configuration {
    /// A certificate that the API is served under.
    public struct Certificate: Sendable, Equatable {
        /// PEM files: the certificate and those that vouch for it, and its key.
        public var certificateFile: String
        /// The private key, unencrypted; it must be that of the first certificate.
        public var keyFile: String

        /// Reads no file: ``APIServer/Configuration/check()`` does.
        public init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }

        /// TLS 1.2 at least, 1.3 preferred. Throws ``ListenError`` naming what can't be used.
        func tls() throws(ListenError) -> TLSConfiguration {
            let chain: [NIOSSLCertificate]
            do { chain = try NIOSSLCertificate.fromPEMFile(certificateFile) } catch { chain = [] }
            guard !chain.isEmpty else {
                throw ListenError(key: "tls.certificate_file", message: "\(certificateFile) can't be read, or holds no PEM certificate")
            }
            let key: NIOSSLPrivateKey
            do { key = try NIOSSLPrivateKey(file: keyFile, format: .pem) } catch {
                throw ListenError(key: "tls.key_file", message: "\(keyFile) can't be read, or holds no PEM private key")
            }
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            tls.minimumTLSVersion = .tlsv12
            do { _ = try NIOSSLContext(configuration: tls) } catch {
                throw ListenError(key: "tls.key_file", message: "\(keyFile) is not the key of \(certificateFile)")
            }
            return tls
        }
    }

    /// Why the API can't be served like this: which key, and what to do.
    public struct ListenError: Error, Sendable, Equatable, CustomStringConvertible {
        /// As settings name it, such as `tls.key_file`.
        public var key: String
        /// Goes on from the key: what is wrong, and what to do.
        public var message: String
        public var description: String { "\(key): \(message)" }
    }

    /// Throws for what must not be served: anything that others can reach needs a token and TLS.
    public func check() throws(ListenError) {
        if let certificate { _ = try certificate.tls() }
        let isForOthers = !isLoopback || socketPath != nil && socketMode & 0o006 != 0
        guard isForOthers else { return }
        if token == nil {
            throw ListenError(key: "token_file", message: "is needed where others can reach the API: name a file with a long random token")
        }
        if certificate == nil, socketPath == nil {
            throw ListenError(
                key: "tls.certificate_file",
                message: "is needed to listen on anything but loopback, with tls.key_file: tokens and data would be readable on the way")
        }
    }

    /// Builds connections: who may connect, how long they may take, in which language they speak.
    func server() throws -> HTTPServerBuilder {
        let checksPeer = socketPath != nil && socketMode & 0o066 == 0
        let http = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: (checksPeer ? [PeerCheck()] : [])
                    + [HeadReader.Door(), patience(), Goodbye(APIServer.longestGoodbye)],
                httpDecoderConfiguration: .init(maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100)))
        return try certificate.map { try .tls(http, tlsConfiguration: $0.tls()) } ?? http
    }
}

extension APIServer.Configuration.ListenError {
    /// Why there is no listening on `address`, and what to do; nil for an error that has nothing to do with it.
    package init?(_ error: any Error, at address: String) {
        let reason: String
        switch error {
        case let error as IOError where error.errnoCode == EADDRINUSE:
            reason = "is in use; stop what listens there, or give another --listen"
        case let error as IOError where error.errnoCode == EADDRNOTAVAIL:
            reason = "is not an address of this machine; give one that is with --listen"
        case let error as IOError where error.errnoCode == EACCES:
            reason = "is not for this user; give a port above 1023 with --listen"
        case let error as IOError: reason = "can't be listened on: \(String(cString: strerror(error.errnoCode)))"
        case is SocketAddressError.UnknownHost: reason = "has a host that nobody knows; give an address of this machine with --listen"
        default: return nil
        }
        self.init(key: "listen", message: "\(address) \(reason)")
    }
}
