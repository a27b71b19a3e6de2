import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import Testing

/// A directory for as long as `body` takes.
func withDesk(_ body: (Desk) async throws -> Void) async throws {
    let desk = try Desk()
    defer { desk.remove() }
    try await body(desk)
}

/// A directory for secrets and scripts.
struct Desk {
    let path = NSTemporaryDirectory() + "/guardian-auth-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    func remove() { do { try FileManager.default.removeItem(atPath: path) } catch {} }

    /// Writes a file at once, as a rotation does.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name), options: .atomic)
        return path + "/" + name
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: path + "/" + name, encoding: .utf8) }

    func mode(_ name: String) throws -> Int {
        try FileManager.default.attributesOfItem(atPath: path + "/" + name)[.posixPermissions] as? Int ?? 0
    }

    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
}

/// Runs the reference upstream on a port of its own for as long as `body` takes.
func withLogin(_ body: (ReferenceUpstream, String) async throws -> Void) async throws {
    let upstream = try ReferenceUpstream(.init(port: 0))
    let (ports, ready) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { ready.finish() }
            try await upstream.run { ready.yield($0) }
        }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        do { try await body(upstream, "http://127.0.0.1:\(port)") } catch {
            group.cancelAll()
            throw error
        }
        group.cancelAll()
    }
}

extension OAuth2Configuration {
    /// The client that the reference upstream knows.
    static func gateway(_ url: String, timeoutMs: Int64 = 20_000) -> OAuth2Configuration {
        OAuth2Configuration(
            tokenURL: url + "/oauth/token", clientID: "gateway", clientSecret: .value(Secret("gateway-secret")), timeoutMs: timeoutMs)
    }

    /// Somebody who signed in with the public client.
    static func app(_ url: String, _ file: String) -> OAuth2Configuration {
        OAuth2Configuration(tokenURL: url + "/oauth/token", clientID: "app", grant: .refreshToken(RefreshTokenFile(path: file)))
    }
}

/// What the provider throws.
func failure(_ provider: some IssuingTokens, replacing epoch: UInt64? = nil, at place: SourceLocation = #_sourceLocation) async
    -> TokenError?
{
    do throws(TokenError) {
        let issued = try await provider.issued(replacing: epoch)
        Issue.record("there is a token: \(issued)", sourceLocation: place)
        return nil
    } catch {
        return error
    }
}

/// What a provider of this configuration throws.
func failure(of configuration: OAuth2Configuration, at place: SourceLocation = #_sourceLocation) async throws -> TokenError? {
    await failure(try OAuth2Tokens(configuration), at: place)
}

/// The kind of what a provider throws.
func trouble(_ provider: some IssuingTokens, replacing epoch: UInt64? = nil, at place: SourceLocation = #_sourceLocation) async
    -> TokenError.Code?
{
    await failure(provider, replacing: epoch, at: place)?.code
}

func trouble(of configuration: OAuth2Configuration, at place: SourceLocation = #_sourceLocation) async throws -> TokenError.Code? {
    try await failure(of: configuration, at: place)?.code
}

/// Expects trouble of this kind.
func expect(
    _ code: TokenError.Code, at place: SourceLocation = #_sourceLocation, _ trouble: () async throws -> TokenError.Code?
) async rethrows {
    let found = try await trouble()
    #expect(found == code, sourceLocation: place)
}
