import Foundation
import GuardianCore
import GuardianHTTP
import GuardianRuntime
import Testing

/// The keys that say who is trusted, who may call, what is sealed and what room is kept.
@Suite struct SafetySettingsTests {
    private static let pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    private static let key = String(repeating: "A", count: 43) + "="

    /// The key that is complained of; nil when all is fine.
    private func complaint(_ environment: [String: String], yaml: String? = nil) throws -> String? {
        let file = yaml.map { _ in NSTemporaryDirectory() + "/guardian-settings-" + UUID().uuidString + ".yaml" }
        defer { if let file { unlink(file) } }
        if let file, let yaml { try yaml.write(toFile: file, atomically: true, encoding: .utf8) }
        do {
            let assembly = Assembly(try Settings(file: file, environment: environment))
            _ = try assembly.api()
            try assembly.validate()
            return nil
        } catch let error as SettingsError {
            return error.key
        }
    }

    @Test(
        "what can't be used is refused under its key before anything is opened",
        arguments: [
            (["GUARDIAN_UPSTREAM_PINS": "sha256/AAAA"], "upstream.pins"),
            (["GUARDIAN_UPSTREAM_PINS": "\(pin),\(pin)", "GUARDIAN_UPSTREAM_URL": "https://example.com"], "upstream.pins"),
            (["GUARDIAN_UPSTREAM_PINS": pin], "upstream.pins"),
            (["GUARDIAN_UPSTREAM_CA_FILE": "/nowhere"], "upstream.ca_file"),
            (["GUARDIAN_UPSTREAM_URL": "http://example.com"], "upstream.url"),
            (["GUARDIAN_LISTEN": "0.0.0.0:8080"], "token_file"),
            (["GUARDIAN_TLS_KEY_FILE": "/nowhere"], "tls.certificate_file"),
            (["GUARDIAN_TLS_CERTIFICATE_FILE": "/nowhere"], "tls.key_file"),
            (["GUARDIAN_TLS_CERTIFICATE_FILE": "/nowhere", "GUARDIAN_TLS_KEY_FILE": "/nowhere"], "tls.certificate_file"),
            (["GUARDIAN_API_SOCKET_MODE": "0400"], "api.socket_mode"),
            (["GUARDIAN_API_SOCKET_MODE": "0666", "GUARDIAN_LISTEN": "unix:/tmp/s"], "token_file"),
            (["GUARDIAN_API_BODY_LIMIT": "16"], "api.body_limit"),
            (["GUARDIAN_API_CONNECTIONS": "0"], "api.connections"),
            (["GUARDIAN_LIMITS_PAYLOAD": "1GiB"], "limits.payload"), (["GUARDIAN_LIMITS_PAYLOAD": "0"], "limits.payload"),
            (["GUARDIAN_SEAL_KEY_FILE": "/nowhere"], "seal.key_file"),
            (["GUARDIAN_SEAL_KEY": "AAAA"], "seal.key"),
            (["GUARDIAN_SEAL_KEY": key, "GUARDIAN_SEAL_KEY_FILE": "/nowhere"], "seal.key"),
            (["GUARDIAN_SEAL_KEY": key, "GUARDIAN_STORE": "postgresql://u@127.0.0.1/db"], "seal.key"),
            (["GUARDIAN_DISK_RESERVE": "much"], "disk.reserve"),
            (["GUARDIAN_DISK_FIRST_WATERMARK": "-1MiB"], "disk.first_watermark"),
        ] as [([String: String], String)])
    func refuses(environment: [String: String], key: String) throws { #expect(try complaint(environment) == key) }

    @Test("callers get no more connections than leave delivery and the store files of their own")
    func connections() throws {
        let assembly = Assembly(try Settings(environment: ["GUARDIAN_API_CONNECTIONS": "1000", "GUARDIAN_WORKERS": "32"]))
        #expect(assembly.openFiles == 1288)
        #expect(assembly.connections(within: assembly.openFiles) == 1000)
        #expect(assembly.connections(within: 1024) == 864)
        #expect(assembly.connections(within: 64) == 16)
    }

    @Test("what is right is taken, from the environment and from a list in the file")
    func takes() throws {
        let other = "sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
        #expect(try complaint(["GUARDIAN_UPSTREAM_PINS": "\(Self.pin), \(other)", "GUARDIAN_UPSTREAM_URL": "https://example.com"]) == nil)
        let yaml = """
            upstream: { url: "https://example.com", pins: ["\(Self.pin)", "\(other)"] }
            disk: { reserve: 8MiB, first_watermark: 1GiB, second_watermark: 512KiB, low_priority: -1 }
            api: { socket_mode: "0660", body_limit: 1MiB, connections: 10, rate: 100, patience: 5s }
            limits: { payload: 8MiB }
            """
        #expect(try complaint([:], yaml: yaml) == nil)
        #expect(try complaint(["GUARDIAN_SEAL_KEY": Self.key]) == nil)
    }

    @Test("a payload may be as long as limits.payload says, when it comes and after a cast")
    func payloads() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-settings-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let assembly = Assembly(try Settings(environment: ["GUARDIAN_DATA_DIR": directory, "GUARDIAN_LIMITS_PAYLOAD": "1KiB"]))
        #expect(try assembly.processorConfiguration().upcasters.payloadBytes == 1024)
        let store = try await assembly.openStore()
        let (engine, transport) = try await assembly.engine(store: store)
        func operation(_ bytes: Int) -> NewOperation {
            NewOperation(
                "update", entityType: "room", entityID: "1", payload: #"{"x":"\#(String(repeating: "x", count: bytes - 8))"}"#)
        }
        #expect(try engine.admit([operation(1024)]).first?.foldedBytes == 1024)
        #expect(throws: SyncError.self) { try engine.admit([operation(1025)]) }
        await transport.shutdown()
        try store.shut()
    }

    @Test("the room where the store lives is judged by the watermarks that are set; a database's is not known")
    func room() throws {
        var environment = ["GUARDIAN_DATA_DIR": NSTemporaryDirectory()]
        func level(_ first: String, _ second: String) throws -> DiskRoom.Level? {
            environment["GUARDIAN_DISK_FIRST_WATERMARK"] = first
            environment["GUARDIAN_DISK_SECOND_WATERMARK"] = second
            return Assembly(try Settings(environment: environment)).room()?.level
        }
        #expect(try level("0", "0") == .room)
        #expect(try level("1000000GiB", "0") == .low)
        #expect(try level("0", "1000000GiB") == .full)
        environment["GUARDIAN_STORE"] = "postgresql://u@127.0.0.1/db"
        #expect(try level("0", "0") == nil)
    }

    @Test(
        "a file with a secret that others can read is warned of under its key",
        arguments: [
            "token_file", "tls.key_file", "seal.key_file", "upstream.auth.file", "upstream.auth.client_secret_file",
            "upstream.auth.refresh_token_file", "sentry.dsn_file",
        ])
    func openSecrets(key: String) throws {
        let file = NSTemporaryDirectory() + "/guardian-secret-" + UUID().uuidString
        defer { unlink(file) }
        try Data("s".utf8).write(to: URL(fileURLWithPath: file))
        for (mode, isOpen) in [(0o600, false), (0o640, true), (0o604, true)] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
            let warnings = Assembly(try Settings(flags: [key: file])).warnings
            #expect(warnings.contains { $0.hasPrefix("\(key): \(file) can be read by others") } == isOpen)
        }
    }

    @Test("a sealing key is taken from no file of settings, and shown nowhere")
    func hidesKey() throws {
        #expect(try complaint([:], yaml: "seal: { key: \(Self.key) }") == "seal.key")
        let settings = try Settings(environment: ["GUARDIAN_SEAL_KEY": Self.key])
        var dumped = "\(settings)"
        dump(settings, to: &dumped)
        #expect(!dumped.contains(Self.key))
        #expect(settings.lines.first { $0.key == "seal.key" }?.value == "***")
        #expect(Settings.secretVariables.sorted() == ["GUARDIAN_SEAL_KEY", "GUARDIAN_UPSTREAM_AUTH_CLIENT_SECRET"])
    }

    @Test("spans go over plain http to this machine only, unless that is allowed")
    func traces() throws {
        for (endpoint, key) in [
            ("http://collector:4318", "trace.endpoint"), ("http://127.example.com", "trace.endpoint"), ("http://", "trace.endpoint"),
            ("http://127.0.0.1:4318", nil), ("http://[::1]:4318/v1/traces", nil), ("http://localhost:4318", nil),
            ("https://collector", nil),
        ] as [(String, String?)] {
            #expect(try complaint(["GUARDIAN_TRACE_ENDPOINT": endpoint]) == key, "\(endpoint)")
        }
        let allowed = ["GUARDIAN_TRACE_ENDPOINT": "http://collector:4318", "GUARDIAN_TRACE_ALLOW_INSECURE": "true"]
        #expect(try complaint(allowed) == nil)
    }

    @Test("one pin alone is worth a warning, two are not")
    func warns() throws {
        let one = try Settings(environment: ["GUARDIAN_UPSTREAM_PINS": Self.pin])
        #expect(Assembly(one).warnings.count == 1)
        #expect(Assembly(try Settings()).warnings.isEmpty)
    }
}
