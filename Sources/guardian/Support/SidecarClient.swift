import AsyncHTTPClient
import Foundation
import GuardianRuntime
import GuardianServer
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Asks the sidecar that runs under these settings, on this machine.
struct SidecarClient {
    /// Nobody listens where it should.
    struct NobodyThere: Error {
        var reason: String
    }

    /// Who answers has shown another certificate than the one that the settings name. Nothing was sent.
    private struct Stranger: Error {}

    let address: APIServer.Configuration
    /// The address as it was given.
    let listen: String
    private let client: HTTPClient

    private init(_ settings: Settings) throws {
        address = try Assembly(settings).api()
        listen = settings.text("listen")
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        if let file = address.certificate?.certificateFile {
            guard let own = try NIOSSLCertificate.fromPEMFile(file).first else {
                throw Failure(.usage, "tls.certificate_file: \(file) holds no certificate")
            }
            // Trusted is that one certificate and no other, whichever name it is for: the token goes to whoever has its key.
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.minimumTLSVersion = .tlsv12
            tls.certificateVerification = .none
            configuration.tlsConfiguration = tls
            configuration.http1_1ConnectionDebugInitializer = { channel in Self.check(channel, shows: own) }
        }
        // Connections over Network.framework, the default of Apple's platforms, have no certificate to show to `check`.
        client = HTTPClient(eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    }

    /// Runs `body` with a client that ends with it.
    static func with(_ settings: Settings, _ body: (SidecarClient) async throws -> Void) async throws {
        let sidecar = try SidecarClient(settings)
        do {
            try await body(sidecar)
        } catch {
            try await sidecar.client.shutdown()
            throw error
        }
        try await sidecar.client.shutdown()
    }

    /// What a GET is answered with, when that is 200. Throws ``NobodyThere``, or a ``Failure`` that says why somebody who is there can't be
    /// asked.
    func get(_ path: String, accept: String? = nil, until deadline: NIODeadline) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: address.requestURL(path: path))
        if let accept { request.headers.add(name: "accept", value: accept) }
        if let token = address.token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        let answer: HTTPClientResponse
        do {
            answer = try await client.execute(request, deadline: deadline)
        } catch {
            if Self.isNobody(error) { throw NobodyThere(reason: "\(error)") }
            throw Failure(.failed, "what listens at \(listen) can't be asked: \(complaint(error))")
        }
        if answer.status == .unauthorized {
            let what = address.token == nil ? "asks for a token" : "does not take the token that token_file names"
            throw Failure(
                .failed, "the sidecar at \(listen) \(what); name its file in GUARDIAN_TOKEN_FILE, or give the --config that it runs with")
        }
        guard answer.status == .ok else { throw Failure(.failed, "the sidecar at \(listen) answers \(answer.status)") }
        return answer
    }

    /// After the handshake, before the pool may use the connection; the HTTP client has no hook inside the handshake.
    private static func check(_ channel: any Channel, shows own: NIOSSLCertificate) -> EventLoopFuture<Void> {
        channel.eventLoop.flatSubmit {
            do {
                guard try channel.pipeline.syncOperations.nioSSL_peerCertificate() == own else { throw Stranger() }
                return channel.eventLoop.makeSucceededVoidFuture()
            } catch {
                // After the pool has heard of it: it must not see a connection end that it still thinks is being made.
                channel.eventLoop.execute { channel.close(promise: nil) }
                return channel.eventLoop.makeFailedFuture(error)
            }
        }
    }

    /// Whether an error says that there was nobody to connect to.
    private static func isNobody(_ error: any Error) -> Bool {
        switch error {
        case let error as NIOConnectionError: error.connectionErrors.allSatisfy { isNobody($0.error) }
        case let error as IOError: [ECONNREFUSED, ENOENT, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL].contains(error.errnoCode)
        case let error as HTTPClientError: error == .connectTimeout
        case ChannelError.connectTimeout: true
        default: false
        }
    }

    private func complaint(_ error: any Error) -> String {
        switch error {
        case is Stranger: "it shows another certificate than tls.certificate_file; restart `guardian serve` if that was replaced"
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            "the TLS handshake failed (\(error)); does it serve under tls.certificate_file?"
        default: address.certificate == nil ? "\(error); a sidecar under TLS needs the --config that it runs with" : "\(error)"
        }
    }
}
