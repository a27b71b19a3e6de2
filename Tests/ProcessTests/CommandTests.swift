import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// Commands on a store that no daemon has open.
    @Suite(.serialized) struct CommandTests {
        @Test("enqueue from flags prints the receipt; the same id again adds nothing")
        func enqueuesFlags() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let first = try await workplace.enqueue("mine")
            #expect(first.status == 0)
            #expect(first.json["id"]?.string == "mine")
            #expect(first.json["seq"]?.integer == 1)
            #expect(first.json["status"]?.string == "pending")
            #expect(first.json["outcome"]?.string == "accepted")
            let again = try await workplace.enqueue("mine")
            #expect(again.status == 0)
            #expect(again.json["outcome"]?.string == "duplicate")
            #expect(again.json["seq"]?.integer == 1)
            let told = try await workplace.run(
                "enqueue", "--operation", "delete", "--entity-type", "room", "--entity-id", "r2", "--id", "gone")
            #expect(told.output.hasPrefix("accepted gone (seq "))
            #expect(first.errors == "guardian: a new store was made: \(workplace.store)\n" && told.errors.isEmpty, "\(first.errors)")
            let bad = try await workplace.run(
                "enqueue", "--operation", "update", "--entity-type", "room", "--entity-id", "r1", "--payload", "[1]")
            #expect(bad.status == 2)
            #expect(bad.errors.contains("--payload: "))
            try await workplace.expectBalance()
        }

        @Test("every field of an operation has a flag; a value that can't be taken is a usage error that names it, and makes no store")
        func enqueuesAllFields() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let least = ["enqueue", "--operation", "update", "--entity-type", "room", "--entity-id", "r1", "--data-dir", workplace.path]
            for (flag, value) in [
                ("--priority", "1000"), ("--payload", "[1]"), ("--base", "7"), ("--not-before", "soon"), ("--expires-at", "2026-02-30"),
                ("--schema-version", "0"), ("--txn-token", ""), ("--principal", ""), ("--id", ""), ("--ordering-key", ""),
                ("--from-file", "-"),
            ] {
                let payload = flag == "--payload" ? [] : ["--payload", "{}"]
                let answer = try await Guardian.run(least + payload + [flag, value])
                let named = flag == "--from-file" ? "--operation: is for one operation" : "guardian: \(flag): "
                #expect(answer.status == 2 && answer.errors.contains(named), "\(flag): \(answer.errors)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: workplace.path).isEmpty)

            let taken = try await Guardian.run(
                least + [
                    "--payload", #"{"a":1}"#, "--base", #"{"a":0}"#, "--id", "all", "--priority=-7", "--not-before", "1d", "--expires-at",
                    "2099-01-31", "--txn-token", "change-1", "--principal", "alice", "--schema-version", "3",
                ])
            #expect(taken.status == 0, "\(taken.errors)")
            let shown = try await workplace.run("show", "all", "--json").json
            #expect(shown["base"]?["a"]?.integer == 0 && shown["txn_token"] == "change-1" && shown["priority"]?.integer == -7)
            #expect(shown["schema_version"]?.integer == 3 && shown["expires_at"] == "2099-01-31T00:00:00.000Z")
            #expect(shown["principal"]?.string?.isEmpty == false && shown["principal"] != "alice")
            let times = ["not_before", "enqueued_at"].compactMap { shown[$0]?.string.flatMap(Timestamp.init(rfc3339:))?.milliseconds }
            #expect(times.count == 2 && abs(times[0] - times[1] - 86_400_000) < 60_000, "\(shown.text)")
        }

        @Test("serve and backend say as JSON where they listen, and generate makes one array")
        func json() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            for command in [workplace.arguments(upstream: Workplace.nobody), ["backend", "--listen", "127.0.0.1:0"]] {
                let out = workplace.path + "/\(command[0]).json"
                let process = try Guardian.launch(command + ["--json"], wrapper: Guardian.writing(to: out))
                defer { process.kill() }
                var text = ""
                try await Web.wait("the first line of \(command[0])") {
                    text = FileManager.default.contents(atPath: out).map { String(decoding: $0, as: UTF8.self) } ?? ""
                    return text.contains("\n")
                }
                process.terminate()
                let told = try JSONValue(parsing: String(text.prefix { $0 != "\n" }))
                let isReady = told["state"] == "ready" && told["url"]?.string?.hasPrefix("http://127.0.0.1:") == true
                #expect(isReady, "\(text)\(process.errors)")
            }
            let made = try await Guardian.run(["generate", "--operations", "3", "--json"])
            #expect(made.json.elements?.count == 3 && made.json.elements?.first?["operation_type"]?.string != nil, "\(made.output)")
            #expect(try await Guardian.run(["generate", "--operations", "0", "--json"]).json.elements?.isEmpty == true)
        }

        @Test("enqueue reads NDJSON from standard input, and counts what was there already")
        func enqueuesStandardInput() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let line = #"{"id":"%s","operation_type":"update","entity_type":"room","entity_id":"r1","payload":{"seq":1}}\n"#
            let script = "printf '\(line)\(line)\(line)' a b a | \"$0\" enqueue --from-file - --json --data-dir \"$1\""
            let answer = try await Shell.run(["sh", "-c", script, Guardian.binary, workplace.path])
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(answer.json["accepted"]?.integer == 2)
            #expect(answer.json["duplicates"]?.integer == 1)
        }

        @Test("enqueue writes what has come through a pipe while it waits for more")
        func enqueuesAsItComes() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let pipe = workplace.path + "/pipe"
            #expect(mkfifo(pipe, 0o600) == 0)
            // Whatever happens, nobody is left who waits for somebody at the other end.
            defer {
                let end = open(pipe, O_RDWR | O_NONBLOCK)
                if end >= 0 { close(end) }
            }
            let enqueue = try Guardian.launch(
                ["enqueue", "--from-file", "-", "--data-dir", workplace.path],
                environment: ["FIRST": Web.operation, "REST": pipe],
                wrapper: ["sh", "-c", #"{ printf '%s\n\n' "$FIRST"; cat "$REST"; } | "$@""#, "sh"])
            defer { enqueue.kill() }
            func accepted() async throws -> Int64? {
                try await workplace.run("status", "--json").json["books"]?["accepted"]?.integer
            }
            try await Web.wait("the first on disk") { try await accepted() == 1 }
            #expect(enqueue.isRunning)
            let rest = try await Shell.run(["sh", "-c", #"printf '%s\n' "$0" > "$1""#, Web.operation, pipe])
            #expect(rest.status == 0, "\(rest.errors)")
            try await Web.wait("the end") { !enqueue.isRunning }
            #expect(try await accepted() == 2)
        }

        @Test("an argument or a variable that is not UTF-8 is a usage error that names it, not another text in its place")
        func refusesOtherText() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let script = #""$0" enqueue --operation delete --entity-type room --entity-id "$(printf 'r\377')" --data-dir "$1""#
            let argument = try await Shell.run(["sh", "-c", script, Guardian.binary, workplace.path])
            #expect(argument.status == 2 && argument.errors.contains("argument 7 is not valid UTF-8"), "\(argument.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: workplace.path).isEmpty)
            for name in ["GUARDIAN_UPSTREAM_URL", "GUARDIAN_SEAL_KEY"] {
                let setting = #"env "$2=$(printf 'x\377')" "$0" config check --data-dir "$1""#
                let variable = try await Shell.run(["sh", "-c", setting, Guardian.binary, workplace.path, name])
                #expect(variable.status == 2 && variable.errors.contains("\(name) is not valid UTF-8"), "\(variable.errors)")
            }
        }

        @Test("status, list and show agree on what is stored")
        func looks() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            for id in ["a", "b", "c"] { #expect(try await workplace.enqueue(id).status == 0) }
            let status = try await workplace.run("status", "--json")
            #expect(status.json["books"]?["pending"]?.integer == 3)
            #expect(status.json["books"]?["accepted"]?.integer == 3)
            #expect(status.json["state"] == "not_delivered" && status.json["next_step"] == "guardian serve", "\(status.output)")
            #expect(status.json["explanation"]?["claimable"]?.integer == 3)
            let screen = try await workplace.run("status").output.split(separator: "\n")
            #expect(screen.first == "state    NOBODY DELIVERS")
            for line in ["next     guardian serve", "queue    pending 3  processing 0  failed 0", "held up  claimable 3"] {
                #expect(screen.contains { $0 == line }, "\(screen)")
            }
            #expect(screen.count < 24 && screen.allSatisfy { $0.count <= 80 }, "\(screen)")
            #expect(try await ids(workplace.run("list", "--json")) == ["a", "b", "c"])
            let page = try await workplace.run("list", "--status", "pending", "--limit", "2", "--json")
            #expect(try ids(page) == ["a", "b"])
            #expect(page.errors == "guardian: there are more: --after 2\n")
            #expect(try await workplace.run("list", "--after", "1", "--limit", "2").errors.isEmpty)
            #expect(try await ids(workplace.run("list", "--status", "failed", "--json")) == [])
            #expect(try await ids(workplace.run("list", "--entity-id", "b", "--json")) == ["b"])
            let shown = try await workplace.run("show", "b", "--json").json
            #expect(shown["status"]?.string == "pending")
            #expect(shown["ordering_key"]?.string == "room/b")
            #expect(shown["payload"]?["seq"]?.integer == 1)
            #expect(shown["attempt_count"]?.integer == 0)
        }

        @Test("cancel and clear-failed and lock release ask for --yes; a cancelled operation was never sent, and is gone")
        func asks() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            for command in [["cancel", "a"], ["clear-failed"], ["lock", "release"]] {
                let answer = try await Guardian.run(command + ["--data-dir", workplace.path])
                #expect(answer.status == 5, "\(command)")
                #expect(answer.errors.contains("--yes"), "\(command): \(answer.errors)")
            }
            let cancelled = try await workplace.run("cancel", "a", "--yes", "--json")
            #expect(cancelled.status == 0)
            #expect(cancelled.json["cancelled"]?.string == "never_sent")
            #expect(try await workplace.run("show", "a").status == 3)
            #expect(try await workplace.run("cancel", "a", "--yes").status == 3)
            #expect(try await workplace.run("status", "--json").json["books"]?["cancelled"]?.integer == 1)
            try await workplace.expectBalance()
        }

        @Test("rebuild-index finds nothing wrong with a store that is whole")
        func rebuilds() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            for id in ["a", "b"] { #expect(try await workplace.enqueue(id).status == 0) }
            let answer = try await workplace.run("rebuild-index", "--json")
            #expect(answer.status == 0)
            #expect(answer.json["changed"]?.integer == 0)
            try await workplace.expectBalance()
        }

        @Test("the lock is free while no daemon runs")
        func lockIsFree() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            #expect(try await workplace.run("lock", "status", "--json").json["held"] == false)
            #expect(try await workplace.run("lock", "release", "--yes", "--json").json["released"] == false)
            for (command, paused) in [("pause", true), ("resume", false)] {
                #expect(try await workplace.run(command, "--json").json["paused"] == .bool(paused))
                let pauses = try await workplace.run("status", "--json").json["pauses"]?.elements
                #expect(pauses?.isEmpty == !paused)
            }
        }

        private func ids(_ answer: Guardian.Answer) throws -> [String] {
            #expect(answer.status == 0, "\(answer.errors)")
            return try #require(answer.json.elements).compactMap { $0["id"]?.string }
        }
    }
}
