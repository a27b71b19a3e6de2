public import GuardianCore
public import GuardianHTTP
public import GuardianSQLite

/// Puts the parts together as the settings say; nothing else wires.
public struct Assembly: Sendable {
    public let settings: Settings

    public init(_ settings: Settings) { self.settings = settings }

    public var storePath: String { settings.text("data_dir") + "/guardian.sqlite" }

    public func openStore() throws(StoreError) -> SQLiteStore {
        try SQLiteStore.open(.init(path: storePath, ordering: Ordering(rawValue: settings.text("ordering")) ?? .entity))
    }

    public func engine(store: SQLiteStore, sinks: [any EventSink] = []) async throws -> (SyncEngine, HTTPTransport) {
        var processor = ProcessorConfiguration(workers: settings.integer("workers"))
        processor.retry = RetryPolicy(
            baseMs: settings.milliseconds("retry.base"), maxMs: settings.milliseconds("retry.max"),
            maxAttempts: settings.integer("retry.max_attempts"))
        processor.breaker = .init(
            failures: settings.integer("breaker.failures"), windowMs: settings.milliseconds("breaker.window"),
            coolDownMs: settings.milliseconds("breaker.cool_down"))
        processor.lease = .init(
            heartbeatMs: settings.milliseconds("lock.heartbeat"), staleAfterMs: settings.milliseconds("lock.stale_after"))
        processor.attemptTimeoutMs = settings.milliseconds("upstream.timeout")
        guard processor.lease.heartbeatMs * 2 <= processor.lease.staleAfterMs else {
            throw SettingsError("lock.stale_after", "must be at least twice lock.heartbeat")
        }
        let transport = try HTTPTransport(configuration: try await transportConfiguration(store))
        let tokens: any TokenProvider =
            settings.text("upstream.auth.kind") == "bearer_file" ? BearerFileTokens(path: settings.text("upstream.auth.file")) : NoToken()
        let ordering = Ordering(rawValue: settings.text("ordering")) ?? .entity
        let engine = SyncEngine(
            store: store, transport: transport, tokens: tokens, sinks: sinks, configuration: .init(processor: processor, ordering: ordering)
        )
        return (engine, transport)
    }

    private func transportConfiguration(_ store: SQLiteStore) async throws -> HTTPTransportConfiguration {
        HTTPTransportConfiguration(
            url: settings.text("upstream.url"), envelope: settings.text("upstream.envelope") == "none" ? .none : .standard,
            connectTimeoutMs: settings.milliseconds("upstream.connect_timeout"),
            allowInsecure: settings.text("upstream.allow_insecure") == "true", routes: try routes(), appVersion: BuildInfo.version,
            deviceID: try await store.deviceID(), poolSize: settings.integer("workers"))
    }

    private func routes() throws -> [Route] {
        let known = ["operation", "entity", "method", "path", "keys", "conflict", "coalesce"]
        return try settings.routes.enumerated().map { index, entry in
            for name in entry.keys where !known.contains(name) {
                let near = NearestName.of(name, in: known).map { "; did you mean \($0)?" } ?? ""
                throw SettingsError("upstream.routes[\(index)].\(name)", "is not a known key" + near)
            }
            guard let method = entry["method"], let path = entry["path"], path.hasPrefix("/") else {
                throw SettingsError("upstream.routes[\(index)]", "needs a method and a path that begins with /")
            }
            return Route(
                operation: entry["operation"] ?? "*", entity: entry["entity"] ?? "*", method: method.uppercased(), path: path,
                keyMapping: entry["keys"].flatMap(Route.KeyMapping.init(rawValue:)) ?? .none)
        }
    }
}

/// What this build is.
public enum BuildInfo {
    public static let version = "0.1.0"
}
