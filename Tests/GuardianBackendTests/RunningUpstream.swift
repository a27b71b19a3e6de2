import AsyncHTTPClient
import Foundation
import GuardianBackend
import NIOCore
import NIOHTTP1
import Testing

/// A running reference upstream on a port of its own, and a client to it.
struct RunningUpstream: Sendable {
    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: String
        var json: JSON
    }

    let upstream: ReferenceUpstream
    let client: HTTPClient
    let url: String

    /// Runs one for as long as `body` takes.
    static func run(
        _ configuration: ReferenceUpstreamConfiguration = .init(port: 0), _ body: (RunningUpstream) async throws -> Void
    ) async throws {
        let upstream = try ReferenceUpstream(configuration)
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { ready.finish() }
                try await upstream.run { ready.yield($0) }
            }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { return try await group.waitForAll() }
            var settings = HTTPClient.Configuration()
            settings.redirectConfiguration = .disallow
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
            do {
                try await body(RunningUpstream(upstream: upstream, client: client, url: "http://127.0.0.1:\(port)"))
            } catch {
                try await client.shutdown()
                throw error
            }
            try await client.shutdown()
            group.cancelAll()
        }
    }

    /// Throws when no whole answer comes.
    func send(_ method: HTTPMethod, _ path: String, body: String? = nil, fields: [(String, String)] = []) async throws -> Answer {
        try await send(method, path, bytes: body.map { ByteBuffer(string: $0) }, fields: fields)
    }

    /// As above, with a body that is no text.
    func send(_ method: HTTPMethod, _ path: String, bytes: ByteBuffer?, fields: [(String, String)]) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        for (name, value) in fields { request.headers.add(name: name, value: value) }
        if let bytes { request.body = .bytes(bytes) }
        let response = try await client.execute(request, timeout: .seconds(30))
        let text = String(buffer: try await response.body.collect(upTo: 64 << 20))
        return Answer(status: Int(response.status.code), headers: response.headers, body: text, json: JSON(text))
    }

    /// An update of a room under a key, in the envelope.
    func put(_ id: String, key: String, trace: String = "t-1", payload: String = "{}") async throws -> Answer {
        try await send(
            .PUT, "/api/v1/rooms/\(id)", body: #"{"meta":{"trace_id":"\#(trace)"},"payload":\#(payload)}"#,
            fields: [("Idempotency-Key", key), ("Trace-Id", trace)])
    }

    /// Sets a mode that has to be taken.
    func setMode(_ json: String, at place: SourceLocation = #_sourceLocation) async throws {
        let answer = try await send(.PUT, "/_mode", body: json)
        #expect(answer.status == 200, "\(answer.body)", sourceLocation: place)
    }

    func summary(_ name: String) async throws -> Int? { try await send(.GET, "/_effects/summary").json[name]?.whole }

    /// Expects that no whole answer comes.
    func expectNoAnswer(_ what: String = "", at place: SourceLocation = #_sourceLocation, _ send: () async throws -> Answer) async {
        do {
            let answer = try await send()
            Issue.record("\(what) was answered \(answer.status) \(answer.body)", sourceLocation: place)
        } catch {}
    }
}

/// A piece of JSON, read by Foundation: the upstream's tests know no model of the engine's either.
struct JSON: @unchecked Sendable {
    // What JSONSerialization makes is never changed.
    private let value: Any

    init(_ text: String) {
        do { value = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) } catch { value = NSNull() }
    }

    private init(value: Any) { self.value = value }

    subscript(name: String) -> JSON? { (value as? [String: Any])?[name].map { JSON(value: $0) } }
    var text: String? { value as? String }
    var whole: Int? { value as? Int }
    var isNull: Bool { value is NSNull }
    var elements: [JSON] { (value as? [Any] ?? []).map { JSON(value: $0) } }
    var names: Set<String> { Set((value as? [String: Any] ?? [:]).keys) }
}
