import Foundation
import GuardianCore
import GuardianHTTP
import NIOSSL

/// A transport to `url` for as long as `body` takes.
func withTransport<Result>(
    to url: String, configure: (inout HTTPTransportConfiguration) -> Void = { _ in }, _ body: (HTTPTransport) async throws -> Result
) async throws -> Result {
    var configuration = HTTPTransportConfiguration(url: url, deviceID: "6f1d1c0e-7a43-4f0e-9c1b-3f6a1f1c2d3e")
    configure(&configuration)
    let transport = try HTTPTransport(configuration: configuration)
    do {
        let result = try await body(transport)
        await transport.shutdown()
        return result
    } catch {
        await transport.shutdown()
        throw error
    }
}

/// A claim as the engine hands it over: an operation enqueued at 2026-01-01T00:00:00.007Z.
func claimed(_ type: String = "update", _ entity: String = "room", id: String = "r1", payload: String? = #"{"n":1}"#, txn: String? = nil)
    throws -> Claim
{
    var random = Xoshiro256.fromSystem()
    let new = NewOperation(type, entityType: entity, entityID: id, payload: payload, txnToken: txn)
    let operation = try Admission().admit(new, at: Timestamp(milliseconds: 1_767_225_600_007), random: &random)
    return Claim(operation: operation, fence: Fence(owner: "o", epoch: 1))
}

/// Sends one claim to `url`.
func deliver(
    _ claim: Claim, to url: String, token: String? = nil, timeoutMs: Int64 = 20_000,
    configure: (inout HTTPTransportConfiguration) -> Void = { _ in }
) async throws -> Outcome {
    try await withTransport(to: url, configure: configure) { await $0.send(claim, token: token, timeoutMs: timeoutMs) }
}

/// What comes of one attempt when the upstream replies like this.
func outcome(
    of reply: WireServer.Reply, _ claim: Claim? = nil, timeoutMs: Int64 = 20_000,
    configure: (inout HTTPTransportConfiguration) -> Void = { _ in }
) async throws -> Outcome {
    var outcome = Outcome.interrupted
    try await WireServer.run(reply: { _ in reply }) { server in
        outcome = try await deliver(claim ?? claimed(), to: server.url, timeoutMs: timeoutMs, configure: configure)
    }
    return outcome
}

extension Outcome {
    /// One word for tables: `accepted`, a class of the answer table, a kind of network failure, or the code of what can't be sent.
    var word: String {
        switch self {
        case .accepted: "accepted"
        case .refused(let kind, _): kind.rawValue
        case .unanswered(let failure, _): failure.rawValue
        case .unsendable(let error): error.code
        case .interrupted: "interrupted"
        case .shared(let inner): inner.word
        }
    }

    var answer: Answer? {
        switch self {
        case .accepted(let answer), .refused(_, let answer): answer
        default: nil
        }
    }
}

/// A self-signed certificate that is its own authority, made with `openssl` in a directory of its own.
struct Identity {
    /// PEM files.
    let certificate: String
    let key: String

    init(names: String) async throws {
        let directory = NSTemporaryDirectory() + "/guardian-tls-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        (certificate, key) = (directory + "/cert.pem", directory + "/key.pem")
        try await OpenSSL.run(
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
                + ["-subj", "/CN=guardian-test", "-addext", "subjectAltName=\(names)", "-keyout", key, "-out", certificate])
    }

    var server: TLSConfiguration {
        get throws {
            try .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(file: key, format: .pem)))
        }
    }

    func remove() {
        do { try FileManager.default.removeItem(at: URL(fileURLWithPath: key).deletingLastPathComponent()) } catch {}
    }
}

/// An identity for as long as `body` takes.
func withIdentity(names: String = "IP:127.0.0.1", _ body: (Identity) async throws -> Void) async throws {
    let identity = try await Identity(names: names)
    defer { identity.remove() }
    try await body(identity)
}
