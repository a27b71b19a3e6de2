import GuardianBackend
import GuardianCore
import GuardianHTTP
import NIOCore
import Synchronization
import Testing

/// Remembers what it is told.
private final class Listener: WireObserver {
    private struct Heard {
        var sent: [WireMessage] = []
        var statuses: [Int] = []
        var refusals: [Int] = []
    }

    private let heard = Mutex(Heard())

    var isListening: Bool { true }
    var messages: [WireMessage] { heard.withLock { $0.sent } }
    var statuses: [Int] { heard.withLock { $0.statuses } }
    /// The statuses that showed that nothing compressed is taken.
    var refusals: [Int] { heard.withLock { $0.refusals } }

    func sent(_ message: WireMessage, of operation: GuardianCore.Operation) { heard.withLock { $0.sent.append(message) } }

    func answered(_ message: WireMessage, status: Int, afterMs: Int64, to operation: GuardianCore.Operation) {
        heard.withLock { $0.statuses.append(status) }
    }

    func compressionRefused(by upstream: String, status: Int) { heard.withLock { $0.refusals.append(status) } }
}

@Suite("Compressed requests") struct CompressionTests {
    /// A payload that gets much smaller.
    private static let long = #"{"note":"\#(String(repeating: "guardian ", count: 500))"}"#

    private static func compressing(_ listener: Listener? = nil) -> (inout HTTPTransportConfiguration) -> Void {
        return { configuration in
            configuration.compression = .gzip
            configuration.observer = listener
        }
    }

    /// Refuses what is compressed. `field` is a header line of the refusal.
    private static func refusal(_ status: Int, _ field: String) -> @Sendable (WireRequest) -> WireServer.Reply {
        { $0["content-encoding"] == nil ? .accepted : .answer(status, "no", fields: field) }
    }

    private func send(_ claims: [Claim], by transport: HTTPTransport) async -> [String] {
        await withTaskGroup(of: String.self) { group in
            for claim in claims { group.addTask { await transport.send(claim, token: nil, timeoutMs: 20_000).word } }
            return await group.reduce(into: [String]()) { $0.append($1) }
        }
    }

    // MARK: What goes out

    @Test("a long body goes compressed, is the same when it is inflated, and all else is as without it")
    func compressed() async throws {
        let claim = try claimed(payload: Self.long)
        try await WireServer.run { server in
            for compression in [HTTPTransportConfiguration.Compression.none, .gzip] {
                let outcome = try await deliver(claim, to: server.url, token: "secret") { $0.compression = compression }
                #expect(outcome.word == "accepted")
            }
            let (plain, coded) = (try #require(server.requests.first), try #require(server.requests.last))
            #expect(plain["content-encoding"] == nil)
            #expect(coded["content-encoding"] == "gzip")
            #expect(coded.bytes.readableBytes * 4 < plain.bytes.readableBytes)
            let inflated = try gunzipped(coded.bytes)
            #expect(inflated == plain.body)
            let others = [plain, coded].map { $0.fields.filter { !["content-encoding", "content-length"].contains($0.name) } }
            #expect(others.first == others.last)
        }
    }

    @Test("nothing is compressed unless that is asked for, nor what is shorter than 1024 bytes or than the size that is set")
    func leastSize() async throws {
        let untouched = HTTPTransportConfiguration(url: "http://localhost", deviceID: "d")
        #expect(untouched.compression == .none)
        func payload(_ bytes: Int) -> String { #"{"x":"\#(String(repeating: "x", count: bytes - 8))"}"# }
        let cases: [(bytes: Int, least: Int?, isCompressed: Bool)] = [
            (1023, nil, false), (1024, nil, true), (1024, 1025, false), (200, 200, true), (200, 0, true),
        ]
        for given in cases {
            try await WireServer.run { server in
                let outcome = try await deliver(claimed(payload: payload(given.bytes)), to: server.url) { configuration in
                    configuration.envelope = .none
                    configuration.compression = .gzip
                    if let least = given.least { configuration.compressionMinBytes = least }
                }
                #expect(outcome.word == "accepted")
                let sent = try #require(server.requests.first)
                #expect((sent["content-encoding"] == "gzip") == given.isCompressed, "\(given)")
            }
        }
    }

    @Test("a body that would not get smaller goes as it is")
    func incompressible() async throws {
        try await WireServer.run { server in
            let outcome = try await deliver(claimed(payload: #"{"n":1}"#), to: server.url) { configuration in
                configuration.envelope = .none
                configuration.compression = .gzip
                configuration.compressionMinBytes = 0
            }
            #expect(outcome.word == "accepted")
            let sent = try #require(server.requests.first)
            #expect(sent["content-encoding"] == nil)
            #expect(sent.body == #"{"n":1}"#)
        }
    }

    @Test("a size below 0 is refused, and its key is named")
    func badSize() throws {
        var configuration = HTTPTransportConfiguration(url: "http://localhost", deviceID: "d")
        configuration.compressionMinBytes = -1
        let bad = configuration
        let checked = #expect(throws: HTTPConfigurationError.self) { try HTTPTransport.check(bad) }
        let made = #expect(throws: HTTPConfigurationError.self) { _ = try HTTPTransport(configuration: bad) }
        #expect(checked?.key == "upstream.compression_min_size")
        #expect(made == checked)
    }

    @Test("every attempt is the same, byte for byte, also through another transport")
    func same() async throws {
        let claim = try claimed(payload: Self.long)
        try await WireServer.run(reply: { _ in .answer(503) }) { server in
            for _ in 0..<3 {
                let outcome = try await deliver(claim, to: server.url, configure: Self.compressing())
                #expect(outcome.word == "transient")
            }
            #expect(server.requests.count == 3)
            #expect(server.requests.allSatisfy { $0 == server.requests[0] && $0["content-encoding"] == "gzip" })
        }
    }

    @Test("a redirect is followed with the compressed body and the header that says so")
    func redirected() async throws {
        let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
            request.target == "/v2" ? .accepted : .answer(308, "", fields: "Location: /v2")
        }
        try await WireServer.run(reply: reply) { server in
            let outcome = try await deliver(claimed(payload: Self.long), to: server.url, configure: Self.compressing())
            #expect(outcome.word == "accepted")
            let (first, second) = (try #require(server.requests.first), try #require(server.requests.last))
            #expect(server.requests.count == 2)
            #expect(second["content-encoding"] == "gzip")
            #expect(second.bytes == first.bytes && second.fields == first.fields)
        }
    }

    @Test("the reference upstream reads what was sent, and knows its key whether the body came compressed or not")
    func reference() async throws {
        try await withUpstream { upstream, transport, plain in
            let claim = try claimed(payload: Self.long)
            for transport in [transport, plain, transport] {
                let outcome = await transport.send(claim, token: nil, timeoutMs: 20_000)
                #expect(outcome.word == "accepted")
            }
            #expect(upstream.effects.count == 1)
            #expect(upstream.requests().map { $0.headers["content-encoding"] } == ["gzip", nil, "gzip"])
            #expect(Set(upstream.requests().map(\.body)).count == 1)
            let body = try JSONValue(parsing: try #require(upstream.requests().first).body)
            let payload = try JSONValue(parsing: Self.long)
            #expect(body["payload"] == payload)
        }
    }

    @Test("a batch goes compressed too")
    func batch() async throws {
        try await withUpstream { upstream, transport, _ in
            let claims = try (1...6).map { try claimed(id: "r\($0)", payload: Self.long) }
            let words = await self.send(claims, by: transport)
            #expect(words.allSatisfy { $0 == "accepted" })
            #expect(upstream.effects.count == 6)
            let batches = upstream.requests().filter { $0.path == "/api/v1/batch" }
            #expect(!batches.isEmpty && batches.allSatisfy { $0.headers["content-encoding"] == "gzip" })
        }
    }

    // MARK: Upstreams that do not take it

    @Test(
        "what an upstream refuses for being compressed goes out at once as it is, under the same key, and so does all that follows",
        arguments: [
            (415, "Accept-Encoding: identity"), (415, "Accept-Encoding: gzip;q=0, *"), (415, "Accept-Encoding:"), (415, "Vary: Accept"),
            (400, "Vary: Accept"), (422, "Vary: Accept"), (501, "Vary: Accept"),
        ])
    func refused(status: Int, field: String) async throws {
        let listener = Listener()
        try await WireServer.run(reply: Self.refusal(status, field)) { server in
            try await withTransport(to: server.url, configure: Self.compressing(listener)) { transport in
                for id in ["r1", "r2", "r3"] {
                    let outcome = await transport.send(try claimed(id: id, payload: Self.long), token: "secret", timeoutMs: 20_000)
                    #expect(outcome.word == "accepted")
                }
            }
            let requests = server.requests
            try #require(requests.count == 4)
            #expect(requests.map { $0["content-encoding"] } == ["gzip", nil, nil, nil])
            #expect(requests.map { $0.target.suffix(2) } == ["r1", "r1", "r2", "r3"])
            #expect(requests[0]["idempotency-key"] == requests[1]["idempotency-key"])
            #expect(requests[1]["authorization"] == "Bearer secret")
            let inflated = try gunzipped(requests[0].bytes)
            #expect(inflated == requests[1].body)
        }
        #expect(listener.refusals == [status])
    }

    @Test(
        "an upstream that refuses a body either way dislikes the body; compression goes on unless it says that it takes none",
        arguments: [
            (415, "Vary: Accept", true), (415, "Accept-Encoding: br, gzip", true), (400, "Vary: Accept", true),
            (415, "Accept-Encoding: identity", false),
        ])
    func refusedEitherWay(status: Int, field: String, goesOn: Bool) async throws {
        let listener = Listener()
        try await WireServer.run(reply: { _ in .answer(status, "no", fields: field) }) { server in
            try await withTransport(to: server.url, configure: Self.compressing(listener)) { transport in
                for id in ["r1", "r2"] {
                    let outcome = await transport.send(try claimed(id: id, payload: Self.long), token: nil, timeoutMs: 20_000)
                    #expect(outcome.word == "permanent")
                    #expect(outcome.answer?.status == status)
                }
            }
            #expect(server.requests.map { $0["content-encoding"] } == (goesOn ? ["gzip", nil, "gzip", nil] : ["gzip", nil, nil]))
        }
        #expect(listener.refusals == (goesOn ? [] : [status]))
    }

    @Test("where something compressed was taken a refused write costs one request, but for a 415; of other paths nothing is known")
    func taken() async throws {
        // Rooms read gzip; what stands before users does not.
        let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
            let isCompressed = request["content-encoding"] == "gzip"
            if request.target.contains("users") { return isCompressed ? .answer(400) : .accepted }
            if request.target.hasSuffix("bad") { return .answer(422) }
            if request.target.hasSuffix("worse") { return .answer(400) }
            return request.target.hasSuffix("odd") ? .answer(415) : .accepted
        }
        try await WireServer.run(reply: reply) { server in
            try await withTransport(to: server.url, configure: Self.compressing()) { transport in
                var words: [String] = []
                for (entity, id) in [("room", "good"), ("room", "bad"), ("room", "worse"), ("room", "odd"), ("user", "u")] {
                    let claim = try claimed("update", entity, id: id, payload: Self.long)
                    words.append(await transport.send(claim, token: nil, timeoutMs: 20_000).word)
                }
                #expect(words == ["accepted", "permanent", "permanent", "permanent", "accepted"])
            }
            let sent = server.requests.map { $0.target.split(separator: "/").last.map { String($0) } ?? "" }
            #expect(sent == ["good", "bad", "worse", "odd", "odd", "u", "u"])
        }
    }

    @Test("an answer that has nothing to do with compression stands", arguments: [403, 404, 409, 413, 429, 500, 503])
    func otherAnswers(status: Int) async throws {
        let listener = Listener()
        try await WireServer.run(reply: { _ in .answer(status) }) { server in
            let outcome = try await deliver(claimed(payload: Self.long), to: server.url, configure: Self.compressing(listener))
            #expect(outcome.answer?.status == status)
            #expect(server.requests.count == 1)
        }
        #expect(listener.refusals.isEmpty)
    }

    @Test("however many are refused at once, it is told once, and all are delivered")
    func toldOnce() async throws {
        let listener = Listener()
        try await WireServer.run(reply: Self.refusal(415, "Accept-Encoding: identity")) { server in
            try await withTransport(to: server.url, configure: Self.compressing(listener)) { transport in
                let claims = try (1...12).map { try claimed(id: "r\($0)", payload: Self.long) }
                let words = await send(claims, by: transport)
                #expect(words == Array(repeating: "accepted", count: 12))
            }
            #expect(server.requests.count { $0["content-encoding"] == nil } == 12)
        }
        #expect(listener.refusals == [415])
    }

    @Test("a refusal behind a redirect is one, and what is sent as it is goes the whole way again")
    func refusedAfterRedirect() async throws {
        let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
            guard request.target == "/v2" else { return .answer(307, "", fields: "Location: /v2") }
            return request["content-encoding"] == nil ? .accepted : .answer(415)
        }
        try await WireServer.run(reply: reply) { server in
            let outcome = try await deliver(claimed(payload: Self.long), to: server.url, configure: Self.compressing())
            #expect(outcome.word == "accepted")
            #expect(server.requests.map { $0["content-encoding"] } == ["gzip", "gzip", nil, nil])
        }
    }

    @Test("a batch that is refused for being compressed goes again as a batch, and later ones go as they are")
    func refusedBatch() async throws {
        try await withUpstream { upstream, transport, _ in
            upstream.setMode(.status(415, remaining: 1, retryAfter: nil, body: nil, contentType: nil))
            for round in [1, 2] {
                let claims = try (1...6).map { try claimed(id: "r\(round)-\($0)", payload: Self.long) }
                let words = await self.send(claims, by: transport)
                #expect(words.allSatisfy { $0 == "accepted" })
            }
            #expect(upstream.effects.count == 12)
            let batches = upstream.requests().filter { $0.path == "/api/v1/batch" }
            #expect(batches.first?.headers["content-encoding"] == "gzip")
            #expect(batches.count > 2 && batches.dropFirst().allSatisfy { $0.headers["content-encoding"] == nil })
        }
    }

    // MARK: What is shown

    @Test("an observer hears of each request with its readable body, and of each answer")
    func observed() async throws {
        let listener = Listener()
        let claim = try claimed(payload: Self.long)
        try await WireServer.run(reply: Self.refusal(415, "Accept-Encoding: identity")) { server in
            let outcome = try await deliver(claim, to: server.url, configure: Self.compressing(listener))
            #expect(outcome.word == "accepted")
            let plain = try #require(server.requests.last).body
            #expect(listener.messages.map(\.body) == [plain, plain])
            #expect(listener.messages.map { $0.headers.contains { $0.name == "content-encoding" } } == [true, false])
            #expect(listener.statuses == [415, 200])
        }
    }

    @Test("a preview has the headers that go over the wire, and the body to be read")
    func preview() async throws {
        let claim = try claimed(payload: Self.long)
        try await WireServer.run { server in
            let preview = try await withTransport(to: server.url, configure: Self.compressing()) { transport in
                try transport.preview(of: claim.operation, hasToken: false)
            }
            let outcome = try await deliver(claim, to: server.url, configure: Self.compressing())
            #expect(outcome.word == "accepted")
            let sent = try #require(server.requests.first)
            #expect(preview.headers.map { WireRequest.Field(name: $0.name, value: $0.value) } == sent.fields)
            let inflated = try gunzipped(sent.bytes)
            #expect(preview.body == inflated)
        }
    }

    /// A running upstream, a transport to it that compresses, and one that does not. The first sends batches.
    private func withUpstream(
        _ body: @escaping @Sendable (ReferenceUpstream, HTTPTransport, HTTPTransport) async throws -> Void
    ) async throws {
        let upstream = try ReferenceUpstream(.init(port: 0))
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let endpoint = BatchEndpoint(path: "/api/v1/batch", size: 6, lingerMs: 200)
        let route = Route(operation: "update", entity: "room", method: "PUT", path: "/api/v1/rooms/{id}", batch: endpoint)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await upstream.run { ready.yield($0) } }
            let port = try #require(await ports.first { _ in true })
            let url = "http://127.0.0.1:\(port)"
            func configure(_ configuration: inout HTTPTransportConfiguration) {
                configuration.compression = .gzip
                configuration.routes = [route]
            }
            try await withTransport(to: url, configure: configure) { compressing in
                try await withTransport(to: url) { plain in try await body(upstream, compressing, plain) }
            }
            group.cancelAll()
        }
    }
}
