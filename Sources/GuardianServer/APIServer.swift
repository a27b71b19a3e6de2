public import GuardianCore
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// The sidecar's HTTP API (spec section 7).
public struct APIServer: Sendable {
    public struct Configuration: Sendable {
        public var host: String
        /// 0 takes a free one.
        public var port: Int
        /// Asked of callers when set.
        public var token: String?
        /// Bytes of a request body at most; 16 MiB by default.
        public var bodyLimit: Int
        /// A Unix socket to listen on instead of host and port; it is made with mode 0600.
        public var socketPath: String?

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
        public var isLoopback: Bool { socketPath != nil || Loopback.isName(host) }

        /// Where it answers once it listens on `port`.
        public func url(port: Int) -> String {
            socketPath.map { "unix:" + $0 } ?? "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
    }

    let engine: SyncEngine
    let store: any Store
    let configuration: Configuration

    public init(engine: SyncEngine, store: any Store, configuration: Configuration) {
        self.engine = engine
        self.store = store
        self.configuration = configuration
    }

    /// Serves until cancelled or shut down gracefully; `onReady` gets the port.
    public func run(onReady: @escaping @Sendable (Int) -> Void) async throws {
        var logger = Logger(label: "guardian.api")
        logger.logLevel = .critical
        let router = Router()
        router.add(middleware: Gate(configuration: configuration))
        router.get("healthz") { _, _ in "ok" }
        router.get("readyz") { _, _ in try await ready() }
        router.get("v1/status") { _, _ in try await status() }
        router.post("v1/operations") { request, _ in try await enqueue(request) }
        router.get("v1/operations") { request, _ in try await list(request) }
        router.get("v1/operations/:id") { _, context in try await show(try Self.id(context)) }
        router.delete("v1/operations/:id") { _, context in try await cancel(try Self.id(context)) }
        router.post("v1/operations/:id/retry") { _, context in try await retry(try Self.id(context)) }
        router.get("v1/events") { _, _ in events() }
        router.post("v1/pause") { _, _ in try await pause(true) }
        router.post("v1/resume") { _, _ in try await pause(false) }
        let address: BindAddress
        if let path = configuration.socketPath {
            try await SocketFile.clear(path)
            address = .unixDomainSocket(path: path)
        } else {
            address = .hostname(configuration.host, port: configuration.port)
        }
        let application = Application(
            router: router, configuration: .init(address: address),
            onServerRunning: { channel in
                if let path = configuration.socketPath { SocketFile.close(path) }
                onReady(channel.localAddress?.port ?? configuration.port)
            }, logger: logger)
        try await application.runService(gracefulShutdownSignals: [])
    }

    static func json(_ status: HTTPResponse.Status, _ value: JSONValue) -> Response {
        var response = Response(status: status, body: .init(byteBuffer: ByteBuffer(string: value.text)))
        response.headers[.contentType] = "application/json; charset=utf-8"
        return response
    }

    private static func id(_ context: some RequestContext) throws -> OperationID {
        let text = try context.parameters.require("id")
        guard let id = OperationID(text) else { throw Problem(SyncError.notFound(id: String(text.prefix(128)))) }
        return id
    }

    private func ready() async throws -> Response {
        do throws(StoreError) { _ = try await store.books() } catch { throw Problem(SyncError.store(error)) }
        return Self.json(.ok, ["ready": true, "delivering": .bool(engine.isActive)])
    }

    private func status() async throws -> Response {
        do throws(StoreError) {
            let control = try await store.loadControl()
            let lock = try await store.lockState()
            return Self.json(
                .ok,
                [
                    "books": try await store.books().json, "delivering": .bool(engine.isActive),
                    "pauses": .array(control.pauses.map { .string($0.rawValue) }),
                    "lock": lock.map { ["owner": .string($0.fence.owner), "epoch": JSONValue($0.fence.epoch)] } ?? .null,
                ])
        } catch {
            throw Problem(SyncError.store(error))
        }
    }

    private func show(_ id: OperationID) async throws -> Response {
        let found: Operation?
        do throws(StoreError) { found = try await store.operation(id) } catch { throw Problem(SyncError.store(error)) }
        guard let found else { throw Problem(SyncError.notFound(id: id.description)) }
        return Self.json(.ok, found.json())
    }

    private func cancel(_ id: OperationID) async throws -> Response {
        let answer: CancelAnswer
        do throws(StoreError) { answer = try await store.cancel(id, now: SystemClock().now.wall) } catch {
            throw Problem(SyncError.store(error))
        }
        switch answer {
        case .notFound: throw Problem(SyncError.notFound(id: id.description))
        case .inFlight: throw Problem(SyncError.refused(reason: "operation \(id) is on the wire now; ask again when it has settled"))
        case .neverSent, .mayHaveApplied: return Self.json(.ok, ["id": .string(id.description), "cancelled": .string(answer.rawValue)])
        }
    }

    private func retry(_ id: OperationID) async throws -> Response {
        let count: Int
        do throws(StoreError) { count = try await store.retry([id], now: SystemClock().now.wall) } catch {
            throw Problem(SyncError.store(error))
        }
        guard count == 1 else { throw Problem(SyncError.refused(reason: "operation \(id) is not among the failed ones")) }
        engine.wake()
        return Self.json(.ok, ["id": .string(id.description), "status": "pending"])
    }

    private func pause(_ active: Bool) async throws -> Response {
        do throws(SyncError) {
            if active { try await engine.pause() } else { try await engine.resume() }
        } catch {
            throw Problem(error)
        }
        return Self.json(.ok, ["paused": .bool(active)])
    }
}

extension APIServer {
    public var host: String { configuration.host }
}
