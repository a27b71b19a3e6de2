import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// What scripts rely on: exit codes, errors on stderr, help.
    @Suite(.serialized) struct ExitCodeTests {
        @Test("an id that is not there is 3, a call that makes no sense is 2; both say what is wrong on stderr only")
        func callerIsTold() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let unknown = [["show", "nope"], ["explain", "nope"], ["retry", "nope"], ["cancel", "nope"], ["cancel", "nope", "--yes"]]
            let senseless = [
                ["list", "--status", "lost"], ["explain", "--as-request"], ["retry"], ["retry", "a", "--all-failed"], ["enqueue"], ["show"],
                ["status", "--nonsense"],
                ["nonsense"], ["enqueue", "--from-file", workplace.path + "/nothing"], ["serve", "--workers", "none"],
                ["serve", "--listen", "nowhere"], ["list", "--limit", "0"], ["list", "--limit", "1001"],
                ["explain", "a", "--upstream", Workplace.nobody], ["enqueue", "--from-file", workplace.path],
            ]
            for (commands, status) in [(unknown, Int32(3)), (senseless, 2), ([["retry", "a"]], 5)] {
                for command in commands {
                    let answer = try await Guardian.run(command + ["--data-dir", workplace.path], wrapper: ["timeout", "20"])
                    #expect(answer.status == status, "\(command): \(answer.errors)")
                    #expect(!answer.errors.isEmpty, "\(command)")
                    #expect(answer.output.isEmpty, "\(command): \(answer.output)")
                }
            }
        }

        @Test("without a store every command that needs one is 4, says what to do, and makes none")
        func storeIsMissing() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let commands = [
                ["status"], ["list"], ["show", "a"], ["explain"], ["explain", "a"], ["retry", "--all-failed"], ["cancel", "a", "--yes"],
                ["clear-failed", "--yes"],
                ["pause"], ["resume"], ["lock", "status"], ["lock", "release", "--yes"], ["rebuild-index"], ["check"],
            ]
            for command in commands {
                let answer = try await Guardian.run(command + ["--data-dir", workplace.path])
                #expect(answer.status == 4, "\(command): \(answer.errors)")
                #expect(answer.errors.contains("--data-dir"), "\(command): \(answer.errors)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: workplace.path).isEmpty)
        }

        @Test("config print says where each value came from; config check names the key that is wrong, and the one that was meant")
        func configuration() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/guardian.yaml"
            try "workers: 7\nretry:\n  base: 2s\n".write(toFile: file, atomically: true, encoding: .utf8)
            let printed = try await workplace.run("config", "print", "--config", file, environment: ["GUARDIAN_RETRY_BASE": "3s"])
            #expect(printed.status == 0)
            let lines = printed.output.split(separator: "\n")
            #expect(lines.contains("workers = 7  (file)"))
            #expect(lines.contains("retry.base = 3s  (environment)"))
            #expect(lines.contains("data_dir = \(workplace.path)  (flag)"))
            #expect(lines.contains("retry.max = 30s  (default)"))
            #expect(try await workplace.run("config", "check", "--config", file).status == 0)
            for (text, told) in [("wrokers: 7\n", "did you mean workers?"), ("workers: many\n", "workers: "), ("- a\n", file)] {
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                for command in ["check", "print"] {
                    let answer = try await workplace.run("config", command, "--config", file)
                    #expect(answer.status == 2, "\(text)")
                    #expect(answer.errors.contains(told), "\(text): \(answer.errors)")
                }
            }
        }

        @Test("config check and doctor say everything that is wrong, a line each; as JSON it is a list")
        func wholeConfiguration() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let wrong = ["GUARDIAN_WORKERS": "many", "GUARDIAN_RETRY_BASE": "soon", "GUARDIAN_LOG_FILE": workplace.path]
            let keys = ["workers", "retry.base", "log.file"]
            let answer = try await workplace.run("config", "check", "--json", environment: wrong)
            #expect(answer.status == 2 && answer.json["ok"] == false, "\(answer)")
            #expect(answer.json["errors"]?.elements?.compactMap { $0["field"]?.string } == keys)
            let lines = answer.errors.split(separator: "\n")
            #expect(lines.count == 3, "\(answer.errors)")
            for (line, key) in zip(lines, keys) { #expect(line.hasPrefix("guardian: \(key): ")) }
            let doctor = try await workplace.run("doctor", environment: wrong)
            #expect(doctor.status == 1 && keys.allSatisfy { doctor.output.contains("\($0): ") }, "\(doctor.output)")
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: ["GUARDIAN_LOG_FILE": workplace.path])
            defer { serve.kill() }
            #expect(serve.errors.contains("log.file: \(workplace.path) is a directory"), "\(serve.errors)")
        }

        @Test("a variable that is a slip of a setting's stops serve, config check and config print, which say what was meant")
        func slipOfAVariable() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let slip = ["GUARDIAN_UPSTREAM_ULR": Workplace.nobody]
            let enqueue = ["enqueue", "--operation", "delete", "--entity-type", "room", "--entity-id", "r1"]
            for command in [["serve", "--listen", "127.0.0.1:0"], ["config", "check"], ["config", "print"], enqueue] {
                let answer = try await Guardian.run(
                    command + ["--data-dir", workplace.path], environment: slip, wrapper: ["timeout", "20"])
                #expect(answer.status == 2 && answer.output.isEmpty, "\(command): \(answer)")
                let told = "GUARDIAN_UPSTREAM_ULR names no setting; did you mean GUARDIAN_UPSTREAM_URL?"
                #expect(answer.errors.contains(told), "\(command): \(answer.errors)")
            }
            let nowhere = try await Guardian.run(enqueue, environment: ["GUARDIAN_DATA_DIR": ""])
            #expect(nowhere.status == 2 && nowhere.errors.contains("data_dir: must be a path"), "\(nowhere)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: workplace.path).isEmpty)
        }

        @Test("a word that is no command is refused with the one that was meant, behind help and inside a group too")
        func misspelled() async throws {
            for (words, told) in [
                (["statsu"], "statsu is no command; did you mean status?"), (["lock", "stauts"], "did you mean status?"),
                (["help", "nonsense"], "nonsense is no command; guardian --help lists all"), (["help", "statsu"], "did you mean status?"),
                (["status", "--nonsense"], "Unknown option '--nonsense'"),
            ] {
                let answer = try await Guardian.run(words)
                #expect(answer.status == 2 && answer.output.isEmpty, "\(words): \(answer)")
                #expect(answer.errors.hasPrefix("guardian: ") && answer.errors.contains(told), "\(words): \(answer.errors)")
            }
            #expect(try await Guardian.run(["help", "lock"]).output.contains("guardian lock status"))
        }

        @Test("what standard output does not take makes a command fail, which says so")
        func fullOutput() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let stored = [["list", "--json"], ["status", "--json"], ["check", "--json"], ["config", "print"]].map {
                $0 + ["--data-dir", workplace.path]
            }
            for command in stored + [["generate"], ["--help"], ["--version"]] {
                let answer = try await Guardian.run(command, wrapper: ["sh", "-c", "exec \"$0\" \"$@\" > /dev/full"])
                #expect(answer.status == 1, "\(command)")
                let told = "guardian: standard output can't be written: No space left on device\n"
                #expect(answer.errors == told, "\(command): \(answer.errors)")
            }
        }

        @Test("where standard descriptors are closed nothing else takes their numbers, and using them fails")
        func closedDescriptors() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let closed = ["sh", "-c", "exec \"$0\" \"$@\" <&- >&-"]
            let read = try await Guardian.run(["enqueue", "--from-file", "-", "--data-dir", workplace.path], wrapper: closed)
            #expect(read.status == 1 && read.errors.contains("--from-file: - can't be read: Bad file descriptor"), "\(read.errors)")
            let said = try await Guardian.run(["list", "--data-dir", workplace.path, "--json"], wrapper: closed)
            #expect(said.status == 1 && said.errors.contains("standard output can't be written: Bad file descriptor"), "\(said.errors)")
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick, wrapper: closed)
            defer { serve.kill() }
            for number in 0...1 {
                let file = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(serve.pid)/fd/\(number)")
                #expect(file == "/dev/null")
            }
        }

        @Test("a variable that may be somebody else's is warned of by serve, which starts, and refused by config check")
        func variableOfOthers() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let others = ["GUARDIAN_BIN": "/usr/bin/guardian", "GUARDIAN_STAGE": "production", "GUARDIAN_SERVICE_HOST": "10.0.0.11"]
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick.merging(others) { $1 })
            defer { serve.kill() }
            #expect(serve.errors.contains("GUARDIAN_BIN names no setting"), "\(serve.errors)")
            #expect(serve.errors.contains("GUARDIAN_STAGE names no setting; did you mean GUARDIAN_STORE?"), "\(serve.errors)")
            #expect(!serve.errors.contains("GUARDIAN_SERVICE_HOST"), "\(serve.errors)")
            let check = try await workplace.run("config", "check", environment: others)
            #expect(check.status == 2 && check.errors.contains("GUARDIAN_BIN names no setting"), "\(check.errors)")
            #expect(try await workplace.run("status", environment: others).status == 0)
        }

        @Test("every command has --help with an example, none of whose lines is too long for a terminal")
        func help() async throws {
            var waiting: [[String]] = [[]]
            var leaves = 0
            while let command = waiting.popLast() {
                let answer = try await Guardian.run(command + ["--help"], environment: ["COLUMNS": "80"])
                #expect(answer.status == 0, "\(command): \(answer.errors)")
                let wide = answer.output.split(separator: "\n").filter { $0.count > 80 && !$0.hasPrefix("USAGE: ") }
                #expect(wide.isEmpty, "\(command): \(wide)")
                let inner = Self.subcommands(in: answer.output)
                waiting += inner.map { command + [$0] }
                if inner.isEmpty { leaves += 1 }
                // Help is wrapped where the line ends.
                let words = answer.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                let examples = words.ranges(of: "Example").first.map { String(words[$0.upperBound...]) } ?? ""
                let call = (["guardian"] + command).joined(separator: " ")
                #expect(examples.contains(call), "\(call)")
            }
            #expect(leaves >= 18)
        }

        @Test("every option and argument of every command says in --help what it is for")
        func helpOfOptions() async throws {
            let dump = try await Guardian.run(["--experimental-dump-help"])
            #expect(dump.status == 0, "\(dump.errors)")
            var waiting = [(["guardian"], try #require(dump.json["command"]))]
            var seen = 0
            while let (path, command) = waiting.popLast() {
                for argument in command["arguments"]?.elements ?? [] where argument["shouldDisplay"] != false {
                    let name = argument["names"]?.elements?.first?["name"]?.string ?? argument["valueName"]?.string ?? "?"
                    #expect(argument["abstract"]?.string?.isEmpty == false, "\(path.joined(separator: " ")): \(name)")
                    seen += 1
                }
                // `help` is the parser's own.
                for inner in command["subcommands"]?.elements ?? [] where inner["commandName"] != "help" {
                    waiting.append((path + [inner["commandName"]?.string ?? "?"], inner))
                }
            }
            #expect(seen > 100)
        }

        /// The names under `SUBCOMMANDS:`: two spaces, then the name.
        private static func subcommands(in help: String) -> [String] {
            let lines = help.split(separator: "\n", omittingEmptySubsequences: false)
            guard let start = lines.firstIndex(of: "SUBCOMMANDS:") else { return [] }
            return lines[(start + 1)...].prefix { !$0.isEmpty }.filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
                .compactMap { $0.split(separator: " ").first.map { String($0) } }
        }
    }
}
