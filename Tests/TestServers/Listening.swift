import Hummingbird
import Logging
import ServiceLifecycle

/// Runs a server on loopback until its task is cancelled.
enum Listening {
    static func run(_ router: Router<BasicRequestContext>, port: Int, onReady: @escaping @Sendable (Int) -> Void) async throws {
        var logger = Logger(label: "guardian.tests")
        logger.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { onReady($0.localAddress?.port ?? port) }, logger: logger)
        // A server that is cancelled while it accepts a connection traps, so cancelling begins a graceful end.
        var services = ServiceGroupConfiguration(
            services: [.init(service: application)], gracefulShutdownSignals: [], logger: logger)
        services.maximumGracefulShutdownDuration = .seconds(1)
        let group = ServiceGroup(configuration: services)
        let running = Task { try await group.run() }
        try await withTaskCancellationHandler {
            try await running.value
        } onCancel: {
            Task { await group.triggerGracefulShutdown() }
        }
    }
}

extension SentryListener {
    /// Listens for as long as `body` runs.
    public func listening<Value: Sendable>(
        port: Int = 0, _ body: @escaping @Sendable (_ port: Int) async throws -> Value
    ) async throws -> Value {
        try await TestServer.during({ try await self.run(port: port, onReady: $0) }, body)
    }
}

extension TraceCollector {
    /// Listens for as long as `body` runs.
    public func listening<Value: Sendable>(
        port: Int = 0, _ body: @escaping @Sendable (_ port: Int) async throws -> Value
    ) async throws -> Value {
        try await TestServer.during({ try await self.run(port: port, onReady: $0) }, body)
    }
}

/// A server beside what talks to it.
public enum TestServer {
    static func during<Value: Sendable>(
        _ run: @escaping @Sendable (@escaping @Sendable (Int) -> Void) async throws -> Void,
        _ body: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> Value {
        let (ports, continuation) = AsyncStream<Int>.makeStream()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                try await run { continuation.yield($0) }
                return nil
            }
            defer { group.cancelAll() }
            guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
            return try await body(port)
        }
    }

    /// Waits until `condition` holds; false when that takes longer than `seconds`.
    public static func eventually(within seconds: Int = 30, _ condition: () async throws -> Bool) async rethrows -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if try await condition() { return true }
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return false }
        }
        return try await condition()
    }

    /// Runs `background` while `body` goes on, then cancels it and waits for its end.
    public static func beside<Value: Sendable>(
        _ background: @escaping @Sendable () async -> Void, _ body: () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await background() }
            defer { group.cancelAll() }
            return try await body()
        }
    }
}
