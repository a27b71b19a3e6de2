import GuardianSync

/// Takes readings in as fast as sensors make them, and passes them on as fast as the server takes them.
struct Gateway: Sendable {
    /// A batch is one transaction. What is not written yet is lost with the power, so batches stay small.
    static let batch = 50

    private let store: SQLiteStore
    private let transport: HTTPTransport
    private let engine: SyncEngine

    init(directory: String, upstream: String) async throws {
        store = try SQLiteStore.open(.init(path: directory + "/gateway.sqlite"))
        transport = try HTTPTransport(
            configuration: .init(url: upstream, routes: Route.healthApp, deviceID: try await store.deviceID()))
        // After an outage it asks every 5 seconds whether the server is back: somebody may have fallen.
        let processor = ProcessorConfiguration(workers: 8, breaker: .init(coolDownMs: 5000))
        engine = SyncEngine(store: store, transport: transport, configuration: .init(processor: processor))
    }

    /// Writes readings to disk until there are no more; works without a server too.
    func collect(from sensors: SimulatedSensors) async throws {
        var batch: [NewOperation] = []
        for await reading in sensors {
            batch.append(reading.operation)
            guard batch.count == Self.batch || reading.isUrgent else { continue }
            try await engine.enqueue(batch)
            batch = []
        }
        try await engine.enqueue(batch)
    }

    /// Delivers until its task is cancelled.
    func deliver() async throws { try await engine.run() }

    /// What was accepted, delivered and given up on since the store was made.
    func books() async throws -> Books { try await store.books() }

    func close() async throws {
        await transport.shutdown()
        try store.close()
    }
}

extension Books {
    /// What waits or is on its way.
    var depth: Int64 { pending + processing }
}
