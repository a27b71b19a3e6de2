import AsyncHTTPClient
import Foundation
import GuardianCore
import GuardianHTTP
import NIOCore
import NIOHTTP1

/// Delivery from end to end against what the HTTP client manages alone, and many operations in one request against one in each.
struct DeliveryBenches {
    let options: BenchOptions

    /// Requests in flight, on both sides.
    static let concurrency = 32
    /// Operations in one request, and in flight, where several share one.
    static let together = 50
    static let togetherInFlight = 1000

    func run(_ table: inout Table) async throws {
        guard options.runs("delivery") || options.runs("gathered") else { return }
        let server = try await InstantServer.start()
        if options.runs("delivery") { try await alone(&table, server.url) }
        if options.runs("gathered") { try await gathered(&table, server.url) }
        try await server.stop()
    }

    private func alone(_ table: inout Table, _ url: String) async throws {
        let count = 5000 * options.scale
        try await table.measure("delivered end to end, \(Self.concurrency) in flight, 1/s", .init(required: 0.6, aim: 0.8)) {
            try await Self.deliver(count, to: url)
        } baseline: {
            try await Self.post(count, to: url)
        }
    }

    private func gathered(_ table: inout Table, _ url: String) async throws {
        let count = 5000 * options.scale
        let endpoint = BatchEndpoint(path: InstantServer.batchPath, size: Self.together)
        let route = Route(operation: "update", entity: "heart_rate", method: "PUT", path: "/api/v1/heart_rates/{id}", batch: endpoint)
        try await table.measure("delivered \(Self.together) in a request, one in each, both ours, 1/s", .init(required: 5)) {
            try await Self.deliver(count * 8, to: url, workers: Self.togetherInFlight, routes: [route])
        } baseline: {
            try await Self.deliver(count, to: url)
        }
    }

    private static func deliver(
        _ count: Int, to url: String, workers: Int = DeliveryBenches.concurrency, routes: [Route] = []
    ) async throws -> Double {
        let transport = try HTTPTransport(
            configuration: .init(url: url, routes: routes, deviceID: "bench", poolSize: concurrency))
        // As many results in one transaction as are in flight.
        let rate = try await EngineRun.rate(count, transport, .init(workers: workers, settleBatch: max(256, workers)))
        await transport.shutdown()
        return rate
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
}
