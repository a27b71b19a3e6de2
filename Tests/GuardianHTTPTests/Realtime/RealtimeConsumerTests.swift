import GuardianBackend
import GuardianCore
import GuardianHTTP
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite("Realtime and its consumer", .timeLimit(.minutes(1)))
struct RealtimeConsumerTests {
    struct Refusal: Error {}

    @Test("what a consumer did not take is told again, and its error ends the run")
    func refuses() async throws {
        try await withChanges { upstream, url in
            try await Writer.run(to: url) { writer in
                for n in 0..<6 { try await writer.put("r\(n)") }
                let taken = Mutex(0)
                let first = Taker { _ in
                    let n = taken.withLock { taken in
                        taken += 1
                        return taken
                    }
                    if n == 3 { throw Refusal() }
                }
                await #expect(throws: Refusal.self) {
                    try await withFeed(from: url, into: first, configure: { $0.pageLimit = 2 }) { await $0.wait { _ in false } }
                }
                #expect(first.kept.keys == Array(upstream.keys[..<4]) || first.kept.keys == Array(upstream.keys[..<2]))
                try await withFeed(from: url, at: first.kept.cursor) { second in
                    await second.wait { first.kept.changes.count + $0.changes.count >= 6 }
                    #expect(first.kept.keys + second.kept.keys == upstream.keys)
                }
            }
        }
    }

    @Test("a cancelled run ends while the consumer is at work, and while it waits for changes", arguments: [false, true])
    func cancel(isAtWork: Bool) async throws {
        try await withChanges { _, url in
            if isAtWork { try await Writer.run(to: url) { try await $0.put("r1") } }
            let atWork = Mutex(false)
            let taker = Taker { _ in
                atWork.withLock { $0 = true }
                try await Task.sleep(for: .seconds(3600))
            }
            try await withFeed(from: url, into: taker) { taker in
                await taker.wait { $0.states.last == .streaming }
                while isAtWork, !atWork.withLock({ $0 }) { await Task.yield() }
            }
            #expect(taker.kept.isOver && taker.kept.changes.isEmpty)
        }
    }

    @Test("a slow consumer holds the server back: what is on its way stays small, however much there is")
    func slowConsumer() async throws {
        let flood = Flood(events: 1024, bytes: 65_536)
        try await flood.run { url in
            let taken = Mutex((bytes: 0, most: 0, changes: 0))
            let taker = Taker { batch in
                try await Task.sleep(for: .milliseconds(1))
                let sent = flood.sent
                taken.withLock { taken in
                    taken.bytes += batch.changes.count * 65_536
                    taken.changes = max(taken.changes, batch.changes.count)
                    taken.most = max(taken.most, sent - taken.bytes)
                }
            }
            try await withFeed(from: url, into: taker, configure: quickly) { taker in
                await taker.wait { $0.changes.count >= 1024 }
                #expect(Set(taker.kept.changes.map(\.cursor)).count == 1024)
            }
            // Both sockets' buffers are in it, which grow to some megabytes.
            let (_, most, changes) = taken.withLock { $0 }
            #expect(most < 24 << 20, "\(most >> 20) of 64 MiB were on their way")
            #expect(changes <= 100)
        }
    }

    @Test("pages that are too large are asked for again with fewer changes")
    func largePages() async throws {
        try await withChanges { upstream, url in
            upstream.tellChanges { $0.stream = .refused(status: 404) }
            try await Writer.run(to: url) { writer in
                let payload = #"{"x":"\#(String(repeating: "x", count: 10_000))"}"#
                for n in 0..<12 { try await writer.put("r\(n)", payload) }
            }
            try await withFeed(from: url, configure: { ($0.pageBytes, $0.pageLimit) = (35_000, 16) }) { taker in
                await taker.wait { $0.changes.count >= 12 }
                #expect(taker.kept.keys == upstream.keys)
            }
            #expect(upstream.asked(stream: false).prefix(4).map { $0.path.firstMatch(of: /limit=(\d+)/)?.1 } == ["16", "8", "4", "2"])
        }
    }
}

/// A server whose one stream is as many events as told, sent as fast as they are taken.
final class Flood: Sendable {
    private let counted = Mutex(0)
    private let events: Int
    private let bytes: Int

    init(events: Int, bytes: Int) { (self.events, self.bytes) = (events, bytes) }

    /// Bytes that the socket has taken.
    var sent: Int { counted.withLock { $0 } }

    func run(_ body: (String) async throws -> Void) async throws {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Source(flood: self)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do { try await body("http://127.0.0.1:\(listener.localAddress?.port ?? 0)") } catch {
            try await listener.close()
            throw error
        }
        try await listener.close()
    }

    private final class Source: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let flood: Flood
        private var next = 0

        init(flood: Flood) { self.flood = flood }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard next == 0 else { return }
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: head)), promise: nil)
            send(context)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func send(_ context: ChannelHandlerContext) {
            guard next < flood.events else { return }
            next += 1
            let body = String(repeating: "x", count: flood.bytes)
            let event = "id: \(next)\nevent: change\ndata: {\"entity\":\"/r/1\",\"operation\":\"put\",\"body\":{\"x\":\"\(body)\"}}\n\n"
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: event))).whenSuccess {
                let (source, context) = bound.value
                source.flood.counted.withLock { $0 += source.flood.bytes }
                source.send(context)
            }
        }
    }
}
