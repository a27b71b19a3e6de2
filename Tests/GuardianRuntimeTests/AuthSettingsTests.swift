import Foundation
import GuardianCore
import GuardianRuntime
import Testing

@Suite struct AuthSettingsTests {
    private static let canary = "canary-51c0"
    private static let environment = ["GUARDIAN_UPSTREAM_AUTH_CLIENT_SECRET": canary]

    private func settings(_ yaml: String, environment: [String: String] = [:]) throws -> Settings {
        let file = NSTemporaryDirectory() + "/guardian-settings-\(UUID().uuidString).yaml"
        try Data(yaml.utf8).write(to: URL(fileURLWithPath: file))
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        return try Settings(file: file, environment: environment)
    }

    /// The key that is complained about, and every word of it.
    private func complaint(_ make: () throws -> Settings) throws -> SettingsError? {
        do { try Assembly(try make()).validate() } catch let error as SettingsError { return error }
        return nil
    }

    @Test("a secret comes from the environment, is shown as ***, and is refused in the file and as a flag")
    func secret() throws {
        let given = try Settings(environment: Self.environment)
        #expect(given.text("upstream.auth.client_secret") == Self.canary)
        let line = given.lines.first { $0.key == "upstream.auth.client_secret" }
        #expect(line?.value == "***" && line?.source == "environment")
        var dumped = ""
        dump(Assembly(given), to: &dumped)
        for text in [dumped, "\(given)", String(reflecting: given)] { #expect(!text.contains(Self.canary)) }
        for error in [
            try complaint { try settings("upstream: { auth: { client_secret: \(Self.canary) } }") },
            try complaint { try Settings(flags: ["upstream.auth.client_secret": Self.canary]) },
        ] {
            #expect(error?.key == "upstream.auth.client_secret")
            #expect(error?.description.contains("client_secret_file") == true)
            #expect(error?.description.contains(Self.canary) == false)
        }
    }

    @Test("credentials in a URL are neither shown nor repeated")
    func url() throws {
        let flags = ["upstream.url": "https://u:\(Self.canary)@api.example.com"]
        #expect(try Settings(flags: flags).lines.allSatisfy { !$0.value.contains(Self.canary) })
        let error = try complaint { try Settings(flags: ["upstream.auth.token_url": "https://u:\(Self.canary)@login.example.com/t"]) }
        #expect(error?.key == "upstream.auth.token_url")
        #expect(error?.description.contains(Self.canary) == false)
    }

    @Test("a command is a text or a list of words")
    func command() throws {
        #expect(try settings("upstream: { auth: { kind: command, command: 'a \"b c\"' } }").text("upstream.auth.command") == "a \"b c\"")
        let list = try settings("upstream: { auth: { kind: command, command: [a, 'b c', 'd\"e', 7] } }")
        #expect(list.text("upstream.auth.command") == #"a "b c" "d\"e" 7"#)
        try Assembly(list).validate()
    }

    @Test("what is missing for a kind, or belongs to another, is named")
    func missing() throws {
        let cases: [(String, String)] = [
            ("kind: oauth", "kind"), ("kind: oauth2", "token_url"), ("kind: oauth2, token_url: 'https://a/t'", "client_id"),
            ("kind: oauth2, token_url: 'http://a/t', client_id: c", "token_url"), ("kind: command", "command"),
            ("kind: bearer_file", "file"), ("kind: bearer_file, file: t, scope: x", "scope"), ("kind: command, command: \"'a\"", "command"),
            ("kind: oauth2, token_url: 'https://a/t', client_id: c", "client_secret_file"), ("timeout: never", "timeout"),
            ("client_auth: digest", "client_auth"),
        ]
        for (yaml, key) in cases {
            #expect(try complaint { try settings("upstream: { auth: { \(yaml) } }") }?.key == "upstream.auth." + key, "\(yaml)")
        }
        let whole = "kind: oauth2, token_url: 'https://a/t', client_id: c, refresh_token_file: r, scope: x, audience: y, principal_file: p"
        try Assembly(try settings("upstream: { auth: { \(whole) } }", environment: Self.environment)).validate()
    }
}
