import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import Synchronization
import Testing

/// Several operations in one request, each settled by its own result.
@Suite struct BatchTests {
    /// With a linger of a minute a batch goes when it is full, however late some of it come.
    private static func routes(size: Int, lingerMs: Int64 = 60_000) -> [Route] {
        let endpoint = BatchEndpoint(path: "/api/v1/batch", size: size, lingerMs: lingerMs)
        return [
            Route(operation: "create", entity: "room", method: "POST", path: "/api/v1/rooms", batch: endpoint),
            Route(operation: "update", entity: "room", method: "PUT", path: "/api/v1/rooms/{id}", batch: endpoint),
        ]
    }

    private func withUpstream(
        _ configuration: ReferenceUpstreamConfiguration = .init(port: 0), size: Int, lingerMs: Int64 = 60_000,
        _ body: @escaping @Sendable (ReferenceUpstream, HTTPTransport) async throws -> Void
    ) async throws {
        let upstream = try ReferenceUpstream(configuration)
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await upstream.run { ready.yield($0) } }
            let port = try #require(await ports.first { _ in true })
            let routes = Self.routes(size: size, lingerMs: lingerMs)
            try await withTransport(to: "http://127.0.0.1:\(port)", configure: { $0.routes = routes }) { try await body(upstream, $0) }
            group.cancelAll()
        }
    }

    /// Sends all at once; outcomes in order.
    private func send(_ claims: [Claim], by transport: HTTPTransport, tokens: [String?] = [nil], timeoutMs: Int64 = 20_000) async
        -> [Outcome]
    {
        await withTaskGroup(of: (Int, Outcome).self) { group in
            for (index, claim) in claims.enumerated() {
                group.addTask { (index, await transport.send(claim, token: tokens[index % tokens.count], timeoutMs: timeoutMs)) }
            }
            var outcomes = [Outcome](repeating: .interrupted, count: claims.count)
            for await (index, outcome) in group { outcomes[index] = outcome }
            return outcomes
        }
    }

    private func rooms(_ count: Int, from first: Int = 1) throws -> [Claim] {
        try (first..<first + count).map { try claimed("update", id: "r\($0)", payload: #"{"seq":1}"#) }
    }

    @Test("those that begin together go in one request, and each has its own result and ETag")
    func together() async throws {
        try await withUpstream(size: 10) { upstream, transport in
            var claims = try self.rooms(9)
            claims.append(try claimed("update", id: "r10", payload: "{}"))
            claims[4].operation.ifMatch = "\"v7\""
            let outcomes = await self.send(claims, by: transport)
            #expect(upstream.batches == 1)
            #expect(upstream.effects.count == 9)
            #expect(outcomes[4].word == "conflict")
            #expect(outcomes[4].answer?.status == 412)
            for (index, outcome) in outcomes.enumerated() where index != 4 {
                #expect(outcome.word == "accepted")
                #expect(outcome.answer?.etag == "\"v1\"")
            }
        }
    }

    @Test("a batch holds no more than its size")
    func sizes() async throws {
        try await withUpstream(size: 5) { upstream, transport in
            _ = await self.send(try self.rooms(20), by: transport)
            #expect(upstream.batches == 4)
            #expect(upstream.effects.count == 20)
        }
    }

    @Test("when its linger is over a batch goes as it is, and one alone as an ordinary request")
    func lingers() async throws {
        try await withUpstream(size: 20, lingerMs: 200) { upstream, transport in
            _ = await self.send(try self.rooms(1), by: transport)
            #expect(upstream.batches == 0)
            #expect(upstream.requests().map(\.path) == ["/api/v1/rooms/r1"])
            // On a busy machine it may take several tries until two meet in time.
            for number in 1...10 where upstream.batches == 0 {
                let outcomes = await self.send(try self.rooms(3, from: 3 * number), by: transport)
                #expect(outcomes.allSatisfy { $0.word == "accepted" })
            }
            #expect(upstream.batches > 0)
        }
    }

    @Test("a linger below nothing, or above a minute, is refused, and its key is named", arguments: [-1, 60_001, Int64.max])
    func lingerRange(lingerMs: Int64) {
        var configuration = HTTPTransportConfiguration(url: "http://localhost", deviceID: "d")
        configuration.routes = Self.routes(size: 2, lingerMs: lingerMs)
        let bad = configuration
        let error = #expect(throws: HTTPConfigurationError.self) { try HTTPTransport.check(bad) }
        #expect(error?.key == "upstream.routes[0].batch")
    }

    @Test("a key that was sent alone before is known in a batch, and the other way round")
    func keysAreOnes() async throws {
        try await withUpstream(size: 4) { upstream, transport in
            let claims = try self.rooms(4)
            // One that was tried before goes alone.
            var first = claims[0]
            first.operation.tries = 1
            #expect(await self.send([first], by: transport)[0].word == "accepted")
            #expect(await self.send(claims, by: transport).allSatisfy { $0.word == "accepted" })
            #expect(upstream.batches == 1)
            var again = claims[2]
            again.operation.tries = 1
            #expect(await self.send([again], by: transport)[0].word == "accepted")
            #expect(upstream.effects.count == 4)
            #expect(upstream.duplicateEffects == 0)
        }
    }

    @Test("a failure of the whole request is told to each, and counts once")
    func sharedFailure() async throws {
        try await withUpstream(size: 6) { upstream, transport in
            upstream.setMode(.status(503, remaining: 1, retryAfter: "3", body: nil, contentType: nil))
            let outcomes = await self.send(try self.rooms(6), by: transport)
            #expect(outcomes.allSatisfy { $0.word == "transient" })
            #expect(outcomes.count { if case .shared = $0 { true } else { false } } == 5)
        }
    }

    @Test("an answer that is lost leaves the outcome unknown, and nothing is done twice")
    func lostAnswer() async throws {
        try await withUpstream(size: 6) { upstream, transport in
            upstream.setMode(.drop(share: 1, remaining: 1))
            let claims = try self.rooms(6)
            #expect(await self.send(claims, by: transport).allSatisfy { $0.word == "reset" })
            #expect(await self.send(claims, by: transport).allSatisfy { $0.word == "accepted" })
            #expect(upstream.effects.count == 6)
            #expect(upstream.duplicateEffects == 0)
        }
    }

    @Test("an upstream that has no such endpoint, or does not take the batch, gets them one by one", arguments: [404, 405, 413, 400])
    func fallsBack(status: Int) async throws {
        try await withUpstream(size: 6) { upstream, transport in
            upstream.setMode(.status(status, remaining: 1, retryAfter: nil, body: nil, contentType: nil))
            #expect(await self.send(try self.rooms(6), by: transport).allSatisfy { $0.word == "accepted" })
            #expect(upstream.effects.count == 6)
            _ = await self.send(try self.rooms(6, from: 7), by: transport)
            // A missing endpoint is not asked again at once; one that only disliked this batch is.
            #expect(upstream.batches == (status == 404 || status == 405 ? 1 : 2))
        }
    }

    @Test("one that failed before goes alone, so that it takes no others with it again")
    func failedGoAlone() async throws {
        try await withUpstream(size: 2) { upstream, transport in
            var claims = try self.rooms(3)
            claims[1].operation.tries = 2
            _ = await self.send(claims, by: transport)
            #expect(upstream.requests().contains { $0.path == "/api/v1/rooms/r2" })
            #expect(upstream.batches == 1)
        }
    }

    @Test("operations of different tokens never share a request")
    func tokensApart() async throws {
        try await withUpstream(size: 4) { upstream, transport in
            _ = await self.send(try self.rooms(8), by: transport, tokens: ["one", "two"])
            #expect(upstream.batches == 2)
            #expect(Set(upstream.requests().compactMap { $0.headers["authorization"] }) == ["Bearer one", "Bearer two"])
        }
    }

    @Test("a poisoned operation is refused by itself")
    func poison() async throws {
        try await withUpstream(size: 5) { upstream, transport in
            upstream.setMode(.poison(entities: ["/api/v1/rooms/r3"], status: 422))
            let outcomes = await self.send(try self.rooms(5), by: transport)
            #expect(outcomes.map(\.word) == ["accepted", "accepted", "permanent", "accepted", "accepted"])
        }
    }

    @Test("attempts in a batch that takes too long end in time, each as its own timeout")
    func timeouts() async throws {
        try await withUpstream(.init(port: 0, latency: .seconds(30)), size: 5) { _, transport in
            let outcomes = await self.send(try self.rooms(5), by: transport, timeoutMs: 600)
            #expect(outcomes.allSatisfy { $0.word == "timeout" })
        }
    }

    @Test("one that finds no company ends in time too, whichever thread notices")
    func timesOutAlone() async throws {
        try await withUpstream(.init(port: 0, latency: .seconds(30)), size: 20, lingerMs: 200) { _, transport in
            for _ in 0..<8 {
                let outcomes = await self.send(try self.rooms(1), by: transport, timeoutMs: 250)
                #expect(outcomes.map(\.word) == ["timeout"])
            }
        }
    }

    @Test("a batch is redirected within its origin as any request, and names strong ETags only")
    func redirected() async throws {
        var claims = try rooms(2)
        claims[0].operation.ifMatch = "\"v1\""
        claims[1].operation.ifMatch = "W/\"v1\""
        let results = claims.map { #"{"idempotency_key":"\#($0.operation.idempotencyKey)","status":200,"body":{"meta":{},"data":{}}}"# }
        let body = #"{"meta":{},"data":{"results":[\#(results.joined(separator: ","))]}}"#
        let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
            request.target == "/v2/batch" ? .answer(200, body) : .answer(308, "", fields: "Location: /v2/batch")
        }
        try await WireServer.run(reply: reply) { server in
            try await withTransport(to: server.url, configure: { $0.routes = Self.routes(size: 2) }) { transport in
                let outcomes = await send(claims, by: transport)
                #expect(outcomes.map(\.word) == ["accepted", "accepted"])
            }
            #expect(server.requests.map(\.target) == ["/api/v1/batch", "/v2/batch"])
            let sent = try JSONValue(parsing: try #require(server.requests.last).body)["operations"]?.elements
            let tags = try #require(sent).compactMap { $0["if_match"]?.string }
            #expect(tags == ["\"v1\""])
        }
    }

    @Test("an answer without a result for an operation is unknown for that one only")
    func missingResult() async throws {
        let claims = try rooms(2)
        let key = claims[0].operation.idempotencyKey.description
        let body = #"{"meta":{},"data":{"results":[{"idempotency_key":"\#(key)","status":200,"body":{"meta":{},"data":{}}}]}}"#
        let reply = WireServer.Reply.answer(200, body, fields: "Content-Type: application/json")
        try await WireServer.run(reply: { _ in reply }) { server in
            try await withTransport(to: server.url, configure: { $0.routes = Self.routes(size: 2) }) { transport in
                let outcomes = await send(claims, by: transport)
                #expect(outcomes.map(\.word) == ["accepted", "transient"])
                #expect(outcomes[1].answer?.code == "NO_RESULT")
            }
        }
    }

    // MARK: Given at once

    /// Gives all of them to the transport in one call; what it told of each, in order of places.
    private func give(_ claims: [Claim], to transport: HTTPTransport, timeoutMs: Int64 = 20_000) async -> [[Outcome]] {
        let told = Mutex([[Outcome]](repeating: [], count: claims.count))
        let dispatches = claims.map { Dispatch(claim: $0, timeoutMs: timeoutMs) }
        await transport.send(dispatches, token: nil) { place, outcome in told.withLock { $0[place].append(outcome) } }
        return told.withLock { $0 }
    }

    @Test("given at once, full batches go out as they are and what is left waits for company; each is told once, what can't be sent too")
    func atOnce() async throws {
        try await withUpstream(size: 5) { upstream, transport in
            var claims = try self.rooms(12)
            claims[3].operation.ifMatch = "\"v7\""
            claims.append(try claimed("vanish", id: "r13", payload: "{}"))
            #expect(transport.gathers)
            // Two are left of the twelve, and these three fill their batch.
            let company = try self.rooms(3, from: 14)
            async let joined = self.send(company, by: transport)
            let told = await self.give(claims, to: transport)
            let met = await joined
            #expect(met.allSatisfy { $0.word == "accepted" })
            #expect(told.allSatisfy { $0.count == 1 })
            let words = told.compactMap { $0.first?.word }
            #expect(words.count { $0 == "accepted" } == 11 && words[3] == "conflict")
            #expect(words[12] == "NO_ROUTE")
            #expect(upstream.batches == 3)
            #expect(upstream.effects.count == 14)
        }
    }

    @Test("given at once to an upstream without the endpoint, all go one by one", arguments: [404, 413])
    func atOnceAlone(status: Int) async throws {
        try await withUpstream(size: 5) { upstream, transport in
            upstream.setMode(.status(status, remaining: 1, retryAfter: nil, body: nil, contentType: nil))
            let told = await self.give(try self.rooms(5), to: transport)
            #expect(told.map(\.count) == [1, 1, 1, 1, 1])
            #expect(told.allSatisfy { $0.first?.word == "accepted" })
            #expect(upstream.effects.count == 5)
        }
    }

    @Test("given at once, a failure of the whole request counts once, and one that takes too long ends in time for each")
    func atOnceFailing() async throws {
        try await withUpstream(size: 6) { upstream, transport in
            upstream.setMode(.status(503, remaining: 1, retryAfter: "3", body: nil, contentType: nil))
            let told = await self.give(try self.rooms(6), to: transport)
            #expect(told.allSatisfy { $0.count == 1 && $0[0].word == "transient" })
            #expect(told.count { if case .shared = $0[0] { true } else { false } } == 5)
        }
        try await withUpstream(.init(port: 0, latency: .seconds(30)), size: 6) { _, transport in
            let told = await self.give(try self.rooms(6), to: transport, timeoutMs: 600)
            #expect(told.allSatisfy { $0.count == 1 && $0[0].word == "timeout" })
        }
    }
}
