package import GuardianCore
import Synchronization

/// Sends what is in the spool, one request at a time, the oldest first. Events that find no room there are sent from memory, a few of them.
package final class SentryDelivery: Sendable {
    /// What others may see of it.
    package final class Progress: Sendable {
        private let counts = Mutex((sent: 0, spooled: 0))

        package init() {}

        package var sent: Int { counts.withLock { $0.sent } }
        package var spooled: Int { counts.withLock { $0.spooled } }

        package func update(sent: Int = 0, spooled: Int) { counts.withLock { $0 = ($0.sent + sent, spooled) } }
    }

    /// Events in memory at most.
    package static let mostHeld = 50

    /// An event that could not be written down.
    private struct Held: Sendable {
        var eventID: String
        var payload: [UInt8]
        var at: Timestamp
    }

    /// The event that goes next; `entry` is nil for one that is held in memory.
    private struct Item: Sendable {
        var eventID: String
        var payload: [UInt8]
        var entry: SentrySpool.Entry?
    }

    private struct State {
        var spool: SentrySpool
        /// The oldest first.
        var held: [Held] = []
        var losses: [SentryEnvelope.Loss: Int] = [:]
        var isSpoolTold = false

        var waiting: Int { spool.entries.count + held.count }

        mutating func write(_ event: Held) throws {
            let lost = try spool.add(eventID: event.eventID, payload: event.payload, at: event.at)
            if lost > 0 { losses[.init(reason: .cacheOverflow), default: 0] += lost }
        }

        /// Writes down what could not be, as far as it can be now.
        mutating func writeHeld() {
            while let first = held.first {
                do { try write(first) } catch { return }
                held.removeFirst()
            }
        }
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

    /// Writes an event down, to be sent; one that can't be is held in memory, as long as those are few.
    package func add(_ event: SentryEvent) {
        let payload = Array(event.payload(from: configuration.origin).text.utf8)
        let made = Held(eventID: event.id, payload: payload, at: event.at)
        let trouble = state.withLock { state -> String? in
            do {
                try state.write(made)
                state.isSpoolTold = false
                return nil
            } catch {
                if state.held.count < Self.mostHeld {
                    state.held.append(made)
                } else {
                    state.losses[.init(reason: .cacheOverflow), default: 0] += 1
                }
                defer { state.isSpoolTold = true }
                return state.isSpoolTold ? nil : "\(error)"
            }
        }
        if let trouble { tell(.warning, "sentry event not written down", trouble) }
        progress.update(spooled: state.withLock { $0.waiting })
        bell.continuation.yield()
    }

    /// Counts events that never got here.
    package func lost(_ reason: SentryEnvelope.Loss.Reason, _ count: Int) {
        guard count > 0 else { return }
        state.withLock { $0.losses[.init(reason: reason), default: 0] += count }
    }

    package func shutdown() async {
        state.withLock { $0.writeHeld() }
        await client.shutdown()
    }

    package func run() async {
        var limits = SentryRateLimits(leastMs: configuration.backoffMs)
        var failures = 0
        for await _ in bell.stream {
            while let (item, losses) = next(), !Task.isCancelled {
                if let wait = limits.wait(now: clock.now.steady) {
                    do { try await clock.wait(untilSteady: clock.now.steady + wait) } catch { return }
                    continue
                }
                let sentAt = clock.now.wall
                let bytes = SentryEnvelope.bytes(eventID: item.eventID, payload: item.payload, losses: losses, sentAt: sentAt)
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
                    settle(item, losses, sent: 1)
                case .unwanted:
                    tell(.warning, "sentry refused an event", answer.text)
                    lost(.sendError, 1)
                    settle(item, [:], sent: 0)
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

    private func next() -> (Item, [SentryEnvelope.Loss: Int])? {
        let now = clock.now.wall
        return state.withLock { state in
            state.writeHeld()
            let old = state.spool.expire(now: now)
            if old > 0 { state.losses[.init(reason: .cacheOverflow), default: 0] += old }
            while let entry = state.spool.entries.first {
                if let payload = state.spool.payload(of: entry) {
                    return (Item(eventID: entry.eventID, payload: payload, entry: entry), state.losses)
                }
                // Somebody has removed it.
                state.spool.remove(entry)
            }
            return state.held.first.map { (Item(eventID: $0.eventID, payload: $0.payload), state.losses) }
        }
    }

    private func settle(_ item: Item, _ reported: [SentryEnvelope.Loss: Int], sent: Int) {
        let left = state.withLock { state in
            if let entry = item.entry { state.spool.remove(entry) } else { state.held.removeAll { $0.eventID == item.eventID } }
            for (loss, count) in reported {
                let rest = state.losses[loss, default: 0] - count
                state.losses[loss] = rest > 0 ? rest : nil
            }
            return state.waiting
        }
        progress.update(sent: sent, spooled: left)
    }
}
