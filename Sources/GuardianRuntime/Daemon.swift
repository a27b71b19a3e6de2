package import GuardianCore
import GuardianHTTP
package import GuardianSQLite
package import GuardianServer
import GuardianTelemetry

/// The sidecar: listens, opens the store however long that takes, then takes operations and delivers them until it is told to stop.
///
/// A store that can't be opened (damaged, full, read-only, of a newer version) does not end the process: requests are answered with the
/// reason, and the store is tried again every second, so that whoever mends it need restart nothing.
package struct Daemon: Sendable {
    package enum State: Sendable, Equatable {
        case ready(url: String)
        case notReady(url: String, StoreError)
        /// A part of a damaged store can't be read; it is tried again for some seconds before it is given up.
        case unreadable(StoreError)
        /// A damaged store was set aside; what could be read of it is in a new one.
        case salvaged(SalvageReport)
    }

    private enum End { case serverStopped, delivered, stopAsked }

    static let retryEvery = Duration.seconds(1)

    private let assembly: Assembly
    private let api: APIServer.Configuration
    /// The admin console; nil when it is off.
    package let console: Console?
    /// The console's token, made for this process because no file names one; to be shown to whoever has started it.
    package let consoleToken: String?
    private let sinks: [any EventSink]
    private let metrics: ProductionMetrics?
    private let anomalies = AnomalyWatch()
    private let telemetry: Telemetry
    private let stops = AsyncStream.makeStream(of: Void.self)

    /// Throws a ``SettingsError`` for what can be found wrong before anything is opened. `connections` of callers are taken at once at most
    /// (see ``Assembly/connections(within:)``); nil for what `api.connections` says.
    package init(_ settings: Settings, sinks: [any EventSink] = [], connections: Int? = nil) throws {
        assembly = Assembly(settings, delivers: true)
        var api = try assembly.api()
        if let connections { api.mostConnections = connections }
        api.room = assembly.room
        let metrics = assembly.metrics()
        self.metrics = metrics
        api.metrics = metrics.flatMap(assembly.pages)
        self.api = api
        try assembly.validate()
        telemetry = try Telemetry(settings)
        let made = try assembly.console(metrics: metrics)
        console = made?.console
        consoleToken = made?.token
        var sinks = telemetry.sinks + sinks
        if let metrics { sinks.append(assembly.sink(metrics)) }
        if let console { sinks.append(console) }
        self.sinks = sinks
    }

    /// Finishes what is on the wire, gives the rest back, and lets ``run(tell:)`` return.
    package func stop() { stops.continuation.yield() }

    /// Makes the sidecar's log the one that every logger of this process writes to. Once in a process.
    package func takeOverLoggers() { telemetry.takeOverLoggers() }

    /// What is handed the engine and its store, for a program that enqueues by itself.
    package typealias Opened = @Sendable (SyncEngine, any OpenedStore) -> Void

    /// Runs until ``stop()``; `tell` hears each change of state, and `opened` of the engine, after it was told to be ready.
    package func run(tell: @escaping @Sendable (State) -> Void, opened: @escaping Opened = { _, _ in }) async throws {
        try await telemetry.during { try await serve(tell: tell, opened: opened) }
    }

    private func serve(tell: @escaping @Sendable (State) -> Void, opened handOver: @escaping Opened) async throws {
        let server = APIServer(configuration: api, console: console)
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let (engines, opened) = AsyncStream.makeStream(of: SyncEngine.self)
        try await withThrowingTaskGroup(of: End.self) { group in
            group.addTask {
                try await server.run { listening.yield($0) }
                return .serverStopped
            }
            group.addTask {
                guard let port = await ports.first(where: { _ in true }) else { return .serverStopped }
                try await deliver(server, url: api.url(port: port), tell: tell) { engine, store in
                    opened.yield(engine)
                    handOver(engine, store)
                }
                return .delivered
            }
            group.addTask {
                for await _ in stops.stream { break }
                return .stopAsked
            }
            if try await group.next() == .stopAsked {
                // With an engine it is drained; without one there is nothing to finish.
                opened.finish()
                if let engine = await engines.first(where: { _ in true }), engine.drain() { _ = try await group.next() }
            }
            group.cancelAll()
            do { while try await group.next() != nil {} } catch is CancellationError {}
        }
    }

    private func deliver(
        _ server: APIServer, url: String, tell: @escaping @Sendable (State) -> Void, opened: @escaping Opened
    ) async throws {
        let (store, engine, transport) = try await open(server, url: url, tell: tell)
        var monitor = metrics.map { assembly.monitor($0, engine: engine, store: store) }
        do throws(StoreError) { try await monitor?.prepare() } catch { engine.tell(.storeError(error)) }
        server.serve(engine: engine, store: store)
        store.wakes { engine.wake() }
        tell(.ready(url: url))
        opened(engine, store)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await watchToken(engine) }
                group.addTask { await watchFiles(url: url, tell: tell) }
                group.addTask { [monitor] in
                    var monitor = monitor
                    await monitor?.run()
                }
                group.addTask { await anomalies.run(engine: engine) }
                group.addTask { await checkTrust() }
                if let console { group.addTask { try await console.run(engine, store) } }
                try await engine.run()
                group.cancelAll()
            }
        } catch {
            await transport.shutdown()
            throw error
        }
        await transport.shutdown()
        // What was enqueued until here is on disk; whoever comes now hears why not.
        server.refuse(.unavailable("this process is stopping"))
        try store.shut()
    }

    /// Looks at the upstream's certificate and key at the start, so that a wrong one is told before there is anything to deliver.
    private func checkTrust() async {
        guard let reason = await assembly.distrust() else { return }
        for sink in sinks { sink.record(.upstreamDistrusted(detail: reason), at: SystemClock().now.wall) }
    }

    /// Says when the store's files are no longer those that are open, and when they are again.
    private func watchFiles(url: String, tell: @escaping @Sendable (State) -> Void) async {
        guard assembly.isStoredInFile else { return }
        var watch = StoreWatch(path: assembly.storePath)
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.retryEvery) } catch { return }
            switch watch.look() {
            case .gone(let error):
                for sink in sinks { sink.record(.storeError(error), about: nil, at: SystemClock().now.wall) }
                tell(.notReady(url: url, error))
            case .back: tell(.ready(url: url))
            case nil: break
            }
        }
    }

    /// Tells the engine when the token's files have changed, so that a switch of user takes effect without a restart.
    private func watchToken(_ engine: SyncEngine) async throws {
        var last = assembly.tokenFiles()
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.retryEvery) } catch { return }
            let now = assembly.tokenFiles()
            if now != last { engine.tokenChanged() }
            last = now
        }
    }

    /// A store that could be opened, and the engine over it. Tried again until it works; what is wrong is told once.
    private func open(
        _ server: APIServer, url: String, tell: @escaping @Sendable (State) -> Void
    ) async throws -> (any OpenedStore, SyncEngine, HTTPTransport) {
        var told: StoreError?
        var patience = DamagePatience()
        while true {
            do {
                let now = SystemClock().now.wall
                let (store, salvage) = try await assembly.openSoundStore(now: now, &patience)
                if let salvage {
                    let event = Event.storeSalvaged(
                        aside: salvage.aside, recovered: salvage.recovered, lost: Int(clamping: salvage.lostCount),
                        isLossKnown: salvage.isLossKnown, unreadBytes: salvage.unreadBytes)
                    for sink in sinks { sink.record(event, at: now) }
                    tell(.salvaged(salvage))
                }
                do {
                    let (engine, transport) = try await assembly.engine(
                        store: store, sinks: sinks + [SuspicionSink(path: assembly.storePath), anomalies], telemetry: telemetry)
                    return (store, engine, transport)
                } catch {
                    try store.shut()
                    throw error
                }
            } catch let error as StoreError {
                server.refuse(error)
                if error.name != told?.name {
                    let isUnreadable = patience.isTried && error.name == "unavailable"
                    tell(isUnreadable ? .unreadable(error) : .notReady(url: url, error))
                    for sink in sinks { sink.record(.storeError(error), about: nil, at: SystemClock().now.wall) }
                }
                told = error
            }
            try await Task.sleep(for: Self.retryEvery)
        }
    }
}
