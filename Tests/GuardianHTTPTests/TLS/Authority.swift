import Foundation
import NIOSSL
import Testing

/// A private certificate authority, and what it issues, made with `openssl` in a directory of its own.
struct Authority {
    /// PEM file of the authority's own certificate.
    let certificate: String
    private let directory: String
    private let key: String

    init() async throws {
        directory = NSTemporaryDirectory() + "/guardian-authority-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        (certificate, key) = (directory + "/ca.pem", directory + "/ca.key")
        try await OpenSSL.run(
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=guardian-ca"]
                + ["-keyout", key, "-out", certificate])
    }

    func remove() {
        do { try FileManager.default.removeItem(atPath: directory) } catch {}
    }

    /// A certificate and its key.
    struct Issued {
        var certificate: String
        var key: String

        var server: TLSConfiguration {
            get throws {
                try .makeServerConfiguration(
                    certificateChain: NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                    privateKey: .privateKey(NIOSSLPrivateKey(file: key, format: .pem)))
            }
        }

        /// The pin of its key, as `openssl` makes it.
        func pin() async throws -> String { try await OpenSSL.pin(ofKey: key) }
    }

    /// Issues one for `names`. `key` takes a key that is there already.
    func issue(_ names: String = "IP:127.0.0.1", key given: String? = nil, isExpired: Bool = false) async throws -> Issued {
        let name = directory + "/" + UUID().uuidString
        let key = given ?? name + ".key"
        if given == nil { try await OpenSSL.run(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key]) }
        let extensions = name + ".ext"
        try "subjectAltName=\(names)\nbasicConstraints=CA:FALSE\n".write(toFile: extensions, atomically: true, encoding: .utf8)
        try await OpenSSL.run(["req", "-new", "-key", key, "-subj", "/CN=guardian-test", "-out", name + ".csr"])
        // `openssl x509` takes no dates before 3.4; `openssl ca` always has.
        if isExpired {
            try await expired(name, extensions)
        } else {
            try await OpenSSL.run(
                ["x509", "-req", "-in", name + ".csr", "-CA", certificate, "-CAkey", self.key, "-CAcreateserial", "-extfile", extensions]
                    + ["-days", "2", "-out", name + ".pem"])
        }
        return Issued(certificate: name + ".pem", key: key)
    }

    private func expired(_ name: String, _ extensions: String) async throws {
        try Data().write(to: URL(fileURLWithPath: name + ".index"))
        let settings = """
            [ca]
            default_ca = own
            [own]
            database = \(name).index
            new_certs_dir = \(directory)
            default_md = sha256
            policy = any
            rand_serial = yes
            [any]
            commonName = supplied
            """
        try settings.write(toFile: name + ".cnf", atomically: true, encoding: .utf8)
        try await OpenSSL.run(
            ["ca", "-batch", "-notext", "-config", name + ".cnf", "-cert", certificate, "-keyfile", key, "-in", name + ".csr"]
                + ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-extfile", extensions, "-out", name + ".pem"])
    }
}

/// The `openssl` of this machine: certificates made by another hand than the one that checks them.
enum OpenSSL {
    struct Failed: Error { var output: String }

    private static let queue = DispatchQueue(label: "guardian.tests.openssl", attributes: .concurrent)

    @discardableResult
    static func run(_ arguments: [String]) async throws -> Data {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try now("/usr/bin/env", ["openssl"] + arguments) }) }
        }
    }

    /// `sha256/BASE64` of the public half of a private key.
    static func pin(ofKey file: String) async throws -> String {
        let pipeline = "openssl pkey -in '\(file)' -pubout -outform der | openssl dgst -sha256 -binary | base64"
        let output = try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try now("/bin/sh", ["-c", pipeline]) }) }
        }
        return "sha256/" + String(decoding: output, as: UTF8.self).filter { !$0.isWhitespace }
    }

    private static func now(_ program: String, _ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let (out, wrong) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = wrong
        try process.run()
        let output = out.fileHandleForReading.readDataToEndOfFile()
        let complaint = wrong.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(output: String(decoding: complaint, as: UTF8.self)) }
        return output
    }
}

/// An authority for as long as `body` takes.
func withAuthority(_ body: (Authority) async throws -> Void) async throws {
    let authority = try await Authority()
    defer { authority.remove() }
    try await body(authority)
}
