package import GuardianCore

/// Sends one event that says it is a test, at once and past the spool.
package struct SentryProbe: Sendable {
    package enum Result: Sendable, Equatable {
        /// Taken, under this id.
        case taken(String)
        case refused(String)
        case limited(seconds: Int64)
        case unreachable(String)
    }

    private let configuration: SentryConfiguration

    package init(_ configuration: SentryConfiguration) { self.configuration = configuration }

    package func send(at now: Timestamp) async -> Result {
        var random = Xoshiro256.fromSystem()
        var event = SentryEvent(
            id: .v4(using: &random), at: now, level: .info, type: "test", value: "a test event of `guardian doctor --sentry`")
        event.tags["event"] = "test"
        let payload = Array(event.payload(from: configuration.origin).text.utf8)
        let client = SentryClient(configuration)
        let answer = await client.post(SentryEnvelope.bytes(eventID: event.id, payload: payload, losses: [:], sentAt: now))
        await client.shutdown()
        switch answer.meaning {
        case .taken: return .taken(event.id)
        case .limited:
            var limits = SentryRateLimits()
            limits.heard(status: 429, limits: answer.limits, retryAfterMs: answer.retryAfterMs(now: now), now: 0)
            return .limited(seconds: (limits.wait(now: 0) ?? 0) / 1000)
        case .unwanted, .later(slowly: true): return .refused(answer.text)
        case .later(slowly: false): return .unreachable(answer.text)
        }
    }
}
