import AsyncHTTPClient
public import GuardianCore
import NIOCore
import NIOHTTP1

/// Asks and tells the mock upstream through its pages for tests (`guardian backend --help`).
public struct UpstreamControl: Sendable {
    /// The upstream's own counts.
    public struct Summary: Sendable, Equatable {
        /// Changes that were applied.
        public var effects: Int
        /// Those of them whose key had come before.
        public var duplicateKeys: Int
        /// Writes that came, however they were answered; each operation of a batch is one.
        public var requests: Int
        /// Those that the failure rate has failed; what a mode refuses is not in it.
        public var injectedFailures: Int
    }

    /// One change that was applied.
    public struct Effect: Sendable, Equatable {
        /// The idempotency key that it came with.
        public var key: String
        /// The path of the entity, such as `/api/v1/rooms/room-1`.
        public var entity: String
        /// The number that the workload gave it within its entity; 0 when it has none.
        public var seq: Int

        /// For tests: ``UpstreamControl/effects(after:_:)`` makes its own.
        public init(key: String, entity: String, seq: Int) {
            self.key = key
            self.entity = entity
            self.seq = seq
        }
    }

    /// An answer of another status than 200.
    public struct Broken: Error, CustomStringConvertible {
        public var description: String
    }

    static let page = 5000

    /// Without a slash at the end: paths are put behind it.
    public let url: String

    /// Connects to nobody yet.
    public init(url: String) { self.url = url }

    /// What it does with requests from now on, as `PUT /_mode` takes it.
    public func setMode(_ json: JSONValue) async throws { _ = try await send(.PUT, "/_mode", body: json.text) }

    /// Throws ``Broken``, or what the network threw.
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
