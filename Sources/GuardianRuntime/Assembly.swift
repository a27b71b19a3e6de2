import Foundation
package import GuardianCore
package import GuardianHTTP
import GuardianPostgres
import GuardianPrivacy
package import GuardianSQLite
import GuardianServer

/// Puts the parts together as the settings say; nothing else wires.
package struct Assembly: Sendable {
    package let settings: Settings
    /// Whether this is for the process that delivers, and so says how operations line up.
    private let delivers: Bool
    /// Whether a store goes over to the first of the keys: only where no other process writes to it under another.
    private let adoptsKey: Bool

    /// `adoptsKey` is as `delivers` when nothing is said.
    package init(_ settings: Settings, delivers: Bool = false, adoptsKey: Bool? = nil) {
        self.settings = settings
        self.delivers = delivers
        self.adoptsKey = adoptsKey ?? delivers
        settings.applyRedaction()
    }

    package var storePath: String { settings.text("data_dir") + "/" + DataDirectory.store }

    /// The ordering that somebody has asked for; nil when the store's own is to stay. Only who delivers may line a queue up anew.
    private var ordering: Ordering? {
        guard delivers, settings.values["ordering"]?.source != .defaults else { return nil }
        return Ordering(rawValue: settings.text("ordering"))
    }

    /// How every command opens the store, and what is made of a damaged or restored one.
    package func storeConfiguration() throws(StoreError) -> SQLiteStore.Configuration {
        var configuration = SQLiteStore.Configuration(path: storePath, ordering: ordering)
        configuration.sealing = try sealing()
        configuration.adoptsKey = adoptsKey
        configuration.disk = disk
        return configuration
    }

    /// Whether the store is a file, and not a database on a server.
    package var isStoredInFile: Bool { !DatabaseAddress.isOne(settings.text("store")) }

    /// Where the store is, for people: no secret of a URL is in it.
    package var storeName: String { isStoredInFile ? storePath : DatabaseAddress.masked(settings.text("store")) }

    /// Opens the store that the key `store` names, and makes it where there is none.
    package func openStore() async throws(StoreError) -> any OpenedStore {
        guard isStoredInFile else {
            return try await PostgresStore.open(.init(address: try DatabaseAddress(settings.text("store")), ordering: ordering))
        }
        return try SQLiteStore.open(try storeConfiguration())
    }

    /// Opens the store, which is a file, to look only: nothing is written, nor brought up to date.
    package func openToLook() throws(StoreError) -> SQLiteStore {
        var configuration = try storeConfiguration()
        configuration.readOnly = true
        return try SQLiteStore.open(configuration)
    }

    /// Opens the store; a file that is damaged is set aside first, with all that can be read of it brought over into a new one.
    ///
    /// What the disk can't read is passed over when `patience` has come to an end, and a log that can't be read never is: both are errors.
    func openSoundStore(
        now: Timestamp, _ patience: inout DamagePatience
    ) async throws(StoreError) -> (any OpenedStore, SalvageReport?) {
        guard isStoredInFile else { return (try await openStore(), nil) }
        let configuration = try storeConfiguration()
        guard let problem = try SQLiteStore.findDamage(configuration) else {
            patience.end()
            return (try await openStore(), nil)
        }
        let passed: SQLiteStore.PassedOver = patience.found() ? .pages : .nothing
        let report = try SQLiteStore.quarantine(configuration, problem: problem, now: now, passingOver: passed)
        return (try await openStore(), report)
    }

    /// Finds what is wrong with the settings before anything is opened.
    package func validate() throws {
        try checkSealing()
        _ = try processorConfiguration()
        _ = try coalescing()
        _ = try references()
        let transport = try transportConfiguration(deviceID: "")
        do throws(HTTPConfigurationError) { try HTTPTransport.check(transport) } catch { throw SettingsError(error.key, error.message) }
        _ = try tokens()
        _ = try consoleConfiguration()
        _ = try traceEndpoint()
    }

    /// `telemetry` sees what goes over the wire; its sinks are among `sinks` or not, as the caller likes.
    package func engine(
        store: any OpenedStore, sinks: [any EventSink] = [], telemetry: Telemetry? = nil
    ) async throws -> (SyncEngine, HTTPTransport) {
        var processor = try processorConfiguration()
        // Of who only enqueues nothing is delivered, and what it runs with is no change of what does.
        if delivers {
            processor.rollout = rolloutGuard(now: SystemClock().now.wall) { telemetry?.rolloutUnnoted($0) }
        }
        let deviceID = try await store.deviceID()
        var wire = try transportConfiguration(deviceID: deviceID)
        telemetry?.attach(to: &wire)
        let transport = try HTTPTransport(configuration: wire)
        let principalHash = PrincipalHash(salt: deviceID)
        var configuration = SyncEngine.Configuration(processor: processor, principalHash: { principalHash($0) })
        configuration.limits = limits
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
        auth.authoritiesFile = settings.text("upstream.auth.ca_file")
        auth.timeoutMs = settings.milliseconds("upstream.auth.timeout")
        do throws(HTTPConfigurationError) { return try auth.provider() } catch { throw SettingsError(error.key, error.message) }
    }

    /// What the files that credentials are made of hold now.
    func tokenFiles() -> [Data?] {
        ["file", "principal_file", "client_secret_file", "refresh_token_file"].map { settings.text("upstream.auth." + $0) }
            .map { $0.isEmpty ? nil : FileManager.default.contents(atPath: $0) }
    }

    /// What is accepted at most.
    package var limits: Limits {
        var limits = Limits()
        if let bytes = settings.bytes("limits.payload") { limits.payloadBytes = Int(bytes) }
        return limits
    }

    package func processorConfiguration() throws -> ProcessorConfiguration {
        var processor = ProcessorConfiguration(workers: settings.integer("workers"))
        processor.findsCapacity = settings.text("concurrency") == "adaptive"
        processor.retry = RetryPolicy(
            baseMs: settings.milliseconds("retry.base"), maxMs: settings.milliseconds("retry.max"),
            maxAttempts: settings.integer("retry.max_attempts"))
        processor.breaker = .init(
            failures: settings.integer("breaker.failures"), windowMs: settings.milliseconds("breaker.window"),
            coolDownMs: settings.milliseconds("breaker.cool_down"))
        processor.lease = lease
        processor.idempotencyWindowMs = settings.milliseconds("upstream.idempotency_window")
        processor.attemptTimeoutMs = settings.milliseconds("upstream.timeout")
        processor.keptAnswers = KeptAnswers(rawValue: settings.text("ledger.answers")) ?? .creates
        processor.upcasters = try upcasters()
        processor.upcasters.payloadBytes = limits.payloadBytes
        processor.conflicts = try conflicts()
        for entry in routeEntries() where try entry.assignsID() { processor.assignsIDs.insert(entry.entity) }
        try checkLease()
        return processor
    }

    private var lease: Lease.Policy {
        Lease.Policy(heartbeatMs: settings.milliseconds("lock.heartbeat"), staleAfterMs: settings.milliseconds("lock.stale_after"))
    }

    /// Whether the lease lets its holder send anything.
    func checkLease() throws {
        let (timeoutMs, lease) = (settings.milliseconds("upstream.timeout"), self.lease)
        guard lease.heartbeatMs >= 100 else {
            throw SettingsError("lock.heartbeat", "must be at least 100ms, for each is a write to the disk")
        }
        guard lease.heartbeatMs * 2 <= lease.staleAfterMs else {
            throw SettingsError("lock.stale_after", "must be at least twice lock.heartbeat")
        }
        guard timeoutMs <= lease.longestRequestMs else {
            let wanted = ((timeoutMs + lease.heartbeatMs) * 10 + 8999) / 9000
            throw SettingsError(
                "upstream.timeout",
                "does not fit into the lease: nine tenths of lock.stale_after less lock.heartbeat leave a request "
                    + "\(lease.longestRequestMs) ms. Set lock.stale_after to \(wanted)s or more, or shorten upstream.timeout")
        }
    }

    package func transportConfiguration(deviceID: String) throws -> HTTPTransportConfiguration {
        try transportConfiguration(deviceID: deviceID, routes: try routes())
    }

    func transportConfiguration(deviceID: String, routes: [Route]) throws -> HTTPTransportConfiguration {
        var configuration = HTTPTransportConfiguration(
            url: settings.text("upstream.url"), envelope: settings.text("upstream.envelope") == "none" ? .none : .standard,
            connectTimeoutMs: settings.milliseconds("upstream.connect_timeout"),
            allowInsecure: settings.text("upstream.allow_insecure") == "true", routes: routes, appVersion: BuildInfo.version,
            deviceID: deviceID, poolSize: settings.integer("workers"))
        configuration.requiresTraceEcho = settings.text("upstream.trace_echo") == "true"
        configuration.compression = HTTPTransportConfiguration.Compression(rawValue: settings.text("upstream.compression")) ?? .none
        if let bytes = settings.bytes("upstream.compression_min_size") { configuration.compressionMinBytes = Int(bytes) }
        let authorities = settings.text("upstream.ca_file")
        configuration.trustRootsFile = authorities.isEmpty ? nil : authorities
        do throws(HTTPConfigurationError) { configuration.pins = try CertificatePin.list(settings.words("upstream.pins")) } catch {
            throw SettingsError(error.key, error.message)
        }
        return configuration
    }

    /// The casters of the key `upcasters`.
    package func upcasters() throws -> Upcasters {
        let list = try settings.upcasters.map { try $0.upcaster() }
        do throws(SyncError) { return try Upcasters(list) } catch {
            guard case .validation(let field, let constraint) = error else { throw error }
            throw SettingsError(field, constraint)
        }
    }

    func routeEntries() -> [RouteEntry] { settings.routes.enumerated().map { RouteEntry(index: $0, entry: $1) } }

    func routes() throws -> [Route] {
        var places: [String: Int] = [:]
        return try routeEntries().map { entry in
            let route = try entry.route()
            if let first = places.updateValue(entry.index, forKey: "\(route.operation) \(route.entity)") {
                throw SettingsError(
                    "upstream.routes[\(entry.index)]",
                    "is a second route for (\(route.operation), \(route.entity)), which upstream.routes[\(first)] has already")
            }
            return route
        }
    }

    /// The policies of the keys `conflict` and `merge` of each route.
    private func conflicts() throws -> ConflictRules {
        var rules = ConflictRules()
        for entry in routeEntries() {
            if let policy = try entry.conflictPolicy() { rules.set(policy, operation: entry.operation, entity: entry.entity) }
        }
        return rules
    }

    /// The fields that hold ids of other entities, over all routes of each entity type.
    private func references() throws -> References {
        var fields: [String: [String: String]] = [:]
        for entry in routeEntries() { fields[entry.entity, default: [:]].merge(try entry.references()) { $1 } }
        return References(fields.filter { !$0.value.isEmpty })
    }

    /// Whether an operation may be folded into one that waits: the key `coalesce` of its route.
    package func coalescing() throws -> (@Sendable (GuardianCore.Operation) -> Bool)? {
        var folds: [String: Bool] = [:]
        for entry in routeEntries() { if let flag = try entry.flag("coalesce") { folds[entry.operation + " " + entry.entity] = flag } }
        guard folds.values.contains(true) else { return nil }
        return { [folds] operation in
            let (type, entity) = (operation.type, operation.entity.type)
            return folds["\(type) \(entity)"] ?? folds["* \(entity)"] ?? folds["\(type) *"] ?? folds["* *"] ?? false
        }
    }
}

/// What this build is.
package enum BuildInfo {
    package static let version = "0.1.0"
}
