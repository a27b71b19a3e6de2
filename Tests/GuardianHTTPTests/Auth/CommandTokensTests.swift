#if os(macOS) || os(Linux)
    import Foundation
    import GuardianCore
    import GuardianHTTP
    import Testing

    @Suite(.serialized) struct CommandTokensTests {
        private func shell(_ script: String, timeoutMs: Int64 = 20_000, clock: any TimeSource = SystemClock()) throws -> CommandTokens {
            try CommandTokens(["/bin/sh", "-c", script], timeoutMs: timeoutMs, clock: clock)
        }

        @Test("the first line is the token, whatever comes after it")
        func firstLine() async throws {
            #expect(try await shell("echo '  t0ken '; echo more; echo even more").issued().token == "t0ken")
            #expect(try await shell("printf t0ken").issued().token == "t0ken")
        }

        @Test("JSON says more: whose it is, and how long it lives", arguments: ["token", "access_token"])
        func json(name: String) async throws {
            let issued = try await shell(#"echo '{"\#(name)":"t",'; echo '"expires_in":"100","principal":"ann","x":[1]}'"#).issued()
            #expect(issued.token == Token("t", principal: "ann"))
            #expect(issued.renewInMs == 80_000)
        }

        @Test("it is run once while its token lives, and again for a refused one")
        func runsOnce() async throws {
            try await withDesk { desk in
                let tokens = try shell("echo x >> \(desk.path)/runs; wc -l < \(desk.path)/runs")
                let first = try await tokens.issued()
                #expect(try await tokens.issued() == first)
                #expect(first.token == "1")
                #expect(try await tokens.issued(replacing: first.epoch).token == "2")
                #expect(try await tokens.issued(replacing: first.epoch).token == "2")
            }
        }

        @Test("it is run again after another login, at once also where it has just failed")
        func anotherLogin() async throws {
            try await withDesk { desk in
                let tokens = try shell("cat \(desk.path)/login")
                let before = await trouble(tokens)
                #expect(before == .commandFailed)
                for login in ["ann", "ben"] {
                    try desk.write(login, to: "login")
                    tokens.loginChanged()
                    let issued = try await tokens.issued()
                    #expect(issued.token == Token(login))
                }
            }
        }

        @Test("50 callers at once run it once")
        func singleFlight() async throws {
            try await withDesk { desk in
                let tokens = try shell("echo x >> \(desk.path)/runs; echo t")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<50 { group.addTask { _ = try await tokens.issued() } }
                    try await group.waitForAll()
                }
                #expect(try desk.read("runs") == "x\n")
            }
        }

        @Test("no shell is involved, and standard input is empty")
        func noShell() async throws {
            #expect(try await CommandTokens(line: #"/bin/echo "$HOME;id""#).issued().token == "$HOME;id")
            #expect(try await CommandTokens(["/bin/sh", "-c", "cat; echo t"]).issued().token == "t")
        }

        @Test(
            "what ends badly, or prints no token, is an error of its kind",
            arguments: [
                ("exit 3", .commandFailed), ("kill -9 $$", .commandFailed), ("true", .badAnswer), ("echo", .badAnswer),
                ("echo a b", .badAnswer),
                ("echo '{}'", .badAnswer), (#"echo '{"token":'"#, .badAnswer), (#"printf '\377\376'"#, .badAnswer), ("echo é", .badAnswer),
            ] as [(String, TokenError.Code)])
        func fails(script: String, code: TokenError.Code) async throws {
            #expect(try await trouble(shell(script)) == code)
        }

        @Test("a program that is not there says so")
        func missing() async throws {
            let error = try await failure(CommandTokens(["guardian-no-such-program"]))
            #expect(error?.description == "command_failed: guardian-no-such-program can't be run: No such file or directory")
        }

        @Test("an error never holds what the program printed, nor what looks like a token in its complaint")
        func canary() async throws {
            let scripts = [
                "echo canary-plain; echo the canary-plain was refused >&2; exit 1",
                #"echo '{"token":"canary-json"}'; echo canary-json >&2; exit 1"#,
                "echo 'Authorization: Bearer canary' >&2; exit 1", "echo token=canary >&2; exit 1",
                "echo 'password: \"canary\"' >&2; exit 1",
                "echo eyJcanaryAbcDefGhi.eyJcanary123.canary >&2; exit 1", "echo https://x/?code=canary >&2; exit 1",
                "printf 'a%.0s' $(seq 1 4090) >&2; echo ' canaryABCDEF0123456789' >&2; exit 1",
            ]
            for script in scripts {
                let error = try #require(try await failure(shell(script)))
                #expect(!"\(error)".contains("canary"), "\(error)")
                #expect(error.message.utf8.count < 300)
            }
            let plain = try await failure(shell("echo 'no such profile: staging' >&2; exit 1"))
            #expect(plain?.message == "/bin/sh ended with 1: no such profile: staging")
        }

        @Test("a long complaint is cut to 200 characters")
        func complaint() async throws {
            let error = try await failure(
                shell("for i in 1 2 3 4 5 6 7 8 9 10; do echo this is a long complaint of many words >&2; done; exit 1"))
            #expect(error?.message.count == "/bin/sh ended with 1: ".count + 200)
        }

        @Test("ten megabytes are too much, and are not waited for", .timeLimit(.minutes(1)))
        func flood() async throws {
            try await expect(.tooLarge) { try await trouble(shell("head -c 10000000 /dev/zero | tr '\\0' x")) }
            try await expect(.tooLarge) { try await trouble(shell("yes")) }
            #expect(try await shell("head -c 10000000 /dev/zero >&2; echo t").issued().token == "t", "a full standard error blocks nothing")
        }

        @Test("one that takes too long is stopped with all that it has started, even when it will not listen", .timeLimit(.minutes(1)))
        func timeout() async throws {
            try await withDesk { desk in
                let scripts = [
                    "echo $$ > \(desk.path)/pid0; echo t; sleep 100",
                    "trap '' TERM; echo $$ > \(desk.path)/pid1; echo t; while :; do sleep 1; done",
                    "sleep 100 & echo $! > \(desk.path)/pid2; wait",
                ]
                // Beside each other, so that each may have time to write its number.
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for script in scripts {
                        group.addTask {
                            let error = try await failure(shell(script, timeoutMs: 8000))
                            #expect(error?.code == .timeout, "\(script)")
                        }
                    }
                    try await group.waitForAll()
                }
                for index in scripts.indices {
                    let pid = try #require(pid_t(try desk.read("pid\(index)").trimmingCharacters(in: .newlines)))
                    // The time limit is what fails.
                    while !Self.isGone(pid) { await Task.yield() }
                }
            }
        }

        @Test("it gets no file and no socket of ours")
        func inheritsNothing() async throws {
            // Not closed by exec, as SwiftNIO's sockets are not.
            let number = dup(STDIN_FILENO)
            defer { close(number) }
            try #require(number > 2)
            #expect(try await shell("if [ -e /dev/fd/\(number) ]; then echo open; else echo closed; fi").issued().token == "closed")
        }

        @Test("one whose child holds its output open is not waited for", .timeLimit(.minutes(1)))
        func orphan() async throws {
            try await withDesk { desk in
                #expect(try await shell("sleep 50 & echo $! > \(desk.path)/pid; echo t").issued().token == "t")
                let pid = try #require(pid_t(try desk.read("pid").trimmingCharacters(in: .newlines)))
                kill(pid, SIGKILL)
            }
        }

        @Test("a caller that gives up stops it", .timeLimit(.minutes(1)))
        func cancelled() async throws {
            try await withDesk { desk in
                let tokens = try shell("echo $$ > \(desk.path)/pid; exec sleep 100")
                let caller = Task { await trouble(tokens) }
                while !FileManager.default.fileExists(atPath: desk.path + "/pid") { await Task.yield() }
                caller.cancel()
                #expect(await caller.value == .interrupted)
                let pid = try desk.read("pid").trimmingCharacters(in: .newlines)
                while let pid = pid_t(pid), !Self.isGone(pid) { await Task.yield() }
            }
        }

        @Test("a failure is not repeated at every call")
        func patience() async throws {
            try await withDesk { desk in
                let clock = HandClock()
                let tokens = try shell("echo x >> \(desk.path)/runs; exit 1", clock: clock)
                for _ in 0..<5 { #expect(await trouble(tokens) == .commandFailed) }
                #expect(try desk.read("runs") == "x\n")
                clock.advance(seconds: 31)
                #expect(await trouble(tokens) == .commandFailed)
                #expect(try desk.read("runs") == "x\nx\n")
            }
        }

        /// Gone, or dead and not yet collected by whoever adopted it.
        private static func isGone(_ pid: pid_t) -> Bool {
            if kill(pid, 0) != 0 { return true }
            do {
                let status = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
                return status.split(separator: ")").last?.split(separator: " ").first.map { $0 == "Z" || $0 == "X" } ?? true
            } catch {
                return true
            }
        }
    }
#endif
