import GuardianCore
import GuardianHTTP
import Synchronization
import Testing

/// Counts calls.
final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    @discardableResult
    func add() -> Int {
        value.withLock {
            $0 += 1
            return $0
        }
    }
}

@Suite struct ClosureTokensTests {
    private struct Trouble: Error { var text = "canary" }

    @Test("a refused token makes another, and one that was replaced already does not")
    func replaces() async throws {
        let calls = Counter()
        let tokens = ClosureTokens { refused in FetchedToken("t\(calls.add())-\(refused)") }
        let first = try await tokens.issued()
        #expect(first.token == "t1-false")
        let second = try await tokens.issued(replacing: first.epoch)
        #expect(second.token == "t2-true")
        #expect(try await tokens.issued(replacing: first.epoch) == second)
        #expect(try await tokens.issued() == second)
        #expect(try await tokens.token(refresh: false) == second.token)
        #expect(try await tokens.token(refresh: true) == "t3-true")
        _ = try await tokens.issued(replacing: second.epoch + 1)
        #expect(try await tokens.token(refresh: true) == "t4-true", "the engine had t3, which t4 has replaced already")
        #expect(calls.count == 4)
    }

    @Test("nobody signed in needs a login, and an app's error tells its type only")
    func fails() async throws {
        #expect(await trouble(ClosureTokens { _ in nil }) == .needsLogin)
        let error = await failure(ClosureTokens { _ in throw Trouble() })
        #expect(error?.code == .unavailable)
        #expect(error?.description.contains("canary") == false)
        #expect(await failure(ClosureTokens { _ in throw TokenError(.needsLogin, "signed out") })?.message == "signed out")
        #expect(await trouble(ClosureTokens { _ in FetchedToken("a b") }) == .badAnswer)
        #expect(Processor.TokenFailure(of: TokenError(.needsLogin, "signed out")).reason == "needs_login: signed out")
    }

    @Test("after another login the closure is asked again, although the last token still holds")
    func anotherLogin() async throws {
        let calls = Counter()
        let tokens = ClosureTokens { _ in FetchedToken("t\(calls.add())") }
        #expect(try await tokens.token(refresh: false) == "t1")
        #expect(try await tokens.token(refresh: false) == "t1")
        tokens.loginChanged()
        #expect(try await tokens.token(refresh: false) == "t2")
        #expect(try await tokens.token(refresh: true) == "t3")
    }

    @Test("a token that was asked for before another login is given to nobody")
    func anotherLoginMeanwhile() async throws {
        let calls = Counter()
        let (entered, enter) = AsyncStream.makeStream(of: Void.self)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let tokens = ClosureTokens { _ in
            let call = calls.add()
            if call == 1 {
                enter.yield()
                for await _ in gate { break }
            }
            return FetchedToken("t\(call)")
        }
        let leader = Task { try await tokens.token(refresh: false) }
        for await _ in entered { break }
        tokens.loginChanged()
        let follower = Task { try await tokens.token(refresh: false) }
        open.finish()
        #expect(try await leader.value == "t2")
        #expect(try await follower.value == "t2")
        #expect(calls.count == 2)
    }

    @Test("when the caller that asks is cancelled, another one asks in its place")
    func leaderIsCancelled() async throws {
        let calls = Counter()
        let (entered, enter) = AsyncStream.makeStream(of: Void.self)
        let tokens = ClosureTokens { _ in
            guard calls.add() == 1 else { return FetchedToken("second") }
            enter.yield()
            // Waits until it is cancelled.
            for await _ in AsyncStream<Void>.makeStream().stream {}
            throw CancellationError()
        }
        let leader = Task { try await tokens.issued() }
        for await _ in entered { break }
        async let follower = tokens.issued()
        leader.cancel()
        #expect(try await follower.token == "second")
        await #expect(throws: TokenError.self) { try await leader.value }
        #expect(calls.count == 2)
    }

    @Test("a caller that gives up waiting leaves the others alone")
    func followerIsCancelled() async throws {
        let (entered, enter) = AsyncStream.makeStream(of: Void.self)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let tokens = ClosureTokens { _ in
            enter.yield()
            for await _ in gate { break }
            return FetchedToken("t")
        }
        let leader = Task { try await tokens.issued() }
        for await _ in entered { break }
        let follower = Task { await trouble(tokens) }
        follower.cancel()
        #expect(await follower.value == .interrupted)
        open.finish()
        #expect(try await leader.value.token == "t")
    }
}
