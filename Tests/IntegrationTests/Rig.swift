import AsyncHTTPClient
import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import GuardianSQLite
import GuardianTesting
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// The reference upstream on a port of its own, for as long as `body` runs.
func withUpstream<Value: Sendable>(
    _ configuration: ReferenceUpstreamConfiguration = .init(port: 0),
    _ body: @escaping @Sendable (_ upstream: ReferenceUpstream, _ url: String) async throws -> Value
) async throws -> Value {
    var configuration = configuration
    configuration.port = 0
    let upstream = try ReferenceUpstream(configuration)
    let (ports, continuation) = AsyncStream<Int>.makeStream()
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
            try await upstream.run { port in continuation.yield(port) }
            return nil
        }
        defer { group.cancelAll() }
        guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
        return try await body(upstream, "http://127.0.0.1:\(port)")
    }
}

/// An engine over a real SQLite file and real sockets.
struct Device: Sendable {
    let engine: SyncEngine
    let store: SQLiteStore
    let transport: HTTPTransport
    let sink = RecordingSink()
    let path: String

    init(
        url: String, name: String = UUID().uuidString, path: String? = nil, routes: [Route] = [], tokens: any TokenProvider = NoToken(),
        _ change: (inout SyncEngine.Configuration) -> Void = { _ in }
    ) throws {
        self.path = path ?? NSTemporaryDirectory() + "/guardian-integration-" + UUID().uuidString
        store = try SQLiteStore.open(.init(path: self.path + "/guardian.sqlite"))
        transport = try HTTPTransport(configuration: .init(url: url, routes: routes, deviceID: name))
        var configuration = SyncEngine.Configuration()
        configuration.processor.retry = RetryPolicy(baseMs: 20, maxMs: 200, maxAttempts: 1000)
        configuration.processor.breaker.coolDownMs = 300
        configuration.processor.pollMs = 100
        // No attempt is given up because the machine is busy.
        configuration.processor.attemptTimeoutMs = 30_000
        change(&configuration)
        engine = SyncEngine(store: store, transport: transport, tokens: tokens, sinks: [sink], configuration: configuration)
    }

    /// Delivers while `body` runs, then drains.
    func deliver<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { [engine] in
                try await engine.run()
                return nil
            }
            let value = try await body()
            engine.drain()
            for try await _ in group {}
            return value
        }
    }

    /// Waits until nothing waits any more; false when that takes longer than `seconds`.
    func settles(within seconds: Int = 60) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let books = try await store.books()
            if books.pending == 0, books.processing == 0 { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    func expectSettled(within seconds: Int = 60) async throws {
        let isSettled = try await settles(within: seconds)
        let standing = isSettled ? "" : "\(try await engine.explainQueue())"
        #expect(isSettled, "something still waits after \(seconds) s: \(standing)")
    }

    func close() async {
        await transport.shutdown()
        do { try store.close() } catch {}
        do { try FileManager.default.removeItem(atPath: path) } catch {}
    }
}

/// What the upstream has at `path`.
func fetch(_ url: String, _ path: String) async throws -> JSONValue? {
    let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url + path), timeout: .seconds(10))
    let body = try await response.body.collect(upTo: 1 << 20)
    guard response.status == .ok else { return nil }
    return try JSONValue(parsing: String(buffer: body))["data"]
}

/// A write of somebody else, straight to the upstream.
@discardableResult
func put(_ url: String, _ path: String, _ payload: JSONValue) async throws -> (status: Int, etag: String?) {
    var request = HTTPClientRequest(url: url + path)
    request.method = .PUT
    request.headers = ["content-type": "application/json", "idempotency-key": UUID().uuidString.lowercased()]
    request.body = .bytes(ByteBuffer(string: payload.text))
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
    _ = try await response.body.collect(upTo: 1 << 20)
    return (Int(response.status.code), response.headers.first(name: "etag"))
}
