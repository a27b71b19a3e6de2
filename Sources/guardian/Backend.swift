import ArgumentParser
import GuardianBackend
import GuardianRuntime
import UnixSignals

struct Backend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the reference upstream: honours Idempotency-Key, fails on demand, keeps an effects log.",
        discussion: "Example: guardian backend --listen 127.0.0.1:8090 --latency 50ms --failure-rate 0.05 --seed 7")

    @Option(help: "host:port; port 0 takes a free one.") var listen = "127.0.0.1:8090"
    @Option(help: "Where effects are kept over a restart; in memory without it.") var dataDir: String?
    @Option(help: "Added to every request, such as 50ms.") var latency = "0ms"
    @Option(help: "Share of requests that fail, 0 to 1.") var failureRate = 0.0
    @Option(help: "The same seed fails the same requests.") var seed: UInt64 = 1

    func run() async throws {
        guard let wait = Settings.duration(latency) else { throw Failure(.usage, "--latency: must be a duration such as 50ms") }
        guard (0...1).contains(failureRate) else { throw Failure(.usage, "--failure-rate: must be between 0 and 1") }
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]), (0...65535).contains(port)
        else {
            throw Failure(.usage, "--listen: must be host:port")
        }
        let host = String(listen[..<colon])
        let upstream = try ReferenceUpstream(
            .init(host: host, port: port, latency: wait, failureRate: failureRate, seed: seed, dataDirectory: dataDir))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await upstream.run { port in Terminal.complainRaw("guardian: ready on http://\(host):\(port)") } }
            group.addTask { for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { return } }
            _ = try await group.next()
            group.cancelAll()
        }
    }
}
