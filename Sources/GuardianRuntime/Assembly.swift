import Foundation
public import GuardianCore
public import GuardianHTTP
import GuardianPrivacy
public import GuardianSQLite
public import GuardianServer

/// Puts the parts together as the settings say; nothing else wires.
public struct Assembly: Sendable {
    public let settings: Settings

    public init(_ settings: Settings) { self.settings = settings }

    public var storePath: String { settings.text("data_dir") + "/guardian.sqlite" }

    /// How every command opens the store, and what is made of a damaged or restored one.
    public var storeConfiguration: SQLiteStore.Configuration {
        .init(path: storePath, ordering: Ordering(rawValue: settings.text("ordering")) ?? .entity)
    }

    public func openStore() throws(StoreError) -> SQLiteStore { try SQLiteStore.open(storeConfiguration) }

    /// Opens the store; one that is damaged is set aside first, with all that can be read of it brought over into a new one.
    func openSoundStore(now: Timestamp) throws(StoreError) -> (SQLiteStore, SalvageReport?) {
        guard let problem = try SQLiteStore.findDamage(storeConfiguration) else { return (try openStore(), nil) }
        let report = try SQLiteStore.quarantine(storeConfiguration, problem: problem, now: now)
        return (try openStore(), report)
    }

    /// Finds what is wrong with the settings before anything is opened.
    public func validate() throws {
        _ = try processorConfiguration()
        _ = try HTTPTransport.check(transportConfiguration(deviceID: ""))
        _ = try tokens()
    }

    /// `telemetry` sees what goes over the wire; its sinks are among `sinks` or not, as the caller likes.
    public func engine(
        store: SQLiteStore, sinks: [any EventSink] = [], telemetry: Telemetry? = nil
    ) async throws -> (SyncEngine, HTTPTransport) {
        let processor = try processorConfiguration()
        let deviceID = try await store.deviceID()
        var wire = try transportConfiguration(deviceID: deviceID)
        telemetry?.attach(to: &wire)
        let transport = try HTTPTransport(configuration: wire)
        let principalHash = PrincipalHash(salt: deviceID)
        let ordering = Ordering(rawValue: settings.text("ordering")) ?? .entity
        var configuration = SyncEngine.Configuration(processor: processor, ordering: ordering, principalHash: { principalHash($0) })
        configuration.coalesces = try coalescing()
        configuration.references = try references()
        let engine = SyncEngine(
            store: store, transport: telemetry?.traced(transport) ?? transport, tokens: try tokens(), sinks: sinks,
            configuration: configuration)
        return (engine, transport)
    }

    /// Where the credentials of requests come from.
    func tokens() throws -> any TokenProvider {
        var auth = AuthConfiguration()
        auth.kind = AuthConfiguration.Kind(rawValue: settings.text("upstream.auth.kind")) ?? .none
        auth.file = settings.text("upstream.auth.file")
        auth.principalFile = settings.text("upstream.auth.principal_file")
        auth.command = settings.text("upstream.auth.command")
        auth.tokenURL = settings.text("upstream.auth.token_url")
        auth.clientID = settings.text("upstream.auth.client_id")
        let secret = settings.text("upstream.auth.client_secret")
        auth.clientSecret = secret.isEmpty ? nil : Secret(secret)
        auth.clientSecretFile = settings.text("upstream.auth.client_secret_file")
        auth.refreshTokenFile = settings.text("upstream.auth.refresh_token_file")
        auth.clientAuthentication = .init(rawValue: settings.text("upstream.auth.client_auth")) ?? .basic
        auth.scope = settings.text("upstream.auth.scope")
        auth.audience = settings.text("upstream.auth.audience")
        auth.timeoutMs = settings.milliseconds("upstream.auth.timeout")
        do throws(HTTPConfigurationError) { return try auth.provider() } catch { throw SettingsError(error.key, error.message) }
    }

    /// What the files that credentials are made of hold now.
    func tokenFiles() -> [Data?] {
        ["file", "principal_file", "client_secret_file", "refresh_token_file"].map { settings.text("upstream.auth." + $0) }
            .map { $0.isEmpty ? nil : FileManager.default.contents(atPath: $0) }
    }

    func processorConfiguration() throws -> ProcessorConfiguration {
        var processor = ProcessorConfiguration(workers: settings.integer("workers"))
        processor.findsCapacity = settings.text("concurrency") == "adaptive"
        processor.retry = RetryPolicy(
            baseMs: settings.milliseconds("retry.base"), maxMs: settings.milliseconds("retry.max"),
            maxAttempts: settings.integer("retry.max_attempts"))
        processor.breaker = .init(
            failures: settings.integer("breaker.failures"), windowMs: settings.milliseconds("breaker.window"),
            coolDownMs: settings.milliseconds("breaker.cool_down"))
        processor.lease = .init(
            heartbeatMs: settings.milliseconds("lock.heartbeat"), staleAfterMs: settings.milliseconds("lock.stale_after"))
        processor.idempotencyWindowMs = settings.milliseconds("upstream.idempotency_window")
        processor.attemptTimeoutMs = settings.milliseconds("upstream.timeout")
        processor.upcasters = try upcasters()
        processor.conflicts = try conflicts()
        for entry in try routeEntries() where try entry.assignsID() { processor.assignsIDs.insert(entry.entity) }
        guard processor.lease.heartbeatMs * 2 <= processor.lease.staleAfterMs else {
            throw SettingsError("lock.stale_after", "must be at least twice lock.heartbeat")
        }
        return processor
    }

    /// Where the sidecar's API listens, and whom it lets in.
    public func api() throws -> APIServer.Configuration {
        let listen = settings.text("listen")
        let token = try settings.secret("token_file")
        if listen.hasPrefix("unix:") {
            let path = String(listen.dropFirst(5))
            guard (1...100).contains(path.utf8.count) else {
                throw SettingsError("listen", "the socket's path must be 1 to 100 bytes long (it is \"\(path)\")")
            }
            return APIServer.Configuration(token: token, socketPath: path)
        }
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]), (0...65_535).contains(port)
        else {
            throw SettingsError("listen", "must be host:port or unix:/path (it is \"\(listen)\")")
        }
        var host = String(listen[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        let configuration = APIServer.Configuration(host: host, port: port, token: token)
        guard configuration.isLoopback else {
            throw SettingsError("listen", "anything but loopback needs TLS, which this version does not have yet")
        }
        return configuration
    }

    func transportConfiguration(deviceID: String) throws -> HTTPTransportConfiguration {
        var configuration = HTTPTransportConfiguration(
            url: settings.text("upstream.url"), envelope: settings.text("upstream.envelope") == "none" ? .none : .standard,
            connectTimeoutMs: settings.milliseconds("upstream.connect_timeout"),
            allowInsecure: settings.text("upstream.allow_insecure") == "true", routes: try routes(), appVersion: BuildInfo.version,
            deviceID: deviceID, poolSize: settings.integer("workers"))
        configuration.requiresTraceEcho = settings.text("upstream.trace_echo") == "true"
        return configuration
    }

    /// The casters of the key `upcasters`.
    public func upcasters() throws -> Upcasters {
        let list = try settings.upcasters.map { try $0.upcaster() }
        do throws(SyncError) { return try Upcasters(list) } catch {
            guard case .validation(let field, let constraint) = error else { throw error }
            throw SettingsError(field, constraint)
        }
    }

    func routeEntries() throws -> [RouteEntry] { settings.routes.enumerated().map { RouteEntry(index: $0, entry: $1) } }

    private func routes() throws -> [Route] { try routeEntries().map { try $0.route() } }

    /// The policies of the keys `conflict` and `merge` of each route.
    private func conflicts() throws -> ConflictRules {
        var rules = ConflictRules()
        for entry in try routeEntries() {
            if let policy = try entry.conflictPolicy() { rules.set(policy, operation: entry.operation, entity: entry.entity) }
        }
        return rules
    }

    /// The fields that hold ids of other entities, over all routes of each entity type.
    private func references() throws -> References {
        var fields: [String: [String: String]] = [:]
        for entry in try routeEntries() { fields[entry.entity, default: [:]].merge(try entry.references()) { $1 } }
        return References(fields.filter { !$0.value.isEmpty })
    }

    /// Whether an operation may be folded into one that waits: the key `coalesce` of its route.
    func coalescing() throws -> (@Sendable (GuardianCore.Operation) -> Bool)? {
        var folds: [String: Bool] = [:]
        for entry in try routeEntries() { if let flag = try entry.flag("coalesce") { folds[entry.operation + " " + entry.entity] = flag } }
        guard folds.values.contains(true) else { return nil }
        return { [folds] operation in
            let (type, entity) = (operation.type, operation.entity.type)
            return folds["\(type) \(entity)"] ?? folds["* \(entity)"] ?? folds["\(type) *"] ?? folds["* *"] ?? false
        }
    }
}

/// What this build is.
public enum BuildInfo {
    public static let version = "0.1.0"
}
