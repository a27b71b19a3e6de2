import Foundation
import GuardianCore
import GuardianHTTP
import Testing

@Suite struct BearerFileTests {
    @Test("the file is read each time, and another token has another epoch")
    func rereads() async throws {
        try await withDesk { desk in
            let tokens = BearerFileTokens(path: try desk.write("one\n", to: "token"))
            let first = try await tokens.issued()
            #expect(first.token == "one")
            #expect(try await tokens.token(refresh: true) == "one", "nobody here can make another")
            #expect(try await tokens.issued().epoch == first.epoch)
            try desk.write("two", to: "token")
            #expect(try await tokens.token(refresh: false) == "two")
            #expect(try await tokens.issued().epoch == first.epoch + 1)
        }
    }

    @Test("a JWT says when it ends")
    func jwt() async throws {
        try await withDesk { desk in
            let clock = HandClock()
            let end = clock.now.wall.milliseconds / 1000 + 600
            let tokens = BearerFileTokens(path: try desk.write(JWTExpiryTests.token("{\"exp\":\(end)}"), to: "token"), clock: clock)
            let issued = try await tokens.issued()
            #expect(issued.expiresAt == Timestamp(milliseconds: end * 1000))
            #expect(issued.renewInMs == 540_000)
        }
    }

    @Test("what is missing, empty or no token says which file", arguments: [nil, "", "  \n", "é", "{}", "{\"token\":"])
    func unreadable(content: String?) async throws {
        try await withDesk { desk in
            if let content { try desk.write(content, to: "token") }
            let error = await failure(BearerFileTokens(path: desk.path + "/token"))
            #expect(error?.code == .unreadable)
            #expect(error?.message.contains(desk.path) == true)
        }
    }

    @Test("a file without end is not read to its end")
    func endless() async { #expect(await trouble(BearerFileTokens(path: "/dev/zero")) == .tooLarge) }

    @Test("a principal is taken from its file, or from the token's own")
    func principal() async throws {
        try await withDesk { desk in
            let principal = try desk.write("ann\n", to: "principal")
            let token = try desk.write("t", to: "token")
            #expect(try await BearerFileTokens(path: token, principalPath: principal).issued().token == Token("t", principal: "ann"))
            let json = try desk.write(#"{"token":"t","principal":"bob"}"#, to: "json")
            #expect(try await BearerFileTokens(path: json).issued().token == Token("t", principal: "bob"))
            #expect(await trouble(BearerFileTokens(path: json, principalPath: principal)) == .misconfigured)
            #expect(await trouble(BearerFileTokens(path: token, principalPath: desk.path + "/none")) == .unreadable)
        }
    }

    @Test("a file that is replaced while it is read gives one whole token, and whose it is")
    func replaced() async throws {
        try await withDesk { desk in
            func document(_ n: Int) -> String { #"{"token":"\#(String(repeating: "\(n % 10)", count: 8000))","principal":"p\#(n % 10)"}"# }
            let tokens = BearerFileTokens(path: try desk.write(document(0), to: "token"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for n in 0..<400 { try desk.write(document(n), to: "token") } }
                group.addTask {
                    for _ in 0..<400 {
                        let token: Token
                        do throws(TokenError) { token = try await tokens.issued().token } catch {
                            #expect(error.message.contains("changes while"), "\(error)")
                            continue
                        }
                        #expect(token.value.utf8.count == 8000 && Set(token.value).count == 1)
                        #expect(token.principal == token.value.first.map { "p\($0)" })
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
