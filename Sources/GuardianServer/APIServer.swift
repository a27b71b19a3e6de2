public import GuardianCore
import GuardianPrivacy
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
package import NIOCore
import ServiceLifecycle
import Synchronization

/// The sidecar's HTTP API (spec section 7).
public final class APIServer: Sendable {
    /// Where it listens, who may ask, and how much.
    public struct Configuration: Sendable {
        /// A name or an address; `127.0.0.1` by default. Anything but loopback needs a token and a certificate.
        public var host: String
        /// 0 takes a free one.
        public var port: Int
        /// Asked of callers when set.
        public var token: String?
        /// Bytes of a request body at most; 16 MiB by default.
        public var bodyLimit: Int
        /// A Unix socket to listen on instead of host and port.
        public var socketPath: String?
        /// Permission bits of that socket; 0600. Where they let neither the group nor others read or write, the peer of each connection
        /// must be this user or root, which Linux is asked; elsewhere only the bits keep anybody out.
        public var socketMode: UInt32 = 0o600
        /// What the API is served under; nil for plain HTTP, which only loopback may have.
        public var certificate: Certificate?
        /// Connections at once at most; more wait. 1024.
        public var mostConnections = 1024
        /// Requests a second at most that may do something, and as many on paths that ask for no token; 0 sets no limit. Wrong tokens are
        /// limited always, and by themselves.
        public var requestsPerSecond = 0
        /// Milliseconds for a request's head, for each piece of its body, and for each piece of an answer to be taken; 10 s.
        public var patienceMs: Int64 = 10_000
        /// Asks for the room where the store lives; nil when it is not known.
        public var room: @Sendable () -> DiskRoom? = { nil }
        /// What `/metrics` and `/metrics.json` show; nil when nothing is measured.
        public var metrics: MetricsPages?
        /// The time by which rates are kept.
        package var now: @Sendable () -> NIODeadline = { .now() }

        /// Checks nothing: ``check()`` does, which ``APIServer/run(onListening:)`` calls first.
        public init(
            host: String = "127.0.0.1", port: Int = 8080, token: String? = nil, bodyLimit: Int = 16 << 20, socketPath: String? = nil
        ) {
            self.host = host
            self.port = port
            self.token = token
            self.bodyLimit = bodyLimit
            self.socketPath = socketPath
        }

        /// Whether only this machine can reach the address.
        public var isLoopback: Bool { socketPath != nil || LoopbackName.isOne(host) }

        /// Where it answers once it listens on `port`.
        public func url(port: Int) -> String {
            socketPath.map { "unix:" + $0 } ?? "\(certificate == nil ? "http" : "https")://" + authority(port: port)
        }

        private func authority(port: Int) -> String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

        /// What it is to listen on, as the key `listen` has it.
        var address: String { socketPath.map { "unix:" + $0 } ?? authority(port: port) }

        /// The URL of `path` at this address, as an HTTP client of this machine takes it: an address that means all of them is reached on
        /// loopback, and a socket by `http+unix://` and its percent-encoded path.
        public func requestURL(path: String) -> String {
            guard let socketPath else {
                var reached = self
                reached.host = ["0.0.0.0": "127.0.0.1", "::": "::1"][host] ?? host
                return reached.url(port: port) + path
            }
            let encoded = socketPath.utf8.map { byte in
                let isPlain = byte < 128 && (Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber)
                return isPlain ? String(Character(Unicode.Scalar(byte))) : "%" + String(byte / 16, radix: 16) + String(byte % 16, radix: 16)
            }
            return (certificate == nil ? "http" : "https") + "+unix://" + encoded.joined() + path
        }
    }

    private enum Backing: Sendable {
        case missing(StoreError)
        case open(API)
    }

    /// Time that requests under way, and event streams, get to end.
    static let longestGoodbye = Duration.seconds(2)

    /// As it was made with. What a port of 0 has become, ``run(onListening:)`` tells.
    public let configuration: Configuration
    private let backing: Mutex<Backing>
    /// The file of the Unix socket that is listened on.
    private let socketFile = Mutex<SocketFile.Identity?>(nil)

    /// The admin console; nil for none.
    public let console: Console?

    /// A server without a store yet; it answers 503 until ``serve(engine:store:)``.
    public init(configuration: Configuration, console: Console? = nil) {
        self.configuration = configuration
        self.console = console
        backing = Mutex(.missing(.unavailable("it is being opened")))
    }

    /// A server that answers from `store` at once.
    public convenience init(engine: SyncEngine, store: any Store, configuration: Configuration, console: Console? = nil) {
        self.init(configuration: configuration, console: console)
        serve(engine: engine, store: store)
    }

    /// From now on requests are answered from `store`.
    public func serve(engine: SyncEngine, store: any Store) {
        let api = API(engine: engine, store: store, configuration: configuration)
        backing.withLock { $0 = .open(api) }
    }

    /// From now on requests are answered with 503, or 507 for a full disk, and why.
    public func refuse(_ reason: StoreError) { backing.withLock { $0 = .missing(reason) } }

    private func api() throws -> API {
        switch backing.withLock({ $0 }) {
        case .open(let api): return api
        case .missing(let reason): throw Problem(SyncError.store(reason))
        }
    }

    /// Listens until cancelled or shut down gracefully; `onListening` gets the port. Throws what says why it can't listen.
    public func run(onListening: @escaping @Sendable (Int) -> Void) async throws {
        try configuration.check()
        var logger = Logger(label: "guardian.api")
        logger.logLevel = .critical
        let router = Router(context: ServerContext.self)
        router.add(middleware: Gate(configuration: configuration))
        router.get("healthz") { _, _ in API.json(.ok, ["alive": true]) }
        router.get("metrics") { [self] request, _ in try pages().scrape(request) }
        router.get("metrics.json") { [self] _, _ in try pages().asJSON() }
        router.get("readyz") { [self] _, _ in try await api().ready() }
        router.get("v1/status") { [self] _, _ in try await api().status() }
        router.post("v1/operations") { [self] request, _ in try await api().enqueue(request) }
        router.get("v1/operations") { [self] request, _ in try await api().list(request) }
        router.get("v1/operations/:id") { [self] request, context in try await api().show(try API.id(context), request) }
        router.delete("v1/operations/:id") { [self] request, context in try await api().cancel(try API.id(context), request) }
        router.post("v1/operations/:id/retry") { [self] request, context in try await api().retry(try API.id(context), request) }
        router.get("v1/operations/:id/explain") { [self] _, context in try await api().explain(try API.id(context)) }
        router.get("openapi.json") { request, _ in API.openAPI(request) }
        router.get("v1/explain") { [self] _, _ in try await api().explainQueue() }
        router.get("v1/events") { [self] _, _ in try api().events() }
        router.post("v1/pause") { [self] _, _ in try await api().pause(true) }
        router.post("v1/resume") { [self] _, _ in try await api().pause(false) }
        if let console { ConsoleRoutes(console: console, api: { [self] in try api() }).add(to: router) }
        let address: BindAddress
        if let path = configuration.socketPath {
            try await SocketFile.clear(path)
            address = .unixDomainSocket(path: try SocketFile.birthplace(path))
        } else {
            address = .hostname(configuration.host, port: configuration.port)
        }
        let application = Application(
            responder: AnswerRules(router: router.buildResponder()), server: try configuration.server(),
            configuration: .init(
                address: address, availableConnectionsDelegate: MaximumAvailableConnections(configuration.mostConnections, logger: logger)),
            onServerRunning: { [self] channel in
                if let path = configuration.socketPath {
                    let shown = SocketFile.show(path, mode: configuration.socketMode)
                    socketFile.withLock { $0 = shown }
                }
                onListening(channel.localAddress?.port ?? configuration.port)
            }, logger: logger)
        // Cancelling begins a graceful end: see Goodbye.
        var services = ServiceGroupConfiguration(
            services: [.init(service: application)], gracefulShutdownSignals: [], logger: logger)
        services.maximumGracefulShutdownDuration = Goodbye.longest
        let group = ServiceGroup(configuration: services)
        let running = Task { try await group.run() }
        do {
            try await withTaskCancellationHandler {
                try await running.value
            } onCancel: {
                Task { await group.triggerGracefulShutdown() }
            }
        } catch {
            if let refusal = Configuration.ListenError(error, at: configuration.address) { throw refusal }
            throw error
        }
        if let path = configuration.socketPath { SocketFile.remove(path, of: socketFile.withLock { $0 }) }
    }
}
