import GuardianCore
import GuardianServer
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
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

    /// The socket of a connection in virtual time: it takes what is written when it is told to.
    private final class Socket: ChannelOutboundHandler {
        typealias OutboundIn = HTTPResponsePart

        private var written: [(part: HTTPResponsePart, taken: EventLoopPromise<Void>?)] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            written.append((unwrapOutboundIn(data), promise))
        }

        /// Takes everything up to the next piece of the body, and that; false when there is none left.
        func takePiece() -> Bool {
            while !written.isEmpty {
                let (part, taken) = written.removeFirst()
                taken?.succeed()
                if case .body = part { return true }
            }
            return false
        }

        func handlerRemoved(context: ChannelHandlerContext) {
            for (_, taken) in written { taken?.fail(ChannelError.ioOnClosedChannel) }
        }
    }

    @Test("a long answer that is taken piece by piece is never cut, however long that takes; when no more of it is taken, it is")
    func slowReader() throws {
        let socket = Socket()
        let channel = EmbeddedChannel(handlers: [socket, APIServer.Configuration(port: 0).patience()])
        defer { do { _ = try channel.finish(acceptAlreadyClosed: true) } catch {} }
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        try channel.writeInbound(HTTPRequestPart.head(HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/")))
        try channel.writeInbound(HTTPRequestPart.end(nil))
        let answer: [HTTPResponsePart] = [
            .head(HTTPResponse(status: .ok)), .body(ByteBuffer(repeating: 0x78, count: 200 * 16 << 10)), .end(nil),
        ]
        for part in answer { channel.pipeline.syncOperations.write(NIOAny(part), promise: nil) }
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        // A quarter of an hour, each piece just before the 10 s are over.
        for _ in 0..<100 {
            channel.embeddedEventLoop.advanceTime(by: .milliseconds(9999))
            #expect(socket.takePiece())
            try #require(channel.isActive)
        }
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(9999))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }

    @Test("a long answer that nobody reads on is cut")
    func sleepingReader() async throws {
        try await withHasty(patienceMs: 1000) { sidecar in
            let payload = #"{"x":"\#(String(repeating: "x", count: 1_000_000))"}"#
            for number in 0..<8 { try await sidecar.accept(operation("e\(number)", #","payload":\#(payload)"#)) }
            let request = Array("GET /v1/operations?limit=8 HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
            // A small window keeps what is not read at the server.
            let connection = try await sidecar.connect(saying: request, window: 65_536)
            let read: Int = try await connection.executeThenClose { inbound, _ in
                var (bytes, hasSlept) = (0, false)
                do {
                    for try await part in inbound {
                        bytes += part.readableBytes
                        if bytes >= 8_000_000 { break }
                        guard !hasSlept, bytes > 64 << 10 else { continue }
                        hasSlept = true
                        try await Task.sleep(for: .seconds(3))
                    }
                } catch {}
                return bytes
            }
            #expect((64 << 10..<8_000_000).contains(read))
        }
    }

    @Test("an event stream on which nothing happens for long is not slow")
    func quietStream() async throws {
        try await withHasty { sidecar in
            let connection = try await sidecar.connect(saying: Array("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
            try await connection.executeThenClose { inbound, _ in
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
