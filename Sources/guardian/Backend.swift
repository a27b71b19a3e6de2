import ArgumentParser
import Foundation
import GuardianBackend
import GuardianCore
import GuardianRuntime
import GuardianServer

struct Backend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the reference upstream: honours Idempotency-Key, fails on demand, keeps an effects log.",
        discussion: """
            Example: guardian backend --listen 127.0.0.1:8090 --latency 50ms --seed 7

            It is for tests on loopback: it asks for no login unless told to, and shows \
            credentials as they came. Bodies may come as gzip. Beside its API (/api/...) it has \
            pages for tests:

            GET /_effects?after=N&limit=M    what was applied, in order
            GET /_effects/summary            counts: count, duplicate_keys, requests,
                                             replays, injected_failures, rejected
            GET /_requests?after=N&limit=M   the last 10 000 API requests; status is null
                                             under way, 0 when closed without an answer
            GET /api/v1/changes?since=C      what has changed, as pages; /stream sends it as
                                             server-sent events
            PUT /_changes                    how those two misbehave
            POST /oauth/token                tokens for gateway/gateway-secret, and for app
            GET, PUT /_tokens                what was issued, and for how long tokens last
            POST /_forget                    forgets every idempotency key at once
            PUT /_mode                       what to do with API requests from now on:

            {"mode":"up"}
                Works. Ends any other mode.
            {"mode":"status","status":503,"retry_after":"2"}
                Answers this to all but GET. Also: body, content_type.
            {"mode":"portal","kind":"html"}
                Someone else answers: html (200, a login page), redirect (302 to
                "location"), 511, proxy_json (200), proxy_error (502).
            {"mode":"gateway","status":403,"share":0.5}
                Answers this to a share of requests, 0 to 1, without effect.
            {"mode":"drop","share":1}
                Does its work, then closes the connection without an answer.
            {"mode":"drop_before","share":1}
                Closes the connection without effect.
            {"mode":"rate","per_second":300}
                Takes so many requests a second; above it 429, Retry-After: 1 (second).
            {"mode":"poison","entities":["/api/v1/rooms/r7"],"status":422}
                Refuses what goes to these, and creates of them.
            {"mode":"auth"}
                Answers 401 to all that carry no token that it has issued.
            {"idempotency_window_seconds":60}
                As --idempotency-window, in seconds. Alone, or beside a mode.

            "count":N ends status, portal, gateway, drop and drop_before after N requests.
            """)

    @Option(help: "host:port; port 0 takes a free one.") var listen = "127.0.0.1:8090"
    @Option(help: "Where effects are kept over a restart; in memory without it.") var dataDir: String?
    @Option(help: "Added to every request, such as 50ms.") var latency = "0ms"
    @Option(help: "Share of requests that fail, 0 to 1.") var failureRate = 0.0
    @Option(help: "The same seed fails the same requests.") var seed: UInt64 = 1
    @Option(help: "How long an idempotency key is remembered after its answer, such as 90s or 24h; 0s forgets at once.")
    var idempotencyWindow = "24h"
    @Option(help: "API requests per second at most, a second's worth at once; 429 above it. Any number without it.") var rate: Double?
    @Flag(help: "End when standard input does, and so with whoever started it.") var endWithInput = false
    @Flag(help: "Say as JSON on standard output, too, where it listens.") var json = false

    func run() async throws {
        guard let wait = Settings.duration(latency) else { throw Failure(.usage, "--latency: must be a duration such as 50ms") }
        guard (0...1).contains(failureRate) else { throw Failure(.usage, "--failure-rate: must be between 0 and 1") }
        guard let window = Settings.duration(idempotencyWindow) else {
            throw Failure(.usage, "--idempotency-window: must be a duration such as 90s or 24h")
        }
        if let rate, !(0.001...1e9).contains(rate) { throw Failure(.usage, "--rate: must be a number of requests per second above 0") }
        guard let (host, port) = Assembly.hostAndPort(listen) else { throw Failure(.usage, "--listen: must be host:port") }
        let upstream = try makeUpstream(
            .init(
                host: host, port: port, latency: wait, failureRate: failureRate, seed: seed, dataDirectory: dataDir,
                idempotencyWindow: window, rate: rate))
        let endings = await Launch.endings()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [json, listen] in
                do {
                    try await upstream.run { Self.tell(APIServer.Configuration(host: host).url(port: $0), asJSON: json) }
                } catch {
                    if let refusal = APIServer.Configuration.ListenError(error, at: listen) { throw refusal }
                    throw error
                }
            }
            group.addTask { await Launch.wait(for: endings) }
            if endWithInput { group.addTask { await Self.waitForEndOfInput() } }
            _ = try await group.next()
            group.cancelAll()
        }
    }

    private func makeUpstream(_ configuration: ReferenceUpstreamConfiguration) throws -> ReferenceUpstream {
        do { return try ReferenceUpstream(configuration) } catch {
            throw Failure(.failed, "--data-dir: can't be used: \(ErrorWords.of(error))")
        }
    }

    private static func tell(_ url: String, asJSON json: Bool) {
        Terminal.complainRaw("guardian: ready on \(url)")
        let ready: JSONValue = ["state": "ready", "url": .string(url)]
        if json { Terminal.report(ready.text) }
    }

    /// Reads what comes, and lets it go.
    private static func waitForEndOfInput() async {
        let (end, ending) = AsyncStream.makeStream(of: Void.self)
        FileHandle.standardInput.readabilityHandler = { handle in
            var piece = [UInt8](repeating: 0, count: 4096)
            let count = read(handle.fileDescriptor, &piece, piece.count)
            if count == 0 || count < 0 && errno != EINTR && errno != EAGAIN { ending.finish() }
        }
        for await _ in end {}
        FileHandle.standardInput.readabilityHandler = nil
    }
}
