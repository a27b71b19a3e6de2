import AsyncHTTPClient
public import GuardianCore
import NIOCore
import NIOHTTP1

/// Asks and tells the mock upstream through its pages for tests (`guardian backend --help`).
public struct UpstreamControl: Sendable {
    public struct Summary: Sendable, Equatable {
        public var effects: Int
        public var duplicateKeys: Int
        public var requests: Int
        public var injectedFailures: Int
    }

    public struct Effect: Sendable, Equatable {
        public var key: String
        public var entity: String
        /// The number that the workload gave it within its entity; 0 when it has none.
        public var seq: Int

        public init(key: String, entity: String, seq: Int) {
            self.key = key
            self.entity = entity
            self.seq = seq
        }
    }

    public struct Broken: Error, CustomStringConvertible {
        public var description: String
    }

    static let page = 5000

    public let url: String

    public init(url: String) { self.url = url }

    /// What it does with requests from now on, as `PUT /_mode` takes it.
    public func setMode(_ json: JSONValue) async throws { _ = try await send(.PUT, "/_mode", body: json.text) }

    public func summary() async throws -> Summary {
        let json = try await send(.GET, "/_effects/summary")
        func number(_ name: String) -> Int { Int(json[name]?.integer ?? 0) }
        return Summary(
            effects: number("count"), duplicateKeys: number("duplicate_keys"), requests: number("requests"),
            injectedFailures: number("injected_failures"))
    }

    /// Calls `take` with every effect after number `after`, in the order in which they were applied; returns the last number.
    public func effects(after: Int = 0, _ take: (Effect) -> Void) async throws -> Int {
        var last = after
        while true {
            let page = try await send(.GET, "/_effects?after=\(last)&limit=\(Self.page)")["effects"]?.elements ?? []
            for effect in page {
                take(
                    Effect(
                        key: effect["idempotency_key"]?.string ?? "", entity: effect["entity"]?.string ?? "",
                        seq: Int(effect["payload_seq"]?.integer ?? 0)))
            }
            last += page.count
            if page.count < Self.page { return last }
        }
    }

    private func send(_ method: HTTPMethod, _ path: String, body: String? = nil) async throws -> JSONValue {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        if let body {
            request.headers = ["content-type": "application/json"]
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        guard response.status == .ok else {
            throw Broken(description: "\(method) \(path): \(response.status.code) \(String(buffer: bytes))")
        }
        return try JSONValue(parsing: String(buffer: bytes))
    }
}
