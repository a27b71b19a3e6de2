import AsyncHTTPClient
public import GuardianCore

/// Tells what changes at the upstream, by server-sent events where it has them, else by polling.
///
/// Reads no faster than the consumer takes: what is held is one read of the socket and one event. Keeps nothing; the consumer keeps each
/// cursor with its changes. Credentials go to the upstream's origin only. A run belongs to one principal: end it when another signs in.
public struct RealtimeClient: ChangeFeed {
    /// As it was checked when this was made.
    public let configuration: RealtimeConfiguration
    let origin: Origin
    let tokens: any TokenProvider
    let clock: any TimeSource
    private let seed: UInt64?

    /// Throws for a URL that can't be used or would send data in clear. `seed` makes the jitter repeat itself, for tests.
    public init(
        configuration: RealtimeConfiguration, tokens: any TokenProvider = NoToken(), clock: any TimeSource = SystemClock(),
        seed: UInt64? = nil
    ) throws(HTTPConfigurationError) {
        try configuration.check()
        origin = try Origin(configuration.http.url, allowInsecure: configuration.http.allowInsecure)
        _ = try UpstreamTrust(configuration.http)
        self.configuration = configuration
        self.tokens = tokens
        self.clock = clock
        self.seed = seed
    }

    public func run(from cursor: String?, into consumer: any ChangeConsumer) async throws {
        let client = try configuration.http.makeClient()
        let random = seed.map { Xoshiro256(seed: $0) } ?? .fromSystem()
        let run = FeedRun(self, client, consumer, cursor: cursor, random: random)
        let end: any Error
        do throws(FeedRun.Ended) { try await run.run() } catch { end = error.cause }
        // What ended the run is told; that its connections can't be closed in order says nothing more.
        do { try await client.shutdown() } catch {}
        throw end
    }
}
