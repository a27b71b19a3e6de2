import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianLoad
import GuardianSQLite
import GuardianTesting
import Testing

/// Batches under the whole engine, at an upstream that fails, loses answers and goes away.
@Suite(.serialized) struct BatchDeliveryTests {
    private static let endpoint = BatchEndpoint(path: "/api/v1/batch", size: 50, lingerMs: 2)

    private static let routes = ["room", "user", "device_state"].flatMap { entity in
        [("create", "POST", ""), ("update", "PUT", "/{id}"), ("delete", "DELETE", "/{id}")].map { type, method, end in
            Route(operation: type, entity: entity, method: method, path: "/api/v1/\(entity)s\(end)", batch: endpoint)
        }
    }

    /// An engine whose routes name the batch endpoint, on a store of its own, for as long as `body` takes.
    private func withEngine(
        url: String, workers: Int, findsCapacity: Bool = false,
        _ body: @escaping @Sendable (SyncEngine, SQLiteStore, RecordingSink) async throws -> Void
    ) async throws {
        let path = NSTemporaryDirectory() + "/guardian-batch-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: path) } catch {} }
        let store = try SQLiteStore.open(.init(path: path + "/guardian.sqlite"))
        let transport = try HTTPTransport(configuration: .init(url: url, routes: Self.routes, deviceID: "d", poolSize: 8))
        var configuration = SyncEngine.Configuration()
        configuration.processor = ProcessorConfiguration(workers: workers)
        configuration.processor.retry = RetryPolicy(baseMs: 20, maxMs: 200, maxAttempts: 1000)
        configuration.processor.breaker.coolDownMs = 200
        configuration.processor.pollMs = 50
        configuration.processor.attemptTimeoutMs = 30_000
        configuration.processor.findsCapacity = findsCapacity
        let sink = RecordingSink()
        let engine = SyncEngine(store: store, transport: transport, sinks: [sink], configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await engine.run() }
            try await body(engine, store, sink)
            engine.drain()
            try await group.waitForAll()
        }
        await transport.shutdown()
        try store.close()
    }

    private func settled(_ store: SQLiteStore, _ count: Int64) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(90)
        while ContinuousClock.now < end {
            if try await store.books().processed == count { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    private func expectOnce(_ upstream: ReferenceUpstream, _ store: SQLiteStore, _ count: Int) async throws {
        #expect(upstream.effects.count == count)
        #expect(upstream.duplicateEffects == 0)
        #expect(OrderCheck.violations(upstream.effects.map { ($0.entity, $0.payloadSeq ?? 0) }) == 0)
        #expect(try await store.check().problems == [])
    }

    @Test("3 000 operations in batches at 5 % failures and lost answers: each applied once, in order, in far fewer requests")
    func exactlyOnce() async throws {
        try await withUpstream(.init(port: 0, latency: .milliseconds(10), failureRate: 0.05, seed: 3)) { upstream, url in
            try await self.withEngine(url: url, workers: 128) { engine, store, _ in
                try await engine.enqueue(Array(Workload(seed: 9, operations: 3000, entities: 600, readings: false)))
                for mode in [
                    UpstreamMode.drop(share: 1, remaining: 2), .dropBefore(share: 1, remaining: 2),
                    .gateway(status: 502, share: 1, remaining: 3),
                ] {
                    try await Task.sleep(for: .milliseconds(50))
                    upstream.setMode(mode)
                }
                let isDone = try await self.settled(store, 3000)
                #expect(isDone)
                try await self.expectOnce(upstream, store, 3000)
                print(
                    "measured: 3000 operations in \(upstream.batches) batches and \(upstream.requests().count - upstream.batches) single requests"
                )
                #expect(upstream.batches < 1000 && upstream.batches > 10)
            }
        }
    }

    @Test("a failed batch is one failure to the breaker, however many it carried")
    func breakerCountsRequests() async throws {
        try await withUpstream { upstream, url in
            try await self.withEngine(url: url, workers: 64) { engine, store, sink in
                upstream.setMode(.status(500, remaining: 3, retryAfter: nil, body: nil, contentType: nil))
                try await engine.enqueue(
                    (0..<64).map { NewOperation("update", entityType: "room", entityID: "r\($0)", payload: #"{"seq":1}"#) })
                let isDone = try await self.settled(store, 64)
                #expect(isDone)
                let opened = sink.count { if case .breakerOpened = $0 { true } else { false } }
                #expect(opened == 0)
                try await self.expectOnce(upstream, store, 64)
            }
        }
    }

    @Test("one poisoned operation fails by itself; the others of its batch are applied")
    func poison() async throws {
        try await withUpstream { upstream, url in
            try await self.withEngine(url: url, workers: 64) { engine, store, _ in
                upstream.setMode(.poison(entities: ["/api/v1/rooms/r7"], status: 422))
                try await engine.enqueue(
                    (0..<40).map { NewOperation("update", entityType: "room", entityID: "r\($0)", payload: #"{"seq":1}"#) })
                let isDone = try await self.settled(store, 39)
                #expect(isDone)
                #expect(upstream.effects.count == 39)
            }
        }
    }

    @Test("an engine that looks for the upstream's capacity delivers everything once, also when it is told to slow down")
    func findsCapacity() async throws {
        try await withUpstream(.init(port: 0, latency: .milliseconds(20), seed: 5)) { upstream, url in
            try await self.withEngine(url: url, workers: 64, findsCapacity: true) { engine, store, _ in
                try await engine.enqueue(
                    (0..<500).map { NewOperation("update", entityType: "lamp", entityID: "l\($0)", payload: #"{"seq":1}"#) })
                // A rate is learnt from what was accepted before.
                while upstream.effects.count < 50 { try await Task.sleep(for: .milliseconds(1)) }
                upstream.setMode(.status(429, remaining: 1, retryAfter: "1", body: nil, contentType: nil))
                let isDone = try await self.settled(store, 500)
                #expect(isDone)
                try await self.expectOnce(upstream, store, 500)
            }
        }
    }
}
