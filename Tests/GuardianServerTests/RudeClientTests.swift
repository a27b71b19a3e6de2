import GuardianCore
import GuardianServer
import NIOCore
import NIOPosix
import Testing

@Suite struct RudeClientTests {
    private static let head = "POST /v1/operations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    /// Expects that the sidecar works as if nothing had been.
    private func expectWorks(_ sidecar: Sidecar) async throws {
        #expect(try await sidecar.get("/healthz").json == ["alive": true])
        #expect(try await sidecar.store.books().accepted == 0)
        try await sidecar.accept(operation("a"))
    }

    @Test(
        "a client that goes away in the middle of its request leaves nothing behind",
        arguments: [
            "", "P", "POST /v1/oper", "POST /v1/operations HTTP/1.1\r\nHost: local", head, head + "Content-Length: 100\r\n\r\n",
            head + "Content-Length: 1000\r\n\r\n" + operation("half"), head + "Transfer-Encoding: chunked\r\n\r\n",
            head + "Transfer-Encoding: chunked\r\n\r\nff\r\n" + operation("half"),
            head.replacing("json", with: "x-ndjson") + "Content-Length: 1000\r\n\r\n" + #"{"operation_type":"upd"#,
        ])
    func goesAway(text: String) async throws {
        try await Sidecar.run { sidecar in
            for _ in 0..<10 { try await sidecar.raw(Array(text.utf8), hangsUp: true) }
            try await expectWorks(sidecar)
        }
    }

    /// What is no HTTP, or contradicts itself.
    static let garbage: [[UInt8]] =
        [
            "hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
            "SSH-2.0-OpenSSH_9.6\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", head + "Content-Length: ten\r\n\r\n",
            head + "Content-Length: -1\r\n\r\n", head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            head + "Content-Length: 99999999999999999999999\r\n\r\n", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello",
            head + "X: " + String(repeating: "x", count: 200_000) + "\r\n\r\n",
            head + String(repeating: "X: x\r\n", count: 20_000) + "\r\n",
        ].map { Array($0.utf8) } + [
            // A TLS ClientHello, and noise.
            [0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x03], (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7 | 0x80) },
        ]

    @Test("what is not HTTP is answered with 400, or with the end of the connection", arguments: garbage)
    func talksNonsense(bytes: [UInt8]) async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.raw(bytes)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 ") || answer.hasPrefix("HTTP/1.1 431 "), "\(answer.prefix(200))")
            try await expectWorks(sidecar)
        }
    }

    @Test("a client that stops in the middle keeps nobody waiting, and may go on")
    func slow() async throws {
        try await Sidecar.run { sidecar in
            let body = operation("slow", id: "slow")
            let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: sidecar.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await connection.executeThenClose { inbound, outbound in
                let head = Self.head + "Connection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                try await outbound.write(ByteBuffer(string: head + body.prefix(10)))
                for number in 0..<50 { try await sidecar.accept(operation("e\(number)")) }
                try await outbound.write(ByteBuffer(string: String(body.dropFirst(10))))
                var answer = ""
                for try await part in inbound { answer += String(buffer: part) }
                #expect(answer.hasPrefix("HTTP/1.1 202 "))
            }
            #expect(try await sidecar.stored.last?.id.description == "slow")
        }
    }

    @Test("requests that come in one go on one connection are answered in order")
    func pipelined() async throws {
        try await Sidecar.run { sidecar in
            let requests = (0..<20).map { number in
                let body = operation("a", id: "op-\(number)")
                let last = number == 19 ? "Connection: close\r\n" : ""
                return Self.head + last + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
            }
            let answers = try await sidecar.raw(Array(requests.joined().utf8))
            #expect(answers.ranges(of: "HTTP/1.1 202").count == 20)
            #expect(try await sidecar.stored.map(\.id.description) == (0..<20).map { "op-\($0)" })
        }
    }
}
