import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// What commands refuse, what they keep while they do, and which exit code says so.
    @Suite(.serialized) struct CommandRefusalTests {
        // MARK: Ordering

        @Test("commands that were not given the daemon's configuration leave its order alone, and a second daemon with another is refused")
        func ordering() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let config = workplace.path + "/strict.yaml"
            try "ordering: strict\n".write(toFile: config, atomically: true, encoding: .utf8)
            let serve = try await workplace.serve(upstream: Workplace.nobody, ["--config", config])
            defer { serve.kill() }
            for id in ["a", "b", "c"] { #expect(try await workplace.enqueue(id).status == 0) }
            for command in ["status", "check", "rebuild-index", "list"] {
                #expect(try await workplace.run(command).status == 0, "\(command)")
            }
            let setting = try await workplace.sqlite("SELECT value FROM guardian_setting WHERE name = 'ordering'")
            #expect(setting.hasPrefix("strict"))
            let lines = try await workplace.sqlite("SELECT count(DISTINCT line) FROM guardian_operation")
            #expect(lines.hasPrefix("1"))

            let other = workplace.path + "/entity.yaml"
            try "ordering: entity\n".write(toFile: other, atomically: true, encoding: .utf8)
            let second = try await Guardian.start(
                ["serve", "--data-dir", workplace.path, "--listen", "127.0.0.1:0", "--upstream", Workplace.nobody, "--config", other],
                environment: Workplace.quick, ready: "not ready on ")
            defer { second.kill() }
            try await workplace.expectBalance()
        }

        // MARK: migrate-store

        @Test("migrate-store from a store to itself is a usage error, however it is spelt, and nothing of the queue is lost")
        func sameStore() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            for id in ["a", "b", "c"] { #expect(try await workplace.enqueue(id).status == 0) }
            let link = workplace.path + "/link"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: workplace.path)
            for spelling in [workplace.path, workplace.path + "/", link, ".", "env:GUARDIAN_OTHER"] {
                let answer = try await Guardian.run(
                    ["migrate-store", "--from", workplace.path, "--to", spelling], environment: ["GUARDIAN_OTHER": workplace.path],
                    wrapper: ["env", "-C", workplace.path])
                #expect(answer.status == 2, "\(spelling): \(answer.output)\(answer.errors)")
                #expect(answer.errors.contains("--from and --to are the same store"), "\(spelling): \(answer.errors)")
                #expect(try await workplace.run("status", "--json").json["books"]?["pending"]?.integer == 3, "\(spelling)")
                #expect(try await workplace.run("lock", "status", "--json").json["held"] == false, "\(spelling)")
            }
            try await workplace.expectBalance()
        }

        @Test("migrate-store from a store that somebody delivers from is refused, and makes no new store")
        func migrationFromBusyStore() async throws {
            let (old, new) = (try Workplace(), try Workplace())
            defer { for workplace in [old, new] { workplace.remove() } }
            let serve = try await old.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            try await Web.wait("the lock") { try await old.run("lock", "status", "--json").json["held"] == true }
            let answer = try await Guardian.run(["migrate-store", "--from", old.path, "--to", new.path])
            #expect(answer.status == 5 && answer.errors.contains("somebody delivers"), "\(answer.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: new.path).isEmpty)
        }

        @Test("a sealed queue moves under the key of the environment or of the configuration, and is sealed in the new store")
        func sealedMigration() async throws {
            let (old, new, last) = (try Workplace(), try Workplace(), try Workplace())
            defer { for workplace in [old, new, last] { workplace.remove() } }
            let canary = "canary-4242424242"
            let key = Data((0..<32).map { UInt8(truncatingIfNeeded: $0 &* 11) }).base64EncodedString()
            let keys = ["GUARDIAN_SEAL_KEY": key]
            let taken = try await old.run(
                "enqueue", "--operation", "update", "--entity-type", "note", "--entity-id", "n", "--id", "n", "--payload",
                #"{"text":"\#(canary)"}"#, environment: keys)
            #expect(taken.status == 0, "\(taken.errors)")
            let keyless = try await Guardian.run(["migrate-store", "--from", old.path, "--to", new.path])
            #expect(keyless.status == 4 && keyless.errors.contains("sealed under key"), "\(keyless.errors)")

            let first = try await Guardian.run(["migrate-store", "--from", old.path, "--to", new.path, "--json"], environment: keys)
            #expect(first.status == 0 && first.json["operations"]?.integer == 1, "\(first.errors)")
            try await expectSealed(new, canary, keys)

            let (file, config) = (last.path + "/seal.key", last.path + "/guardian.yaml")
            try key.write(toFile: file, atomically: true, encoding: .utf8)
            try "seal:\n  key_file: \(file)\n".write(toFile: config, atomically: true, encoding: .utf8)
            let second = try await Guardian.run(
                ["migrate-store", "--from", new.path, "--to", last.path, "--config", config, "--json"])
            #expect(second.status == 0 && second.json["operations"]?.integer == 1, "\(second.errors)")
            try await expectSealed(last, canary, keys)
        }

        private func expectSealed(_ workplace: Workplace, _ canary: String, _ keys: [String: String]) async throws {
            let shown = try await workplace.run("show", "n", "--json", environment: keys)
            #expect(shown.json["payload"]?["text"]?.string == canary, "\(shown.errors)")
            for name in try FileManager.default.contentsOfDirectory(atPath: workplace.path) {
                let bytes = FileManager.default.contents(atPath: workplace.path + "/" + name)
                #expect(bytes?.range(of: Data(canary.utf8)) == nil, "\(name)")
            }
            #expect(try await workplace.run("status").status == 4)
        }

        // MARK: archive

        /// Leaves one operation, `bad`, that was sent and has failed.
        private func refuseOne(_ workplace: Workplace) async throws {
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            try await Web.poison(backend.url, ["bad"])
            let serve = try await workplace.serve(upstream: backend.url)
            defer { serve.kill() }
            for id in ["good", "bad"] { #expect(try await workplace.enqueue(id).status == 0) }
            try await Web.wait("one failed, one processed") {
                let failed = try await Web.failed(serve.url)
                let processed = try await Web.processed(serve.url)
                return failed == 1 && processed == 1
            }
            #expect(serve.terminate() == 0)
        }

        private func archive(_ workplace: Workplace, to file: String) async throws {
            let answer = try await workplace.run("archive", "--older-than", "1ms", "--out", file, "--yes", "--json")
            #expect(answer.status == 0 && answer.json["archived"]?.integer == 1, "\(answer.errors)")
        }

        @Test("what was sent comes back from an archive as sent: its outcome is unknown, and a cancel says that it may have been applied")
        func archiveKeepsThatItWasSent() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try await refuseOne(workplace)
            let file = workplace.path + "/failed.ndjson"
            try await archive(workplace, to: file)
            let line = try JSONValue(parsing: String(contentsOfFile: file, encoding: .utf8))
            #expect(line["last_attempt_at"]?.string != nil, "\(line.text)")
            let back = try await workplace.run("archive", "--restore", file, "--json")
            #expect(back.status == 0 && back.json["restored"]?.integer == 1 && back.json["unreadable"]?.integer == 0, "\(back.errors)")
            let sql = "SELECT status, unknown_at IS NOT NULL, unknown_at = last_attempt_at FROM guardian_operation"
            #expect(try await workplace.sqlite(sql) == "0|1|1\n")
            #expect(try await workplace.run("show", "bad", "--json").json["last_attempt_at"] == line["last_attempt_at"])
            let cancelled = try await workplace.run("cancel", "bad", "--yes", "--json")
            #expect(cancelled.json["cancelled"]?.string == "may_have_applied", "\(cancelled.output)")
            try await workplace.expectBalance()
        }

        @Test("a torn line at the end of an archive spoils no other: the file is made private, and restore names the line and goes on")
        func tornArchiveLine() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try await refuseOne(workplace)
            let file = workplace.path + "/failed.ndjson"
            try #"{"id":"torn","pay"#.write(toFile: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
            try await archive(workplace, to: file)
            #expect(try await Shell.run(["stat", "-c", "%a", file]).output == "600\n")
            #expect(try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").count == 2)
            let back = try await workplace.run("archive", "--restore", file, "--json")
            #expect(back.status == 1, "\(back.output)")
            #expect(back.json["restored"]?.integer == 1 && back.json["unreadable"]?.integer == 1, "\(back.output)")
            #expect(back.errors.contains("line 1 can't be read"), "\(back.errors)")
            #expect(try await workplace.run("show", "bad", "--json").json["status"]?.string == "pending")
            try await workplace.expectBalance()
        }

        @Test("an archive follows a link to what is not there yet; where nothing is moved there is no file; what can't be one is said why")
        func archivePlaces() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try await refuseOne(workplace)
            let (link, real, files) = (workplace.path + "/link.ndjson", workplace.path + "/real.ndjson", FileManager.default)
            try files.createSymbolicLink(atPath: link, withDestinationPath: "real.ndjson")
            let none = try await workplace.run("archive", "--older-than", "1h", "--out", link, "--yes")
            #expect(none.status == 0 && none.output == "nothing to move\n" && !files.fileExists(atPath: real), "\(none)")
            for (out, status, told) in [
                ("-", Int32(2), "an archive is a file"), ("", 2, "--out: is empty"), (workplace.path, 2, "is a directory"),
                (workplace.path + "/none/a", 1, "No such file or directory"),
            ] {
                let answer = try await workplace.run("archive", "--older-than", "1ms", "--out", out, "--yes")
                #expect(answer.status == status && answer.errors.contains(told), "\(out): \(answer)")
            }
            try await archive(workplace, to: link)
            #expect(try files.destinationOfSymbolicLink(atPath: link) == "real.ndjson")
            #expect(try files.attributesOfItem(atPath: real)[.posixPermissions] as? Int == 0o600)
            // One that was there stays, whatever comes into it.
            #expect(try await workplace.run("archive", "--older-than", "1ms", "--out", link, "--yes").status == 0)
            #expect(try String(contentsOfFile: real, encoding: .utf8).split(separator: "\n").count == 1)
            try await workplace.expectBalance()
        }

        @Test("no command writes over the store or a file of it, however it is spelt, nor over a database or what is no archive")
        func keepsStore() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            for id in ["a", "b", "c"] { #expect(try await workplace.enqueue(id).status == 0) }
            let link = workplace.path + "/link.csv"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "guardian.sqlite")
            let own = [
                workplace.store, workplace.path + "/./guardian.sqlite", link, workplace.store + "-wal", workplace.store + "-reserve",
            ]
            let writers = [["export"], ["archive", "--yes"]]
            for (out, writer) in own.flatMap({ out in writers.map { (out, $0) } }) {
                let answer = try await Guardian.run(writer + ["--out", out, "--data-dir", workplace.path])
                #expect(answer.status == 5 && answer.errors.contains("the store"), "\(writer) \(out): \(answer.output)\(answer.errors)")
            }
            #expect(try await workplace.run("backup", "--out", workplace.store + "-wal").status == 5)

            let (copy, notes) = (workplace.path + "/copy.sqlite", workplace.path + "/notes.txt")
            #expect(try await workplace.run("backup", "--out", copy).status == 0)
            try Data("mine\n".utf8).write(to: URL(fileURLWithPath: notes))
            for (writer, out) in [(writers[0], copy), (writers[1], copy), (writers[1], notes)] {
                let before = try Data(contentsOf: URL(fileURLWithPath: out))
                let answer = try await Guardian.run(writer + ["--out", out, "--data-dir", workplace.path])
                #expect(answer.status == 5 && answer.errors.contains("never written over"), "\(writer) \(out): \(answer.errors)")
                #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == before, "\(writer) \(out)")
            }
            #expect(try await workplace.run("status", "--json").json["books"]?["pending"]?.integer == 3)
            try await workplace.expectBalance()
        }

        // MARK: backup and restore

        @Test("restore is for a store in a file: with PostgreSQL it is a usage error, and a backup that is not there is not found")
        func restoreRefuses() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let copy = workplace.path + "/copy.sqlite"
            #expect(try await workplace.run("backup", "--out", copy).status == 0)
            let elsewhere = try await workplace.run("restore", copy, "--yes", "--store", "postgresql://127.0.0.1:1/none?connect_timeout=1")
            #expect(elsewhere.status == 2 && elsewhere.errors.contains("PostgreSQL has its own tools"), "\(elsewhere.errors)")
            let missing = try await workplace.run("restore", workplace.path + "/nothing.sqlite", "--yes")
            #expect(missing.status == 3 && missing.errors.contains("nothing.sqlite"), "\(missing.errors)")
            let table = workplace.path + "/table.csv"
            try String(repeating: "a,b\n", count: 1000).write(toFile: table, atomically: true, encoding: .utf8)
            let none = try await workplace.run("restore", table, "--yes")
            #expect(none.status == 4 && none.errors.contains("\(table) can't be restored"), "\(none.errors)")
            #expect(!none.errors.contains("the store is damaged"), "\(none.errors)")
            let script = """
                set -e; cd "$0"; : > empty; mkfifo pipe; sqlite3 foreign.sqlite 'CREATE TABLE song (title)'
                sqlite3 guardian.sqlite '.backup store.sqlite'
                """
            #expect(try await Shell.run(["sh", "-c", script, workplace.path]).status == 0)
            for (name, told) in [
                (".", "it is a directory"), ("empty", "it is empty"), ("pipe", "it is no regular file"),
                ("foreign.sqlite", "it is no store of GuardianSync's"), ("store.sqlite", "it was not made by `guardian backup`"),
            ] {
                let answer = try await workplace.run("restore", workplace.path + "/" + name, "--yes")
                #expect(answer.status == 4 && answer.errors.contains("/\(name) can't be restored: \(told)"), "\(answer.errors)")
            }
            #expect(try await workplace.run("status", "--json").json["books"]?["pending"]?.integer == 1)
        }

        @Test("backup never writes over a file: it is refused, and the file stays as it was")
        func backupRefuses() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let copy = workplace.path + "/copy.sqlite"
            try "mine".write(toFile: copy, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("backup", "--out", copy)
            #expect(answer.status == 5 && answer.errors.contains("exists already"), "\(answer.errors)")
            #expect(try String(contentsOfFile: copy, encoding: .utf8) == "mine")
            let nowhere = try await workplace.run("backup", "--out", workplace.path + "/none/copy.sqlite")
            #expect(nowhere.status == 1 && nowhere.errors.contains("--out: "), "\(nowhere.errors)")
            #expect(nowhere.errors.contains("No such file or directory") && !nowhere.errors.contains("data directory"), "\(nowhere.errors)")
        }

        @Test("a backup follows a link to what is not there yet, fails where that can't be made, and is never standard output")
        func backupPlaces() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let (link, lost, files) = (workplace.path + "/link.sqlite", workplace.path + "/lost.sqlite", FileManager.default)
            try files.createSymbolicLink(atPath: link, withDestinationPath: "real.sqlite")
            try files.createSymbolicLink(atPath: lost, withDestinationPath: "none/real.sqlite")
            #expect(try await workplace.run("backup", "--out", link).status == 0)
            #expect(files.fileExists(atPath: workplace.path + "/real.sqlite"))
            for (out, status, told) in [
                (link, Int32(5), "exists already"), (lost, 1, "No such file or directory"), ("-", 2, "a backup is a file"),
                ("", 2, "--out: is empty"),
            ] {
                let answer = try await workplace.run("backup", "--out", out)
                #expect(answer.status == status && answer.errors.contains(told), "\(out): \(answer)")
            }
            #expect(try files.destinationOfSymbolicLink(atPath: link) == "real.sqlite")
            #expect(try files.destinationOfSymbolicLink(atPath: lost) == "none/real.sqlite")
        }

        @Test("a store that is damaged is said to be mended by a repair, which is another command than the one that found it")
        func damaged() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try String(repeating: "none of ours\n", count: 1000).write(toFile: workplace.store, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("check")
            #expect(answer.status == 4 && answer.errors.contains("guardian check --repair"), "\(answer.errors)")
        }

        // MARK: usage

        @Test(
            "a rate or a time that no clock can hold is a usage error that names it",
            arguments: ["1e-300", "1e300", "inf", "nan", "-1", "soon"])
        func numbers(text: String) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let retry = try await workplace.run("retry", "--all-failed", "--rate=\(text)")
            #expect(retry.status == 2 && retry.errors.contains("--rate"), "\(retry.errors)")
            // That many seconds are a short demo.
            guard text != "1e-300" else { return }
            let demo = try await Guardian.run(["demo"], environment: ["DEMO_SECONDS": text], wrapper: ["timeout", "20"])
            #expect(demo.status == 2 && demo.errors.contains("DEMO_SECONDS"), "\(demo.errors)")
        }

        @Test("an upstream.url that can't be used is a usage error of every command that needs it")
        func badUpstream() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let file = workplace.path + "/failed.ndjson"
            try "".write(toFile: file, atomically: true, encoding: .utf8)
            let commands = [
                ["enqueue", "--operation", "delete", "--entity-type", "room", "--entity-id", "b"], ["archive", "--restore", file],
                ["explain", "a", "--as-request"],
            ]
            for command in commands {
                let answer = try await Guardian.run(
                    command + ["--data-dir", workplace.path], environment: ["GUARDIAN_UPSTREAM_URL": "ftp://example.com"])
                #expect(answer.status == 2 && answer.errors.contains("upstream.url: "), "\(command): \(answer.status) \(answer.errors)")
            }
        }

        @Test("config print and config check answer in JSON when they are asked to")
        func configurationAsJSON() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let printed = try await workplace.run("config", "print", "--json", environment: ["GUARDIAN_WORKERS": "7"])
            let settings = try #require(printed.json["settings"]?.elements, "\(printed.output)\(printed.errors)")
            let workers = try #require(settings.first { $0["key"]?.string == "workers" })
            #expect(workers["value"]?.string == "7" && workers["source"]?.string == "environment", "\(workers.text)")
            let checked = try await workplace.run("config", "check", "--json")
            #expect(checked.status == 0 && checked.json["ok"] == true, "\(checked.output)\(checked.errors)")
        }

        @Test("enqueue takes an ordering key")
        func orderingKey() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let answer = try await workplace.run(
                "enqueue", "--operation", "create", "--entity-type", "device", "--entity-id", "lamp", "--id", "lamp", "--ordering-key",
                "room/kitchen", "--payload", "{}")
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(try await workplace.run("show", "lamp", "--json").json["ordering_key"]?.string == "room/kitchen")
        }

        // MARK: readers that go away

        /// What a command has come to whose reader took its first line and went; its exit status is 124 when it was still there after 30 s.
        private struct Unread {
            var line: String
            var status: String
        }

        private static func firstLine(of words: [String]) async throws -> Unread {
            let script = #"timeout 30 "$0" "$@" | head -n 1; echo "${PIPESTATUS[0]}""#
            let said = try await Shell.run(["bash", "-c", script, Guardian.binary] + words).output.split(separator: "\n")
            return Unread(line: said.count > 1 ? String(said[0]) : "", status: said.last.map { String($0) } ?? "")
        }

        @Test("a command that would go on for ever ends as a success when its reader has gone away")
        func closedOutput() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let endless = [
                ["metrics", "--watch", "--every", "20ms", "--listen", "127.0.0.1:1", "--data-dir", workplace.path],
                ["top", "--interval", "0.1", "--data-dir", workplace.path], ["generate", "--operations", "100000000"],
            ]
            for command in endless {
                let told = try await Self.firstLine(of: command)
                #expect(told.status == "0" && !told.line.isEmpty, "\(command): \(told)")
            }
        }

        @Test("events ends as a success when its reader has gone away")
        func closedEvents() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            let (url, path) = (serve.url, workplace.path)
            let told = try await withThrowingTaskGroup(of: Unread?.self) { group -> Unread in
                group.addTask {
                    try await Self.firstLine(of: ["events", "--json", "--listen", String(url.dropFirst(7)), "--data-dir", path])
                }
                group.addTask {
                    // Nobody says when it listens.
                    while !Task.isCancelled {
                        let status = try await Web.post(url, Web.operation)
                        #expect(status == 202)
                        do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
                    }
                    return nil
                }
                defer { group.cancelAll() }
                return try #require(try await group.next() ?? nil)
            }
            #expect(told.status == "0" && told.line.hasPrefix("{"), "\(told)")
        }

        @Test("metrics --watch needs no more connections to PostgreSQL for many looks than for one")
        func watchLeavesNoConnections() async throws {
            let server = try PostgresServer(settings: ["max_connections=20"])
            defer { server.end() }
            let environment = ["GUARDIAN_STORE": server.url, "GUARDIAN_DATA_DIR": NSTemporaryDirectory() + "/guardian-none"]
            let answer = try await Guardian.run(
                ["metrics", "--watch", "--every", "5ms", "--count", "60", "--json", "--listen", "127.0.0.1:1"], environment: environment,
                wrapper: ["timeout", "120"])
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(answer.output.split(separator: "\n").count == 60)
        }
    }
}
