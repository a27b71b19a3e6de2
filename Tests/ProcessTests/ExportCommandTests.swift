import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// `guardian export`: whole or not at all, redacted, read back by programs that others have written.
    @Suite(.serialized) struct ExportCommandTests {
        /// Operations that make trouble in a file: separators, quotes, breaks, formulas, secrets.
        static let operations = [
            #"{"id":"plain","operation_type":"update","entity_type":"room","entity_id":"r1","payload":{"a":1}}"#,
            #"{"id":"comma","operation_type":"update","entity_type":"room","entity_id":"a,b\"c","payload":{"s":"x,\"y\""}}"#,
            #"{"id":"break","operation_type":"update","entity_type":"room","entity_id":" a'b; ","payload":{"s":"a\r\nb"}}"#,
            #"{"id":"=1+1","operation_type":"update","entity_type":"room","entity_id":"@SUM(A1)","payload":{}}"#,
            #"{"id":"secret","operation_type":"create","entity_type":"user","entity_id":"u1","payload":{"password":"canary-1","mail":"canary@example.com"}}"#,
            #"{"id":"gone","operation_type":"delete","entity_type":"room","entity_id":"é用"}"#,
        ]

        /// Runs a command, then prints the most memory it had in KiB, the seconds that it took from its start to its end, and those for
        /// which it had a processor.
        static let measure =
            "import resource,subprocess,sys,time; begun=time.monotonic(); code=subprocess.call(sys.argv[1:]); took=time.monotonic()-begun; "
            + "used=resource.getrusage(resource.RUSAGE_CHILDREN); "
            + "print(used.ru_maxrss, took, used.ru_utime+used.ru_stime, file=sys.stderr); sys.exit(code)"

        /// Prints how many rows a CSV file with payloads has and the SHA-256 of all their cells, then the same of what a store holds.
        static let digests = """
            import csv, datetime, hashlib, json, sqlite3, sys, uuid
            def digest(rows):
                (count, sum) = (0, hashlib.sha256())
                for row in rows:
                    count += 1
                    sum.update(json.dumps(row).encode())
                return "%d %s" % (count, sum.hexdigest())
            def time(ms):
                if ms is None: return ""
                at = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
                return at.strftime("%Y-%m-%dT%H:%M:%S") + ".%03dZ" % (ms % 1000)
            with open(sys.argv[1], newline="", encoding="utf-8") as file:
                read = csv.reader(file)
                next(read)
                print(digest(read))
            stored = sqlite3.connect("file:" + sys.argv[2] + "?mode=ro", uri=True).execute(
                "SELECT id, operation_type, entity_type, entity_id, enqueued_at, attempt_count, next_retry_at, backoff_ms, status, payload "
                "FROM guardian_operation ORDER BY seq")
            names = ["pending", "processing", "failed"]
            print(digest(
                [str(uuid.UUID(bytes=r[0])), r[1], r[2], r[3], time(r[4]), str(r[5]), time(r[6]), str(r[7]), names[r[8]], r[9] or ""]
                for r in stored))
            """

        private func stocked() async throws -> Workplace {
            let workplace = try Workplace()
            try await workplace.enqueue(Self.operations)
            return workplace
        }

        /// What Python's csv module reads from `file`, as JSON.
        private func python(_ file: String) async throws -> [[String]] {
            let program = "import csv,json,sys; print(json.dumps(list(csv.reader(open(sys.argv[1], newline='', encoding='utf-8')))))"
            let answer = try await Shell.run(["python3", "-c", program, file])
            #expect(answer.status == 0, "\(answer.errors)")
            return answer.json.elements?.map { $0.elements?.map { $0.string ?? "" } ?? [] } ?? []
        }

        /// What SQLite's importer reads from `file`.
        private func sqlite(_ file: String) async throws -> [[String]] {
            let answer = try await Shell.run(
                [
                    "sqlite3", ":memory:", ".mode csv", ".import \(file) t",
                    "SELECT json_group_array(json_array(id, entity_id, status, payload)) FROM t;",
                ])
            #expect(answer.status == 0 && answer.errors.isEmpty, "\(answer.errors)")
            // The shell prints its one cell as CSV.
            let text = answer.output.trimmingCharacters(in: .whitespacesAndNewlines).dropFirst().dropLast().replacing("\"\"", with: "\"")
            return try JSONValue(parsing: String(text)).elements?.map { $0.elements?.map { $0.string ?? "" } ?? [] } ?? []
        }

        @Test("A CSV file is what was agreed, and Python and SQLite read the same from it")
        func csv() async throws {
            let workplace = try await stocked()
            defer { workplace.remove() }
            let file = workplace.path + "/ops.csv"
            let answer = try await workplace.run("export", "--out", file, "--format", "csv", "--include-payload", "--json")
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(answer.json["exported"]?.integer == 6)
            let rows = try await python(file)
            #expect(
                rows.first == [
                    "id", "operation_type", "entity_type", "entity_id", "enqueued_at", "attempt_count", "next_retry_at", "backoff_ms",
                    "status", "payload",
                ])
            #expect(rows.dropFirst().map { $0[0] } == ["plain", "comma", "break", "'=1+1", "secret", "gone"])
            #expect(rows.dropFirst().map { $0[3] } == ["r1", "a,b\"c", " a'b; ", "'@SUM(A1)", "u1", "é用"])
            #expect(rows[5].last == #"{"password":"[REDACTED]","mail":"[REDACTED_EMAIL]"}"#)
            let imported = try await sqlite(file)
            #expect(imported == rows.dropFirst().map { [$0[0], $0[3], $0[8], $0[9]] })
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(!(try String(contentsOfFile: file, encoding: .utf8)).contains("canary"))
        }

        @Test("JSON and NDJSON go to standard output, with filters")
        func json() async throws {
            let workplace = try await stocked()
            defer { workplace.remove() }
            let whole = try await workplace.run("export", "--out", "-", "--format", "json", "--entity-type", "user", "--include-payload")
            #expect(whole.status == 0, "\(whole.errors)")
            #expect(whole.json.members?.map(\.name) == ["exported_at", "total_count", "operations"])
            #expect(whole.json["total_count"]?.integer == 1)
            #expect(whole.json["operations"]?.elements?.first?["payload"]?["password"]?.string == "[REDACTED]")
            let lines = try await workplace.run("export", "--out", "-", "--format", "ndjson", "--since", "1h", "--status", "pending")
            #expect(lines.output.split(separator: "\n").count == 6)
            #expect(!(lines.output + whole.output).contains("canary"))
            let none = try await workplace.run("export", "--out", "-", "--failed-only")
            #expect(none.output.split(separator: "\r\n").count == 1)
            #expect(try await workplace.run("export", "--out", "-", "--until", "2001-01-01", "--format", "ndjson").output.isEmpty)
        }

        @Test("What a link names is written and the link stays; a pipe is written to as it is; a directory or a socket is refused")
        func takesPlaces() async throws {
            let workplace = try await stocked()
            defer { workplace.remove() }
            let place = workplace.path + "/place"
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            let expected = try await workplace.run("export", "--out", "-").output
            let (link, chain) = (workplace.path + "/ops.csv", workplace.path + "/chain.csv")
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "place/real.csv")
            try FileManager.default.createSymbolicLink(atPath: chain, withDestinationPath: link)
            for out in [link, chain] {
                let answer = try await workplace.run("export", "--out", out)
                #expect(answer.status == 0, "\(answer.errors)")
                #expect(try String(contentsOfFile: place + "/real.csv", encoding: .utf8) == expected)
                #expect(try FileManager.default.contentsOfDirectory(atPath: place) == ["real.csv"])
                try FileManager.default.removeItem(atPath: place + "/real.csv")
            }
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "place/real.csv")

            let pipe = place + "/pipe"
            let script = "mkfifo \"$2\"; cat \"$2\" & \"$0\" export --out \"$2\" --data-dir \"$1\" > /dev/null; wait"
            let piped = try await Shell.run(["timeout", "20", "sh", "-c", script, Guardian.binary, workplace.path, pipe])
            #expect(piped.output == expected, "\(piped.errors)")
            #expect(try FileManager.default.attributesOfItem(atPath: pipe)[.type] as? FileAttributeType != .typeRegular)

            let socket = place + "/socket"
            let made = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
            #expect(try await Shell.run(["python3", "-c", made, socket]).status == 0)
            for (out, told) in [(place, "is a directory"), (socket, "is a socket")] {
                let answer = try await workplace.run("export", "--out", out)
                #expect(answer.status == 2 && answer.errors.contains(told), "\(answer.errors)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: place).sorted() == ["pipe", "socket"])
        }

        @Test("What can't be done has its exit code, and leaves no file and no part of one")
        func failures() async throws {
            let workplace = try await stocked()
            defer { workplace.remove() }
            #expect(try await workplace.run("export", "--out", workplace.path + "/no/such/ops.csv").status == 1)
            #expect(try await workplace.run("export", "--out", workplace.path).status == 2)
            #expect(try await workplace.run("export", "--out", "-", "--format", "xml").status == 2)
            #expect(try await workplace.run("export", "--out", "-", "--since", "yesterday").status == 2)
            #expect(try await workplace.run("export", "--out", "-", "--failed-only", "--status", "pending").status == 2)
            #expect(try await Guardian.run(["export", "--out", "-", "--data-dir", workplace.path + "/none"]).status == 4)
            let full = try await Shell.run([
                "sh", "-c", "\"$0\" export --out - --data-dir \"$1\" > /dev/full", Guardian.binary, workplace.path,
            ])
            #expect(full.status == 1 && full.errors.contains("standard output"), "\(full.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: workplace.path).allSatisfy { !$0.contains(".part") })
        }

        /// Runs the command behind it without blocked signals: the threads of tests block them, and children inherit that.
        static let unblocked = [
            "python3", "-c",
            "import os,signal,sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.execvp(sys.argv[1], sys.argv[1:])",
        ]

        @Test("A signal that ends it leaves no part of a file")
        func ended() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/operations.ndjson"
            let job = ["sh", "-c", "\"$0\" generate --operations 50000 --entities 5000 --seed 3 > \(file)", Guardian.binary]
            #expect(try await Shell.run(job).status == 0)
            #expect(try await workplace.run("enqueue", "--from-file", file).status == 0)
            func parts() throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: workplace.path).filter { $0.hasSuffix(".part") }
            }
            for signal in [SIGTERM, SIGHUP, SIGINT] {
                let export = try Guardian.launch(
                    ["export", "--out", workplace.path + "/ops.csv", "--data-dir", workplace.path], wrapper: Self.unblocked)
                defer { export.kill() }
                try await Web.wait("a part") { try !export.isRunning || !parts().isEmpty }
                kill(export.pid, signal)
                try await Web.wait("the end") { !export.isRunning }
                #expect(try parts() == [], "signal \(signal)")
            }
        }

        @Test("A signal ends an export to a pipe that nobody reads from")
        func endsUnread() async throws {
            let workplace = try await stocked()
            defer { workplace.remove() }
            let pipe = workplace.path + "/pipe"
            #expect(mkfifo(pipe, 0o600) == 0)
            let answer = try await Guardian.run(
                ["export", "--out", pipe, "--data-dir", workplace.path], wrapper: Self.unblocked + ["timeout", "--kill-after=5", "3"])
            // 137 where only SIGKILL could.
            #expect(answer.status == 124, "\(answer.errors)")
        }

        /// Reads one byte of an export and pauses; enqueues meanwhile, and has the log copied back, which a transaction that still reads
        /// forbids. Prints whether it was, what temporary files there are, the exit code, and the SHA-256 of all that was read in the end.
        static let pausing = """
            import hashlib, json, os, sqlite3, subprocess, sys, time
            (binary, data, temporary) = sys.argv[1:4]
            export = subprocess.Popen(
                [binary, "export", "--out", "-", "--format", "ndjson", "--include-payload", "--data-dir", data], stdout=subprocess.PIPE)
            read = export.stdout.read(1)
            later = ["enqueue", "--operation", "update", "--entity-type", "room", "--entity-id", "later", "--payload", "{}"]
            subprocess.run([binary] + later + ["--data-dir", data], check=True, stdout=subprocess.DEVNULL)
            store = sqlite3.connect(data + "/guardian.sqlite", timeout=1)
            (copied, end) = (False, time.monotonic() + 60)
            while not copied and time.monotonic() < end:
                copied = store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
            names = os.listdir(temporary)
            read += export.stdout.read()
            print(json.dumps({
                "copied": copied, "names": names, "status": export.wait(), "lines": read.count(b"\\n"),
                "digest": hashlib.sha256(read).hexdigest()}))
            """

        @Test("A reader that pauses keeps no transaction open: the log is copied back meanwhile, and it gets all as of one instant")
        func isReadSlowly() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (file, out, temporary) = (workplace.path + "/operations", workplace.path + "/out.ndjson", workplace.path + "/temporary")
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
            // More than waits in memory.
            let job = ["sh", "-c", "\"$0\" generate --operations 50000 --entities 5000 --seed 3 > \(file)", Guardian.binary]
            #expect(try await Shell.run(job).status == 0)
            #expect(try await workplace.run("enqueue", "--from-file", file).status == 0)
            #expect(try await workplace.run("export", "--out", out, "--include-payload").status == 0)
            let sum = try await Shell.run(["sha256sum", out]).output.prefix { $0 != " " }
            let answer = try await Shell.run(
                ["python3", "-c", Self.pausing, Guardian.binary, workplace.path, temporary], environment: ["TMPDIR": temporary])
            #expect(answer.json["copied"] == true, "\(answer)")
            #expect(answer.json["names"]?.elements?.isEmpty == true, "\(answer)")
            #expect(answer.json["status"]?.integer == 0, "\(answer)")
            #expect(answer.json["lines"]?.integer == 50_000)
            #expect(answer.json["digest"]?.string == String(sum))
        }

        @Test(
            "What nobody reads has an end: without room for it an export fails, says where, and leaves nothing",
            .enabled(if: SmallDisk.isPossible, "mounting needs root"))
        func hasNoTemporaryRoom() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (file, temporary) = (workplace.path + "/operations", workplace.path + "/temporary")
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
            let disk = try SmallDisk(on: temporary, megabytes: 2)
            defer { disk.remove() }
            let job = ["sh", "-c", "\"$0\" generate --operations 50000 --entities 5000 --seed 3 > \(file)", Guardian.binary]
            #expect(try await Shell.run(job).status == 0)
            #expect(try await workplace.run("enqueue", "--from-file", file).status == 0)
            // The pipe stays open, and nobody reads from it.
            let unread = "import subprocess,sys; sys.exit(subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE).wait())"
            let answer = try await Guardian.run(
                ["export", "--out", "-", "--format", "ndjson", "--include-payload", "--data-dir", workplace.path],
                environment: ["TMPDIR": temporary], wrapper: ["timeout", "60", "python3", "-c", unread])
            #expect(answer.status == 1, "\(answer)")
            #expect(answer.errors.contains("there is no room in \(temporary)") && answer.errors.contains("TMPDIR"), "\(answer.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: temporary).isEmpty)
            try await workplace.expectBalance()
        }

        @Test(
            "The file is written under a name that was free, for its owner alone, and its name is on disk when the command ends",
            .enabled("strace is not here, or may not trace") { try await DurabilityTests.canTrace() })
        func isOneOfItsOwn() async throws {
            let workplace = try await stocked()
            defer { workplace.remove() }
            let (out, trace) = (workplace.path + "/ops.csv", workplace.path + "/trace")
            let job = "umask 0; exec \"$0\" export --out \"$1/ops.csv\" --data-dir \"$1\""
            let tracer = ["strace", "-f", "-y", "-e", "trace=openat,?rename,?renameat,?renameat2,fsync", "-o", trace]
            let answer = try await Shell.run(tracer + ["sh", "-c", job, Guardian.binary, workplace.path])
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(try FileManager.default.attributesOfItem(atPath: out)[.posixPermissions] as? Int == 0o600)
            let calls = CommitTrace(try String(contentsOfFile: trace, encoding: .utf8)).calls
            let opened = try #require(calls.first { $0.name == "openat" && $0.text.contains(".part\"") })
            #expect(opened.text.contains("O_EXCL") && opened.succeeded, "\(opened.text)")
            let renamed = try #require(calls.first { $0.name.hasPrefix("rename") && $0.text.contains(".part\"") })
            let directory = try #require(workplace.path.split(separator: "/").last)
            let synced = calls.filter { $0.name == "fsync" && $0.succeeded }
            #expect(synced.contains { $0.text.contains(".part>") && $0.ended < renamed.begun })
            #expect(synced.contains { $0.text.contains("\(directory)>") && $0.begun > renamed.ended })
        }

        @Test("Memory does not grow with what is exported, every cell is read back as it is stored, and rows go out fast")
        func isBounded() async throws {
            let job = ProcessInfo.processInfo.environment["GUARDIAN_EXPORT_JOB"].flatMap { Int($0) }
            let count = job ?? 100_000
            let (few, many) = (try await exported(1000), try await exported(count))
            // Among all the tests it may wait for a processor at any time, and only what it does with one counts.
            let (seconds, unit) = job == nil ? (many.busy, "s of a processor") : (many.seconds, "s")
            let rate = Double(count) / max(seconds, 0.001)
            print("measured: \(count) rows at \(Int(rate))/\(unit), RSS \(many.kib / 1024) MiB, of 1 000 rows \(few.kib / 1024) MiB")
            #expect(many.kib - few.kib <= 20 * 1024)
            let least = job == nil ? 30_000.0 : 100_000.0
            #expect(rate >= least, "\(seconds) \(unit)")
        }

        /// Exports so many operations; returns the most memory that took, and of three times the seconds of the fastest and the least that
        /// it had a processor for: what else the machine does is no matter of the export's.
        private func exported(_ operations: Int) async throws -> (kib: Int, seconds: Double, busy: Double) {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/operations.ndjson"
            let job = ["sh", "-c", "\"$0\" generate --operations \(operations) --entities 5000 --seed 3 > \(file)", Guardian.binary]
            #expect(try await Shell.run(job).status == 0)
            #expect(try await workplace.run("enqueue", "--from-file", file).status == 0)
            let out = workplace.path + "/ops.csv"
            var (kib, seconds, busy) = (0, Double.infinity, Double.infinity)
            for _ in 0..<3 {
                let timed = try await Guardian.run(
                    ["export", "--out", out, "--include-payload", "--data-dir", workplace.path], wrapper: ["python3", "-c", Self.measure])
                #expect(timed.status == 0, "\(timed.errors)")
                let figures = timed.errors.split(whereSeparator: \.isWhitespace).suffix(3).compactMap { Double($0) }
                try #require(figures.count == 3, "\(timed.errors)")
                kib = max(kib, Int(figures[0]))
                seconds = min(seconds, figures[1])
                busy = min(busy, figures[2])
            }
            let digests = try await Shell.run(["python3", "-c", Self.digests, out, workplace.store])
            let lines = digests.output.split(separator: "\n")
            #expect(lines.count == 2 && lines.first == lines.last, "\(digests.output)\(digests.errors)")
            #expect(lines.first?.hasPrefix("\(operations) ") == true)
            let read = try await Shell.run([
                "sqlite3", ":memory:", ".mode csv", ".import \(out) t", "SELECT count(*), count(DISTINCT id) FROM t;",
            ])
            #expect(read.output.trimmingCharacters(in: .whitespacesAndNewlines) == "\(operations),\(operations)", "\(read.errors)")
            return (kib, seconds, busy)
        }
    }
}
