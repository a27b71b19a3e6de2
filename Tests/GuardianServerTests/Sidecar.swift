import AsyncHTTPClient
import GuardianCore
import GuardianServer
import GuardianTesting
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

/// A running sidecar on a port of its own, or on a socket. Its engine stands still unless it is asked to deliver, and then its upstream
/// never answers.
struct Sidecar: Sendable {
    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: String
        var json: JSONValue
    }

    let server: APIServer
    let store: any Store
    let engine: SyncEngine
    let transport: ScriptedTransport
    /// The engine's.
    let clock: TestClock
    let client: HTTPClient
    let port: Int

    /// Runs one for as long as `body` takes. Throws what the server throws when it can't start.
    static func run(
        _ configuration: APIServer.Configuration = .init(port: 0), store: any Store = MemoryStore(), isOpen: Bool = true,
        delivers: Bool = false, console makeConsole: (TestClock) -> Console? = { _ in nil }, _ body: (Sidecar) async throws -> Void
    ) async throws {
        let clock = TestClock()
        let transport = ScriptedTransport()
        transport.hold()
        let console = makeConsole(clock)
        let engine = SyncEngine(
            store: store, transport: transport, clock: clock, sinks: [console].compactMap(\.self),
            configuration: .init(processor: .init(drainMs: 0)))
        let server = APIServer(configuration: configuration, console: console)
        if isOpen { server.serve(engine: engine, store: store) }
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { ready.finish() }
                try await server.run { ready.yield($0) }
            }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { return try await group.waitForAll() }
            if delivers { group.addTask { try await engine.run() } }
            if let console { group.addTask { do { try await console.run(engine, store) } catch is CancellationError {} } }
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))
            let sidecar = Sidecar(
                server: server, store: store, engine: engine, transport: transport, clock: clock, client: client, port: port)
            do { try await body(sidecar) } catch {
                try await client.shutdown()
                throw error
            }
            try await client.shutdown()
            group.cancelAll()
        }
    }

    func request(_ method: HTTPMethod, _ path: String, fields: [(String, String)] = []) throws -> HTTPClientRequest {
        var configuration = server.configuration
        configuration.port = port
        var request = HTTPClientRequest(url: configuration.requestURL(path: path))
        request.method = method
        for (name, value) in fields { request.headers.add(name: name, value: value) }
        return request
    }

    func send(_ request: HTTPClientRequest, within time: TimeAmount = .seconds(30)) async throws -> Answer {
        let response = try await client.execute(request, timeout: time)
        let body = String(buffer: try await response.body.collect(upTo: 16 << 20))
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: body) } catch { json = .null }
        return Answer(status: Int(response.status.code), headers: response.headers, body: body, json: json)
    }

    func send(_ method: HTTPMethod, _ path: String, fields: [(String, String)] = []) async throws -> Answer {
        try await send(try request(method, path, fields: fields))
    }

    func get(_ path: String) async throws -> Answer { try await send(.GET, path) }

    func post(_ body: HTTPClientRequest.Body, type: String = "application/json", fields: [(String, String)] = []) async throws -> Answer {
        var request = try request(.POST, "/v1/operations", fields: [("Content-Type", type)] + fields)
        request.body = body
        return try await send(request)
    }

    func post(_ text: String, type: String = "application/json", fields: [(String, String)] = []) async throws -> Answer {
        try await post(.bytes(ByteBuffer(string: text)), type: type, fields: fields)
    }

    /// Posts what has to be accepted.
    func accept(_ text: String, at place: SourceLocation = #_sourceLocation) async throws {
        let answer = try await post(text)
        #expect(answer.status == 202, "\(answer.body)", sourceLocation: place)
    }

    /// Every operation in the store, in order.
    var stored: [Operation] {
        get async throws { try await store.list(OperationFilter(limit: 1000)) }
    }

    /// Claims the heads of all lines, as a processor would, and settles them like this; nil leaves them on the wire.
    func settleHeads(_ result: Settlement.Result?) async throws {
        let now = clock.now.wall
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "test", now: now, staleAfterMs: 0) else {
            Issue.record("the lock is taken")
            return
        }
        let claims = try await store.exchange(Exchange(fence: fence, now: now, urgent: 1000, normal: 1000)).claims
        guard let result else { return }
        let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: result) }
        _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: settlements))
    }

    /// Says `bytes` as soon as there is a connection: the task that waited for that may come too late for a server without patience.
    private final class Opening: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let bytes: [UInt8]

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            context.fireChannelActive()
        }
    }

    /// A connection of its own that has said `bytes`. `address` is one of this machine's; `window` is how many bytes the client's kernel
    /// holds.
    func connect(saying bytes: [UInt8], from address: String? = nil, window: Int? = nil) async throws
        -> NIOAsyncChannel<ByteBuffer, ByteBuffer>
    {
        var bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        if let address { bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: address, port: 0)) }
        if let window { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: SocketOptionValue(window)) }
        return try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Opening(bytes))
                return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
    }

    /// Writes bytes on a connection of its own, then reads until the server ends it, or hangs up at once. `address` is one of this machine's.
    @discardableResult
    func raw(_ bytes: [UInt8], hangsUp: Bool = false, from address: String? = nil) async throws -> String {
        let connection = try await connect(saying: bytes, from: address)
        return try await connection.executeThenClose { inbound, _ in
            var text = ""
            if hangsUp { return text }
            for try await part in inbound { text += String(buffer: part) }
            return text
        }
    }
}

extension Sidecar.Answer {
    /// Expects problem details (RFC 9457) with this status and, when one is named, this field first among the errors.
    func expectProblem(_ status: Int, field: String? = nil, says: String = "", at place: SourceLocation = #_sourceLocation) {
        #expect(self.status == status, "\(body)", sourceLocation: place)
        guard self.status == status else { return }
        #expect(headers["content-type"] == ["application/problem+json"], sourceLocation: place)
        #expect(json["type"]?.string?.isEmpty == false, sourceLocation: place)
        #expect(json["title"]?.string?.isEmpty == false, sourceLocation: place)
        #expect(json["status"]?.integer == Int64(status), sourceLocation: place)
        #expect(json["detail"]?.string?.isEmpty == false, sourceLocation: place)
        #expect((json["errors"] == nil) == (field == nil), sourceLocation: place)
        guard let field else {
            #expect(body.contains(says), sourceLocation: place)
            return
        }
        let first = json["errors"]?.elements?.first
        #expect(first?["field"]?.string == field, sourceLocation: place)
        #expect(first?["message"]?.string?.contains(says) == true, "\(body)", sourceLocation: place)
    }
}

/// The JSON of an operation on a room; `more` is further members, with a comma in front.
func operation(_ entity: String, id: String? = nil, type: String = "update", _ more: String = #","payload":{"n":1}"#) -> String {
    let id = id.map { #""id":"\#($0)","# } ?? ""
    return #"{\#(id)"operation_type":"\#(type)","entity_type":"room","entity_id":"\#(entity)"\#(more)}"#
}
