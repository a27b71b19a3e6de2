import GuardianServer
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite struct ShutdownTests {
    /// In a process of its own, for what goes wrong here is a trap.
    @Test("a server that is stopped while clients connect ends in peace")
    func stopsUnderFire() async {
        await #expect(processExitsWith: .success) {
            for _ in 0..<30 { try await Barrage().run() }
        }
    }
}

/// Clients that connect and hang up without a pause, until the server is gone.
private final class Barrage: Sendable {
    static let clients = 4

    private let connected = Mutex(0)

    /// Stops a server in the middle of a hundred connections.
    func run() async throws {
        let server = APIServer(configuration: .init(port: 0))
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let (signals, enough) = AsyncStream.makeStream(of: Void.self)
        let running = Task { try await server.run { ready.yield($0) } }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        await withDiscardingTaskGroup { group in
            for _ in 0..<Self.clients { group.addTask { await self.connect(to: port) { enough.yield() } } }
            for await _ in signals { break }
            running.cancel()
            _ = await running.result
        }
    }

    private func connect(to port: Int, atHundred: () -> Void) async {
        while true {
            do {
                let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connect(host: "127.0.0.1", port: port).get()
                let count = connected.withLock { count in
                    count += 1
                    return count
                }
                if count == 100 { atHundred() }
                try await channel.close()
            } catch let error as ChannelError where error == .alreadyClosed {
                continue
            } catch {
                return
            }
        }
    }
}
