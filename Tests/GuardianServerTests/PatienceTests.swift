import GuardianCore
import GuardianServer
import NIOCore
import NIOPosix
import Testing

/// Clients that take their time.
@Suite struct PatienceTests {
    /// A sidecar that waits for nobody longer than that.
    private func withHasty(connections: Int = 1024, patienceMs: Int64 = 300, _ body: (Sidecar) async throws -> Void) async throws {
        var configuration = APIServer.Configuration(port: 0)
        configuration.patienceMs = patienceMs
        configuration.mostConnections = connections
        try await Sidecar.run(configuration, body)
    }

    /// Sends `drops` one after the other with `gap` between them; returns what came until the server ended the connection.
    private func drip(_ sidecar: Sidecar, _ drops: [String], gap: Duration) async throws -> String {
        let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: sidecar.port) { channel in
                channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
            }
        return try await connection.executeThenClose { inbound, outbound in
            async let said: String = {
                var text = ""
                do { for try await part in inbound { text += String(buffer: part) } } catch {}
                return text
            }()
            do {
                for drop in drops {
                    try await outbound.write(ByteBuffer(string: drop))
                    try await Task.sleep(for: gap)
                }
            } catch {}
            return await said
        }
    }

    @Test("a head that comes in drops ends its connection, however regular they are; a whole one is answered")
    func slowHead() async throws {
        try await withHasty { sidecar in
            let drops = ["GET /healthz HTTP/1.1\r\n"] + (0..<200).map { "X-\($0): 1\r\n" }
            let said = try await drip(sidecar, drops + ["\r\n"], gap: .milliseconds(50))
            #expect(said == "")
            #expect(try await sidecar.get("/healthz").status == 200)
        }
    }

    @Test("a connection on which nothing is ever said is ended")
    func silence() async throws {
        try await withHasty { sidecar in
            let said = try await drip(sidecar, [""], gap: .zero)
            #expect(said == "")
        }
    }

    @Test("a body that comes in drops ends its connection, and nothing of it is kept")
    func slowBody() async throws {
        try await withHasty { sidecar in
            let head = "POST /v1/operations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
            let said = try await drip(sidecar, [head] + (0..<200).map { _ in " " }, gap: .milliseconds(50))
            #expect(!said.contains("202"))
            #expect(try await sidecar.store.books().accepted == 0)
        }
    }

    @Test("a long answer that is read steadily is never cut, however long that takes; one that nobody reads on is")
    func slowReader() async throws {
        try await withHasty(patienceMs: 1000) { sidecar in
            let payload = #"{"x":"\#(String(repeating: "x", count: 1_000_000))"}"#
            for number in 0..<8 { try await sidecar.accept(operation("e\(number)", #","payload":\#(payload)"#)) }
            let steady = try await read(sidecar, "/v1/operations?limit=8", pause: .milliseconds(20), every: 64 << 10)
            #expect(steady.bytes >= 8_000_000)
            #expect(steady.took > .seconds(2), "it was to take twice the patience")
            let asleep = try await read(sidecar, "/v1/operations?limit=8", pause: .seconds(3), every: 16 << 20, after: 64 << 10)
            #expect(asleep.bytes < 8_000_000)
        }
    }

    /// Reads 8 MB of an answer, with a pause when `after` bytes have come and whenever `every` more have; a small window keeps what was not
    /// read at the server.
    private func read(
        _ sidecar: Sidecar, _ path: String, pause: Duration, every: Int, after: Int = 0
    ) async throws -> (bytes: Int, took: Duration) {
        let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.socketOption(.so_rcvbuf), value: 65_536)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16 << 10))
            .connect(host: "127.0.0.1", port: sidecar.port) { channel in
                channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
            }
        return try await connection.executeThenClose { inbound, outbound in
            let start = ContinuousClock.now
            try await outbound.write(ByteBuffer(string: "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            var (bytes, next) = (0, after)
            do {
                for try await part in inbound {
                    bytes += part.readableBytes
                    if bytes >= 8_000_000 { break }
                    guard bytes > next else { continue }
                    next += every
                    try await Task.sleep(for: pause)
                }
            } catch {}
            return (bytes, start.duration(to: .now))
        }
    }

    @Test("an event stream on which nothing happens for long is not slow")
    func quietStream() async throws {
        try await withHasty { sidecar in
            let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: sidecar.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await connection.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"))
                var heard = inbound.makeAsyncIterator()
                #expect(try await heard.next().map { String(buffer: $0) }?.hasPrefix("HTTP/1.1 200") == true)
                // Four times the patience; what is waited for is that nothing happens.
                try await Task.sleep(for: .milliseconds(1200))
                try await sidecar.accept(operation("late"))
                var text = ""
                while !text.contains("enqueued"), let part = try await heard.next() { text += String(buffer: part) }
                #expect(text.contains("enqueued"))
            }
        }
    }

    @Test("more connections than are allowed wait for their turn, and get it when a slow one is ended")
    func crowd() async throws {
        try await withHasty(connections: 4) { sidecar in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { _ = try await drip(sidecar, ["GET /"], gap: .zero) } }
                for _ in 0..<8 {
                    group.addTask {
                        let said = try await sidecar.raw(
                            Array("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8))
                        #expect(said.contains("200"))
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
