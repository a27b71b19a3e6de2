import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The reference upstream (spec section 10): an HTTP API that honours `Idempotency-Key`, versions its entities, and fails on demand.
public final class ReferenceUpstream: Sendable {
    /// As it was started with: what was told to it since is not in it.
    public let configuration: ReferenceUpstreamConfiguration
    let state: Mutex<UpstreamState>
    /// Taken inside the lock of `state` only, so that lines stand in the order of their effects.
    let journal: Mutex<EffectJournal?>
    let log = Mutex(RequestLog())

    /// Throws when the data directory can't be used.
    public init(_ configuration: ReferenceUpstreamConfiguration) throws {
        self.configuration = configuration
        var state = UpstreamState(seed: configuration.seed, window: configuration.idempotencyWindow)
        let journal = try configuration.dataDirectory.map(EffectJournal.init(directory:))
        try journal?.load(into: &state)
        if let rate = configuration.rate { state.setMode(.rate(perSecond: rate), at: .now) }
        self.state = Mutex(state)
        self.journal = Mutex(journal)
    }

    /// What was applied so far.
    public var effects: [Effect] { state.withLock { $0.effects } }

    /// Batches that came.
    public var batches: Int { state.withLock { $0.batches } }

    /// Effects whose key an earlier one has: 0, as long as no key was forgotten.
    public var duplicateEffects: Int { state.withLock { $0.duplicateKeys } }

    /// Requests that came above the rate.
    public var rejectedRequests: Int { state.withLock { $0.rejected } }

    /// What it does with API requests from now on; the mode before, the rate it was started with too, is over.
    public func setMode(_ mode: UpstreamMode) { state.withLock { $0.setMode(mode, at: .now) } }

    /// Counts for keys that are known already, too.
    public func setIdempotencyWindow(_ window: Duration) { state.withLock { $0.window = window } }

    /// Forgets every key that was answered, for good, and returns how many there were. Throws when the journal can't be written.
    @discardableResult
    public func forgetKeys() throws -> Int {
        try state.withLock { state in
            try journal.withLock { try $0?.appendForgetting(at: .now) }
            return state.forget()
        }
    }

    /// The API requests with a number above `after`, in the order in which they arrived; of the last 10 000.
    public func requests(after: Int = 0, limit: Int = .max) -> [LoggedRequest] {
        log.withLock { $0 }.page(after: max(0, after), limit: max(0, limit))
    }

    /// Serves until cancelled; `onReady` gets the port.
    public func run(onReady: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
        var logger = Logger(label: "guardian.backend")
        logger.logLevel = .critical
        let router = Router(context: ConnectionContext.self)
        router.get("healthz") { _, _ in "ok" }
        router.get("_effects") { [self] request, _ in try effectsAnswer(request) }
        router.get("_effects/summary") { [self] _, _ in summary() }
        router.get("_requests") { [self] request, _ in try requestsAnswer(request) }
        router.post("oauth/token") { [self] in try await tokenAnswer($0, $1) }
        router.get("_tokens") { [self] _, _ in tokensPage() }
        router.put("_tokens") { [self] request, _ in try await changeTokens(request) }
        router.post("_tokens/login") { [self] _, _ in loginAnswer() }
        router.put("_mode") { [self] request, _ in try await changeMode(request) }
        router.post("_forget") { [self] _, _ in Response.object(["forgotten": try forgetKeys()]) }
        router.put("_changes") { [self] request, _ in try await changeChanges(request) }
        router.get("api/v1/changes") { [self] in try await changesAnswer($0, $1, isStream: false) }
        router.get("api/v1/changes/stream") { [self] in try await changesAnswer($0, $1, isStream: true) }
        router.post("api/v1/batch") { [self] in try await batchAnswer($0, $1) }
        for method in [HTTPRequest.Method.post, .put, .patch, .delete, .get] {
            router.on("api/**", method: method) { [self] request, context in try await answer(request, context) }
        }
        let application = Application(
            router: router, server: .http1(configuration: .init(additionalChannelHandlers: [Farewell()])),
            configuration: .init(address: .hostname(configuration.host, port: configuration.port)),
            onServerRunning: { channel in onReady(channel.localAddress?.port ?? 0) }, logger: logger)
        // Cancelling begins a graceful end: see Farewell.
        var services = ServiceGroupConfiguration(services: [.init(service: application)], gracefulShutdownSignals: [], logger: logger)
        services.maximumGracefulShutdownDuration = .seconds(10)
        let group = ServiceGroup(configuration: services)
        let running = Task { try await group.run() }
        try await withTaskCancellationHandler {
            try await running.value
        } onCancel: {
            Task { await group.triggerGracefulShutdown() }
        }
    }
}

/// A request's context that knows its connection, so that a handler can end it.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}
