import AsyncHTTPClient
import Foundation
import GuardianCore
import GuardianHTTP
import GuardianSQLite
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Delivery from end to end against what the HTTP client manages alone, and how soon `serve` is ready over a long queue.
struct DeliveryBenches {
    let scale: Int

    /// Requests in flight, on both sides.
    static let concurrency = 32

    func run(_ table: inout Table, only: String?) async throws {
        if only == nil || only == "delivery" { try await delivery(&table) }
        if only == nil || only == "start" { try await start(&table) }
    }

    private func delivery(_ table: inout Table) async throws {
        let count = 5000 * scale
        let server = try await InstantServer.start()
        try await table.measure("delivered end to end, \(Self.concurrency) in flight, 1/s", required: 0.6) {
            try await Self.deliver(count, to: server.url)
        } baseline: {
            try await Self.post(count, to: server.url)
        }
        try await server.stop()
    }

    /// Operations per second from a full queue to an empty one: claimed, sent, settled on disk.
    private static func deliver(_ count: Int, to url: String) async throws -> Double {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let store = try SQLiteStore.open(.init(path: scratch.path + "/guardian.sqlite"))
        let transport = try HTTPTransport(
            configuration: .init(url: url, deviceID: "bench", poolSize: concurrency))
        let counter = ProcessedCounter(count)
        let engine = SyncEngine(
            store: store, transport: transport, sinks: [counter], configuration: .init(processor: .init(workers: concurrency)))
        try await engine.enqueue((0..<count).map { StoreBenches.operation($0, key: "entity-\($0)") })
        try await store.checkpoint()
        let took = try await seconds {
            async let running: Void = engine.run()
            await counter.reached()
            engine.drain()  // settles what was answered last
            try await running
        }
        guard try await store.books().processed == count else { throw Baseline.Failed(output: "not all were settled") }
        await transport.shutdown()
        try store.close()
        return Double(count) / took
    }

    /// The same requests, bodies and headers, by AsyncHTTPClient alone, as many at once.
    private static func post(_ count: Int, to url: String) async throws -> Double {
        var settings = HTTPClient.Configuration()
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = concurrency
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        let body = ByteBuffer(string: #"{"meta":{"trace_id":"","timestamp":""},"payload":\#(StoreBenches.payload)}"#)
        let id = "0b2c4d6e-1f3a-4b5c-8d7e-9f0a1b2c3d4e"
        let headers: HTTPHeaders = [
            "content-type": "application/json; charset=utf-8", "accept": "application/json", "x-app-version": "0.1.0", "x-device-id": id,
            "user-agent": "GuardianSync/0.1.0", "idempotency-key": id, "trace-id": id,
            "traceparent": "00-0b2c4d6e1f3a4b5c8d7e9f0a1b2c3d4e-8d7e9f0a1b2c3d4e-01",
        ]
        let took = try await seconds {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<concurrency {
                    group.addTask {
                        for _ in stride(from: lane, to: count, by: concurrency) {
                            var request = HTTPClientRequest(url: url + "/api/v1/heart_rates")
                            request.method = .PUT
                            request.headers = headers
                            request.body = .bytes(body)
                            let response = try await client.execute(request, timeout: .seconds(30))
                            _ = try await response.body.collect(upTo: 1 << 20)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        try await client.shutdown()
        return Double(count) / took
    }

    /// `guardian serve`, from its start to its ready line. The bound is in seconds, so the baseline is one second.
    private func start(_ table: inout Table) async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let store = try SQLiteStore.open(.init(path: scratch.path + "/guardian.sqlite"))
        try await StoreBenches.fill(SyncEngine(store: store, transport: Silent()), pending: 1_000_000, keys: 10_000)
        try store.close()
        try await table.measure("serve from start to ready at 1 000 000 pending, s", required: 1, isCost: true) {
            try Self.startToReady(scratch.path)
        } baseline: {
            1
        }
    }

    private static func startToReady(_ directory: String) throws -> Double {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: ProcessInfo.processInfo.environment["GUARDIAN"] ?? ".build/release/guardian")
        process.arguments = ["serve", "--data-dir", directory, "--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:1"]
        let pipe = Pipe()
        process.standardError = pipe
        let begin = ContinuousClock.now
        try process.run()
        var said = ""
        while !said.contains("ready on http") {
            let more = pipe.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Baseline.Failed(output: said) }
            said += String(decoding: more, as: UTF8.self)
        }
        let took = ContinuousClock.now - begin
        process.terminate()
        process.waitUntilExit()
        return Double(took.components.seconds) + Double(took.components.attoseconds) * 1e-18
    }
}

/// Says when so many operations were processed.
private final class ProcessedCounter: EventSink {
    private let left: Mutex<Int>
    private let done = AsyncStream.makeStream(of: Void.self)

    init(_ count: Int) { left = Mutex(count) }

    func record(_ event: Event, at time: Timestamp) {
        guard case .processed = event else { return }
        let isLast = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isLast { done.continuation.finish() }
    }

    func reached() async { for await _ in done.stream {} }
}

/// An HTTP server that answers at once: the least that both sides can talk to.
private final class InstantServer: Sendable {
    let url: String
    private let channel: any Channel

    private init(_ channel: any Channel) {
        self.channel = channel
        url = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    static func start() async throws -> InstantServer {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(Answerer())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return InstantServer(channel)
    }

    func stop() async throws { try await channel.close() }
}

private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let body = ByteBuffer(string: #"{"meta":{},"data":{}}"#)

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .end = unwrapInboundIn(data) else { return }
        let headers: HTTPHeaders = ["content-type": "application/json", "content-length": "\(Self.body.readableBytes)"]
        context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: .ok, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(Self.body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
