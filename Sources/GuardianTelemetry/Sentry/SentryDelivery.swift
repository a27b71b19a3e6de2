package import GuardianCore
import Synchronization

/// Sends what is in the spool, one request at a time, the oldest first.
package final class SentryDelivery: Sendable {
    /// What others may see of it.
    package final class Progress: Sendable {
        private let counts = Mutex((sent: 0, spooled: 0))

        package var sent: Int { counts.withLock { $0.sent } }
        package var spooled: Int { counts.withLock { $0.spooled } }

        package func update(sent: Int = 0, spooled: Int) { counts.withLock { $0 = ($0.sent + sent, spooled) } }
    }

    private struct State {
        var spool: SentrySpool
        var losses: [SentryEnvelope.Loss: Int] = [:]
        var isSpoolTold = false
    }

    private let configuration: SentryConfiguration
    private let clock: any TimeSource
    private let client: SentryClient
    private let state: Mutex<State>
    private let progress: Progress
    private let tell: @Sendable (LogLevel, String, String) -> Void
    private let bell = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    package init(
        configuration: SentryConfiguration, spool: SentrySpool, clock: any TimeSource, progress: Progress,
        tell: @escaping @Sendable (LogLevel, String, String) -> Void
    ) {
        self.configuration = configuration
        self.clock = clock
        self.tell = tell
        self.progress = progress
        client = SentryClient(configuration)
        state = Mutex(State(spool: spool))
        progress.update(spooled: spool.entries.count)
        // What an earlier process has left is sent at once.
        bell.continuation.yield()
    }

    /// Writes an event down, to be sent.
    package func add(_ event: SentryEvent) {
        let payload = Array(event.payload(from: configuration.origin).text.utf8)
        let trouble = state.withLock { state -> String? in
            do {
                let lost = try state.spool.add(eventID: event.id, payload: payload, at: event.at)
                if lost > 0 { state.losses[.init(reason: .cacheOverflow), default: 0] += lost }
                state.isSpoolTold = false
                return nil
            } catch {
                state.losses[.init(reason: .cacheOverflow), default: 0] += 1
                defer { state.isSpoolTold = true }
                return state.isSpoolTold ? nil : "\(error)"
            }
        }
        if let trouble { tell(.warning, "sentry event not kept", trouble) }
        progress.update(spooled: state.withLock { $0.spool.entries.count })
        bell.continuation.yield()
    }

    /// Counts events that never got here.
    package func lost(_ reason: SentryEnvelope.Loss.Reason, _ count: Int) {
        guard count > 0 else { return }
        state.withLock { $0.losses[.init(reason: reason), default: 0] += count }
    }

    package func shutdown() async { await client.shutdown() }

    package func run() async {
        var limits = SentryRateLimits(leastMs: configuration.backoffMs)
        var failures = 0
        for await _ in bell.stream {
            while let (entry, payload, losses) = next(), !Task.isCancelled {
                if let wait = limits.wait(now: clock.now.steady) {
                    do { try await clock.wait(untilSteady: clock.now.steady + wait) } catch { return }
                    continue
                }
                let sentAt = clock.now.wall
                let bytes = SentryEnvelope.bytes(eventID: entry.eventID, payload: payload, losses: losses, sentAt: sentAt)
                // Cut short by a shutdown, it is sent again by the next process, under the same id, by which Sentry knows it.
                let answer = await client.post(bytes)
                if Task.isCancelled, answer.status == nil { return }
                limits.heard(
                    status: answer.status ?? 0, limits: answer.limits, retryAfterMs: answer.retryAfterMs(now: sentAt),
                    now: clock.now.steady)
                switch answer.meaning {
                case .taken:
                    if failures > 0 { tell(.info, "sentry reached again", "\(failures) tries had failed") }
                    failures = 0
                    settle(entry, losses, sent: 1)
                case .unwanted:
                    tell(.warning, "sentry refused an event", answer.text)
                    lost(.sendError, 1)
                    settle(entry, [:], sent: 0)
                case .limited: break
                case .later(let slowly):
                    failures += 1
                    if failures == 1 { tell(.warning, "sentry not reached", answer.text) }
                    let most: Int64 = slowly ? 300_000 : 60_000
                    let wait = min(most, configuration.backoffMs << Int64(min(failures - 1, 10)))
                    do { try await clock.wait(untilSteady: clock.now.steady + (slowly ? most : wait)) } catch { return }
                }
            }
            if Task.isCancelled { return }
        }
    }

    private func next() -> (SentrySpool.Entry, [UInt8], [SentryEnvelope.Loss: Int])? {
        let now = clock.now.wall
        return state.withLock { state in
            let old = state.spool.expire(now: now)
            if old > 0 { state.losses[.init(reason: .cacheOverflow), default: 0] += old }
            while let entry = state.spool.entries.first {
                if let payload = state.spool.payload(of: entry) { return (entry, payload, state.losses) }
                // Somebody has removed it.
                state.spool.remove(entry)
            }
            return nil
        }
    }

    private func settle(_ entry: SentrySpool.Entry, _ reported: [SentryEnvelope.Loss: Int], sent: Int) {
        let left = state.withLock { state in
            state.spool.remove(entry)
            for (loss, count) in reported {
                let rest = state.losses[loss, default: 0] - count
                state.losses[loss] = rest > 0 ? rest : nil
            }
            return state.spool.entries.count
        }
        progress.update(sent: sent, spooled: left)
    }
}
