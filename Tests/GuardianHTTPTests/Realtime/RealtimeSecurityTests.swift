import GuardianBackend
import GuardianCore
import GuardianHTTP
import NIOSSL
import Synchronization
import Testing

@Suite("Realtime and credentials", .timeLimit(.minutes(1)))
struct RealtimeSecurityTests {
    /// Gives the old token until it is asked for another.
    final class Login: TokenProvider {
        struct NobodyIsSignedIn: Error {}

        private let state = Mutex((token: "old" as String?, refreshes: 0))

        var refreshes: Int { state.withLock { $0.refreshes } }
        func signOut() { state.withLock { $0.token = nil } }
        func signIn() { state.withLock { $0.token = "new" } }

        func token(refresh: Bool) async throws -> Token? {
            try state.withLock { state in
                guard let token = state.token else { throw NobodyIsSignedIn() }
                guard refresh else { return Token(token) }
                state.refreshes += 1
                state.token = "new"
                return "new"
            }
        }
    }

    @Test("a refused token is refreshed once, and the stream or the poll goes on", arguments: [false, true])
    func refresh(polls: Bool) async throws {
        try await withChanges { upstream, url in
            try await Writer.run(to: url) { try await $0.put("r1") }
            upstream.tellChanges { settings in
                settings.token = "new"
                if polls { settings.stream = .refused(status: 404) }
            }
            let login = Login()
            try await withFeed(from: url, tokens: login) { taker in
                await taker.wait { $0.changes.count == 1 }
                #expect(login.refreshes == 1)
            }
            let sent = upstream.asked(stream: true).map { $0.headers["authorization"] }
            #expect(sent == ["Bearer old", "Bearer new"])
        }
    }

    @Test("while nobody is signed in nothing is sent, and it goes on with the next login")
    func signedOut() async throws {
        try await withChanges { upstream, url in
            try await Writer.run(to: url) { try await $0.put("r1") }
            let login = Login()
            login.signOut()
            try await withFeed(from: url, tokens: login, configure: quickly) { taker in
                await taker.wait { $0.states.contains { if case .waiting(_, .noToken) = $0 { true } else { false } } }
                #expect(upstream.asked(stream: true).isEmpty)
                login.signIn()
                await taker.wait { $0.changes.count == 1 }
            }
        }
    }

    @Test("a redirect within the origin is followed with the token, one to another is not", arguments: [true, false])
    func redirect(isWithin: Bool) async throws {
        try await WireServer.run { stranger in
            let strangerURL = stranger.url
            try await WireServer.run(reply: { request in
                if request.target == "/moved" {
                    return .says("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\nid: 5\n\n")
                }
                return .answer(307, "", fields: "Location: \(isWithin ? "/moved" : strangerURL + "/moved")")
            }) { server in
                try await withFeed(from: server.url, tokens: Login(), configure: quickly) { taker in
                    if isWithin {
                        await taker.wait { $0.cursor == "5" }
                        #expect(server.requests.map { $0["authorization"] } == ["Bearer old", "Bearer old"])
                    } else {
                        await taker.wait { $0.waits.count > 2 }
                        #expect(server.requests.allSatisfy { $0.target != "/moved" })
                    }
                }
            }
            #expect(stranger.connections == 0)
        }
    }

    @Test("a certificate that nobody vouches for gets no request, a trusted one does")
    func tls() async throws {
        try await withIdentity { identity in
            try await WireServer.run(
                tls: NIOSSLContext(configuration: identity.server),
                reply: { _ in .says("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 5\n\n") }
            ) { server in
                let url = "https://127.0.0.1:\(server.port)"
                try await withFeed(from: url, tokens: Login(), configure: quickly) { taker in
                    await taker.wait { $0.waits.count > 2 }
                }
                #expect(server.requests.isEmpty)
                try await withFeed(
                    from: url, tokens: Login(),
                    configure: { configuration in
                        quickly(&configuration)
                        configuration.http.trustRootsFile = identity.certificate
                    }
                ) { taker in await taker.wait { $0.cursor == "5" } }
            }
        }
    }

    @Test("a change in a page that can't be read is a reset, not a standstill")
    func poison() async throws {
        let page = #"{"meta":{},"data":{"changes":[{"cursor":"8","entity":7}],"next":"9","reset":false}}"#
        try await WireServer.run(reply: { request in
            request.target.contains("/stream") ? .answer(404) : .answer(200, page, fields: "Content-Type: application/json")
        }) { server in
            try await withFeed(from: server.url, at: "a b&c") { taker in
                await taker.wait { $0.cursor == "9" }
                guard case .unreadable = taker.kept.resets.first?.reset else {
                    Issue.record("\(taker.kept.batches)")
                    return
                }
            }
            #expect(server.requests.first?["last-event-id"] == "a b&c")
            #expect(server.requests.last?.target == "/api/v1/changes?limit=100&since=a%20b%26c")
        }
    }

    @Test("Retry-After is waited for")
    func retryAfter() async throws {
        try await WireServer.run(reply: { _ in .answer(503, fields: "Retry-After: 3000") }) { server in
            let start = SystemClock()
            try await withFeed(from: server.url, clock: start, configure: quickly) { taker in
                await taker.wait { !$0.waits.isEmpty }
                #expect((2_990_000...3_100_000).contains(taker.kept.waits[0] - start.now.steady))
            }
        }
    }

    @Test("a configuration that can't be used is refused by its key")
    func configuration() {
        func key(_ url: String = "https://example.com", _ change: (inout RealtimeConfiguration) -> Void = { _ in }) -> String? {
            var configuration = RealtimeConfiguration(http: .init(url: url, deviceID: "d"))
            change(&configuration)
            do throws(HTTPConfigurationError) { _ = try RealtimeClient(configuration: configuration) } catch { return error.key }
            return nil
        }
        #expect(key() == nil)
        #expect(key("http://example.com") == "upstream.url")
        #expect(key { $0.streamPath = "//evil.example" } == "realtime.stream_path")
        #expect(key { $0.streamPath = "@evil.example" } == "realtime.stream_path")
        #expect(key { $0.pollPath = "/x?y" } == "realtime.poll_path")
        #expect(key { $0.pageLimit = 0 } == "realtime.page_limit")
        for wait in [\FeedSchedule.Configuration.baseMs, \.pollMs, \.streamAgainMs, \.heartbeatMs, \.missedHeartbeats] {
            for value in [Int64(0), -1] { #expect(key { $0.schedule[keyPath: wait] = value } == "realtime", "\(wait)") }
        }
        // Two that are less than nothing make a silence that looks like one.
        #expect(key { ($0.schedule.heartbeatMs, $0.schedule.missedHeartbeats) = (-15_000, -3) } == "realtime")
        #expect(key { $0.schedule.healthyMs = -1 } == "realtime")
        #expect(key { $0.schedule.failuresBeforePolling = 0 } == "realtime")
        #expect(key { ($0.schedule.healthyMs, $0.schedule.failuresBeforePolling) = (0, 1) } == nil)
    }
}
