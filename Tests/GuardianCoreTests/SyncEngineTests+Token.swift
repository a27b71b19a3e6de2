import GuardianCore
import GuardianTesting
import Synchronization
import Testing

/// A provider that says the same each time.
private struct Always: TokenProvider {
    let answer: @Sendable () throws -> Token

    func token(refresh: Bool) async throws -> Token? { try answer() }
}

/// The scripted network of an app of one version.
private struct Versioned: Transport {
    let base: ScriptedTransport
    var appVersion: String?

    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome {
        await base.send(claim, token: token, timeoutMs: timeoutMs)
    }
}

/// A provider that keeps the token of a login until it hears of another.
private final class Keeping: TokenProvider {
    private struct State {
        var login = "first"
        var kept: String?
    }

    private let state = Mutex(State())

    func logIn(_ login: String) { state.withLock { $0.login = login } }

    func token(refresh: Bool) async throws -> Token? {
        state.withLock { state in
            let token = state.kept ?? state.login
            state.kept = token
            return Token(token)
        }
    }

    func loginChanged() { state.withLock { $0.kept = nil } }
}

private struct SaysWhy: TellableError { let description = "needs_login: sign in again" }

private struct HoldsAToken: Error { let token = "canary" }

extension SyncEngineTests {
    @Test("a 401 for many workers is one refresh; all go on at once with the new token")
    func refreshesOnce() async throws {
        let tokens = ScriptedTokens("old")
        let rig = EngineRig(tokens: tokens)
        tokens.refreshBrings("new")
        tokens.hold()
        rig.transport.answerOtherwise { $0.token == "new" ? .status(200) : .status(401) }
        rig.transport.hold()
        try await rig.enqueue(["a", "b", "c", "d", "e"])
        try await rig.run {
            await rig.transport.waitForAttempts(3)
            rig.transport.release()
            #expect(await rig.eventually { tokens.refreshes == 1 })
            await rig.poll(times: 10)
            let waiting = rig.sent.count
            #expect((3...4).contains(waiting))
            tokens.release()
            await rig.processed(5)
            #expect(rig.transport.attempts.map(\.token) == Array(repeating: "old", count: waiting) + Array(repeating: "new", count: 5))
        }
        #expect(tokens.refreshes == 1)
        #expect(rig.sink.events.filter { $0.isNamed("token_refreshed") } == [.tokenRefreshed(success: true)])
        #expect(!rig.sink.events.contains { $0.isNamed("paused") })
        let books = try await rig.store.books()
        #expect(books.processed == 5 && books.failed == 0)
    }

    @Test("a 401 for a token that has been replaced meanwhile is sent again with the new one, without another refresh")
    func lateRefusal() async throws {
        let tokens = ScriptedTokens("old")
        let rig = EngineRig(tokens: tokens)
        tokens.refreshBrings("new", "newer")
        rig.transport.hold()
        try await rig.enqueue(["a", "b"])
        try await rig.run {
            await rig.transport.waitForAttempts(2)
            rig.transport.release(.text("a"), with: .status(401))
            await rig.transport.waitForAttempts(3)
            rig.transport.release(.text("b"), with: .status(401))
            await rig.transport.waitForAttempts(4)
            rig.transport.release()
            await rig.processed(2)
        }
        #expect(rig.transport.attempts.map(\.token) == ["old", "old", "new", "new"])
        #expect(tokens.refreshes == 1)
    }

    @Test("a refresh that brings the same token pauses delivery; a new login resumes it with no one's help, and nothing failed")
    func pausesForLogin() async throws {
        let tokens = ScriptedTokens("old")
        let rig = EngineRig(tokens: tokens)
        rig.transport.answerOtherwise { $0.token == "new" ? .status(200) : .status(401) }
        try await rig.enqueue(["a"])
        try await rig.enqueue(["b"], priority: 5)
        try await rig.run {
            await rig.sink.first { $0 == .paused(.auth) }
            let begun = rig.sink.count { $0.isNamed("claimed") }
            await rig.poll(times: 40)
            #expect(rig.sink.count { $0.isNamed("claimed") } == begun)
            let stored = try await rig.store.loadControl().pauses
            #expect(stored == [.auth])
            tokens.refreshBrings("new")
            #expect(await rig.advance { rig.sink.count { $0.isNamed("processed") } == 2 })
            #expect(rig.sink.events.contains(.resumed(.auth)))
            await rig.poll()
        }
        #expect(try await rig.store.loadControl().pauses == [])
        #expect(rig.transport.attempts.suffix(2).map(\.token) == ["new", "new"])
        let books = try await rig.store.books()
        #expect(books.processed == 2 && books.failed == 0)
    }

    @Test("while no token is to be had at first, nothing is sent and nothing fails; then delivery begins by itself")
    func waitsForTheFirstLogin() async throws {
        let tokens = ScriptedTokens(nil)
        let rig = EngineRig(tokens: tokens)
        try await rig.enqueue(["a"])
        try await rig.run {
            await rig.sink.wait(for: 1) { $0 == .tokenRefreshed(success: false, reason: "NobodyIsLoggedIn") }
            await rig.poll(times: 20)
            #expect(rig.sent.isEmpty)
            tokens.logIn("late")
            #expect(await rig.advance { rig.sink.count { $0.isNamed("processed") } == 1 })
        }
        #expect(rig.transport.attempts.map(\.token) == ["late"])
    }

    @Test("tokenChanged() reaches a provider that keeps its token: nothing more goes out with that of the last login")
    func forgetsTheLastLogin() async throws {
        let tokens = Keeping()
        let rig = EngineRig(tokens: tokens)
        try await rig.enqueue(["a"])
        try await rig.run {
            await rig.processed(1)
            tokens.logIn("second")
            rig.engine.tokenChanged()
            try await rig.enqueue(["b"])
            await rig.processed(2)
        }
        #expect(rig.transport.attempts.map(\.token) == ["first", "second"])
    }

    @Test("why there is no token is told: in the provider's words where they hold no secret, else by the error's type alone")
    func tellsWhyThereIsNoToken() async throws {
        let errors: [(any Error, String)] = [(SaysWhy(), "needs_login: sign in again"), (HoldsAToken(), "HoldsAToken")]
        for (error, reason) in errors {
            let rig = EngineRig(tokens: Always { throw error })
            try await rig.run {
                let told = await rig.sink.first { $0.isNamed("token_refreshed") }
                #expect(told?.event == .tokenRefreshed(success: false, reason: reason))
            }
        }
    }

    @Test("a principal's token for an engine without a principalHash pauses delivery, and the cause is named")
    func namesTheMissingHash() async throws {
        let rig = EngineRig(tokens: Always { Token("t", principal: "anna") })
        try await rig.enqueue(["a"])
        try await rig.run {
            let told = await rig.sink.first { $0.isNamed("token_refreshed") }
            let reason = told?.event.json(at: rig.clock.now.wall)["reason"]?.string
            #expect(reason?.hasPrefix("misconfigured: ") == true && reason?.contains("principalHash") == true)
            await rig.sink.first { $0 == .paused(.auth) }
            #expect(rig.sent.isEmpty)
        }
    }

    @Test("426 pauses delivery and fails nothing; lifted by hand, it goes on")
    func pausesForUpgrade() async throws {
        let rig = EngineRig()
        rig.transport.answer(.status(426))
        try await rig.enqueue(["a", "b"], entity: "a")
        try await rig.run {
            await rig.sink.first { $0 == .paused(.upgrade) }
            await rig.poll(times: 20)
            #expect(rig.sent == ["a"])
            let books = try await rig.store.books()
            #expect(books.pending == 2 && books.failed == 0)
            try await rig.store.setPause(.upgrade, to: false)
            #expect(await rig.advance { rig.sink.count { $0.isNamed("processed") } == 2 })
        }
        #expect(rig.sent == ["a", "a", "b"])
        #expect(rig.sink.events.contains(.resumed(.upgrade)))
    }

    @Test("the pause of a 426 outlives runs of the version that met it, and ends with the first run of another")
    func upgrades() async throws {
        let store = MemoryStore()
        let transport = ScriptedTransport()
        transport.answer(.status(426), .status(426))
        // Runs the app of a version until it hears so many events.
        func run(_ version: String?, until count: Int, _ isAwaited: @Sendable (Event) -> Bool) async throws -> RecordingSink {
            let sink = RecordingSink()
            let engine = SyncEngine(store: store, transport: Versioned(base: transport, appVersion: version), sinks: [sink])
            _ = try await engine.enqueue(EngineRig.operation("a"))
            async let running: Void = engine.run()
            await sink.wait(for: count, where: isAwaited)
            engine.drain()
            try await running
            return sink
        }
        _ = try await run("1.0", until: 1) { $0 == .paused(.upgrade) }
        for version in ["1.0", nil] as [String?] {
            let sink = try await run(version, until: 1) { $0.isNamed("lock_acquired") }
            #expect(!sink.events.contains(.resumed(.upgrade)))
        }
        #expect(try await store.loadControl().pauses == [.upgrade])
        #expect(transport.attempts.count == 1)
        // It is asked with the next one, which is too old as well.
        _ = try await run("1.1", until: 2) { $0 == .paused(.upgrade) }
        #expect(try await store.loadControl().refusedVersion == "1.1")
        let sink = try await run("2.0", until: 1) { $0.isNamed("processed") }
        #expect(sink.events.contains(.resumed(.upgrade)))
        #expect(transport.attempts.count == 3)
    }

    @Test("a pause for an upgrade whose version nobody has said, such as an older build's, ends with the first run that says its own")
    func upgradesFromAnUnknownVersion() async throws {
        let store = MemoryStore()
        try await store.setPause(.upgrade, to: true)
        try await store.setPause(.operator, to: true)
        let sink = RecordingSink()
        let engine = SyncEngine(store: store, transport: Versioned(base: ScriptedTransport(), appVersion: "1.0"), sinks: [sink])
        async let running: Void = engine.run()
        await sink.first { $0 == .resumed(.upgrade) }
        engine.drain()
        try await running
        #expect(try await store.loadControl().pauses == [.operator])
    }
}
