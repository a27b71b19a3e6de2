import Foundation
import GuardianBackend
import GuardianCore
import GuardianLoad
import GuardianPrivacy
import GuardianRuntime
import UnixSignals

/// What the demo shows: operations enqueued while nobody answers, delivered when the upstream is back, and whether all of it held.
struct DemoStory: Sendable {
    let operations: Int
    let entities: Int
    let seed: UInt64
    let settings: Settings
    let upstream: ReferenceUpstream
    /// When it ends by itself; nil for a signal.
    let end: ContinuousClock.Instant?
    /// Whether standard output is for what came of it, as JSON.
    let json: Bool
    let latencies = LatencySink()

    /// Says what happens.
    func tell(_ text: String) {
        if json { Terminal.write(text.printable + "\n", to: .standardError) } else { Terminal.report(text) }
    }

    /// Whether everything was delivered, exactly once in effect and in order. Tells it, and stays until `end` or a signal.
    func play(_ engine: SyncEngine, _ store: any OpenedStore, until endings: UnixSignalsSequence) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool?.self) { group in
            group.addTask { try await play(engine, store) }
            group.addTask {
                await Launch.wait(for: endings)
                return nil
            }
            defer { group.cancelAll() }
            if let holds = try await group.next() ?? false { return holds }
            group.cancelAll()
            do { return try await group.next().flatMap(\.self) ?? false } catch is CancellationError {
                throw Failure(.failed, "ended by a signal before everything was delivered")
            }
        }
    }

    private func play(_ engine: SyncEngine, _ store: any OpenedStore) async throws -> Bool {
        tell(
            "offline    enqueuing \(operations) operations over \(entities) entities; nobody answers at \(settings.text("upstream.url"))")
        let start = ContinuousClock.now
        for operation in Workload(seed: seed, operations: operations, entities: entities, readings: false) {
            try Task.checkCancellation()
            try await engine.enqueue(operation)
        }
        tell("on disk    \(try await store.books().pending) pending after \(Self.text(ContinuousClock.now - start))")
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await runUpstream()
                return false
            }
            group.addTask { try await watch(store) }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    /// Returns when it is cancelled.
    private func runUpstream() async throws {
        do { try await upstream.run() } catch is CancellationError {} catch {
            throw Failure(.failed, "the demo's upstream can't run on port \(upstream.configuration.port): \(error)")
        }
    }

    /// Waits until all is delivered, says how it went, and stays until the end. Returns whether all of it held.
    private func watch(_ store: any OpenedStore) async throws -> Bool {
        tell("online     the upstream is back")
        tell("log        guardian logs --follow --data-dir \(settings.text("data_dir"))")
        while try await store.books().processed < operations, end.map({ ContinuousClock.now < $0 }) ?? true {
            try await Task.sleep(for: .milliseconds(50))
        }
        let holds = try await summarize(store)
        if end == nil { tell("Up until Ctrl-C.") }
        // All that it throws is that a signal has cut it short.
        do { try await Task.sleep(until: end ?? .now + .seconds(1e9), clock: .continuous) } catch {}
        return holds
    }

    private func summarize(_ store: any OpenedStore) async throws -> Bool {
        let books = try await store.books()
        let effects = upstream.effects
        let violations = OrderCheck.violations(effects.map { ($0.entity, $0.payloadSeq ?? 0) })
        let entities = Set(effects.map(\.entity)).count
        let duplicates = upstream.duplicateEffects
        let holds = books.processed == operations && effects.count == operations && duplicates == 0 && violations == 0
        let (p50, p95, p99) = latencies.percentiles
        tell("enqueued          \(books.accepted) over \(entities) entities")
        tell("delivered         \(books.processed)")
        tell("effects           \(effects.count)")
        tell("duplicate effects \(duplicates)")
        tell("order violations  \(violations)")
        tell("failed            \(books.failed)")
        tell("latency           p50 \(p50) ms, p95 \(p95) ms, p99 \(p99) ms")
        guard json else { return holds }
        let summary: JSONValue = [
            "holds": .bool(holds), "enqueued": JSONValue(books.accepted), "entities": JSONValue(entities),
            "delivered": JSONValue(books.processed), "effects": JSONValue(effects.count), "duplicate_effects": JSONValue(duplicates),
            "order_violations": JSONValue(violations), "failed": JSONValue(books.failed), "p50_ms": JSONValue(p50),
            "p95_ms": JSONValue(p95), "p99_ms": JSONValue(p99),
        ]
        Terminal.report(summary.text)
        return holds
    }

    private static func text(_ duration: Duration) -> String {
        duration.formatted(.units(allowed: [.seconds, .milliseconds], width: .narrow))
    }
}
