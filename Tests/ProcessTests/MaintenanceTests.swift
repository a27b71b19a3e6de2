import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// Backup, restore, compact, archive and repair on the real binary, beside a daemon where that matters.
    @Suite(.serialized) struct MaintenanceTests {
        @Test("a backup beside a running daemon; restore is refused until it has stopped, and keeps the old file")
        func backupAndRestore() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            for number in 0..<5 { #expect(try await workplace.enqueue("early-\(number)").status == 0) }
            let copy = workplace.path + "/copy.sqlite"
            let made = try await workplace.run("backup", "--out", copy, "--json")
            #expect(made.status == 0 && made.json["operations"]?.integer == 5, "\(made.errors)")
            #expect(try await workplace.run("backup", "--out", copy).status != 0)
            for number in 0..<3 { #expect(try await workplace.enqueue("late-\(number)").status == 0) }

            let refused = try await workplace.run("restore", copy, "--yes")
            #expect(refused.status == 5 && refused.errors.contains("process \(serve.pid)"), "\(refused.errors)")
            #expect(serve.terminate() == 0)
            let unasked = try await workplace.run("restore", copy)
            #expect(unasked.status == 5 && unasked.errors.contains("3 operation(s)"), "\(unasked.errors)")
            let restored = try await workplace.run("restore", copy, "--yes", "--json")
            #expect(restored.status == 0 && restored.json["missing"]?.integer == 3, "\(restored.errors)")
            let aside = try #require(restored.json["aside"]?.string)
            #expect(try await Shell.run(["sqlite3", aside, "SELECT count(*) FROM guardian_operation"]).output == "8\n")
            #expect(try await workplace.run("status", "--json").json["books"]?["pending"]?.integer == 5)
            try await workplace.expectBalance()
        }

        @Test("a signal that ends a backup leaves no part of a copy")
        func endedBackup() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/operations.ndjson"
            let job = ["sh", "-c", "\"$0\" generate --operations 50000 --entities 5000 --seed 3 > \(file)", Guardian.binary]
            #expect(try await Shell.run(job).status == 0)
            #expect(try await workplace.run("enqueue", "--from-file", file).status == 0)
            func parts() throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: workplace.path).filter { $0.contains(".partial") }
            }
            for signal in [SIGTERM, SIGHUP, SIGINT] {
                let backup = try Guardian.launch(
                    ["backup", "--out", workplace.path + "/copy-\(signal).sqlite", "--data-dir", workplace.path],
                    wrapper: ExportCommandTests.unblocked)
                defer { backup.kill() }
                try await Web.wait("a part") { try !backup.isRunning || !parts().isEmpty }
                kill(backup.pid, signal)
                try await Web.wait("the end") { !backup.isRunning }
                #expect(try parts() == [], "signal \(signal)")
            }
        }

        @Test("what was restored is delivered, once in effect, although it had been delivered before")
        func restoredIsNotDoubled() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            for number in 0..<20 { #expect(try await workplace.enqueue("r\(number)").status == 0) }
            let copy = workplace.path + "/copy.sqlite"
            #expect(try await workplace.run("backup", "--out", copy).status == 0)
            func deliver() async throws {
                let serve = try await workplace.serve(upstream: backend.url)
                try await Web.wait("all delivered") {
                    try await workplace.run("status", "--json").json["books"]?["processed"]?.integer == 20
                }
                #expect(serve.terminate() == 0)
            }
            try await deliver()
            #expect(try await workplace.run("restore", copy, "--yes").status == 0)
            try await deliver()
            let summary = try JSONValue(parsing: try await Web.get(backend.url, "/_effects/summary").body)
            #expect(summary["count"]?.integer == 20 && summary["duplicate_keys"]?.integer == 0, "\(summary.text)")
            try await workplace.expectBalance()
        }

        @Test("compact beside a running daemon makes the store small, and the daemon goes on")
        func compacts() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await workplace.serve(upstream: backend.url, ["--workers", "32"])
            defer { serve.kill() }
            let text = String(repeating: "x", count: 4000)
            let lines = (0..<1000).map {
                #"{"operation_type":"update","entity_type":"room","entity_id":"r\#($0)","payload":{"seq":1,"text":"\#(text)"}}"#
            }
            let type = ["Content-Type": "application/x-ndjson"]
            let taken = try await Web.send("POST", serve.url, "/v1/operations", body: lines.joined(separator: "\n"), headers: type)
            #expect(taken.status == 202)
            try await Web.wait("all delivered") {
                try await workplace.run("status", "--json").json["books"]?["processed"]?.integer == 1000
            }
            let report = try await workplace.run("compact", "--json")
            #expect(report.status == 0, "\(report.errors)")
            let (before, after) = (report.json["bytes_before"]?.integer ?? 0, report.json["bytes_after"]?.integer ?? .max)
            print("measured: \(before >> 10) KiB before, \(after >> 10) KiB after")
            #expect(after * 4 < before)
            #expect(try await Web.post(serve.url, Web.operation) == 202)
            try await workplace.expectBalance()
        }

        @Test("failed operations are archived to a file, and come back from it under their ids and keys")
        func archives() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await workplace.serve(upstream: backend.url)
            #expect(
                try await Web.send(
                    "PUT", backend.url, "/_mode", body: #"{"mode":"poison","entities":["/api/v1/rooms/bad"],"status":422}"#
                ).status == 200)
            #expect(try await workplace.enqueue("good").status == 0)
            #expect(try await workplace.enqueue("bad").status == 0)
            try await Web.wait("it has failed") { try await workplace.run("status", "--json").json["books"]?["failed"]?.integer == 1 }
            #expect(serve.terminate() == 0)
            let file = workplace.path + "/failed.ndjson"
            #expect(try await workplace.run("archive", "--out", file).status == 5)
            let young = try await workplace.run("archive", "--older-than", "1h", "--out", file, "--yes", "--json")
            #expect(young.json["archived"]?.integer == 0)
            let old = try await workplace.run("archive", "--older-than", "1ms", "--out", file, "--yes", "--json")
            #expect(old.json["archived"]?.integer == 1, "\(old.errors)")
            let line = try JSONValue(parsing: String(contentsOfFile: file, encoding: .utf8))
            #expect(line["id"]?.string == "bad" && line["last_error"]?["http_status"]?.integer == 422)
            #expect(try await workplace.run("show", "bad").status == 3)
            try await workplace.expectBalance()

            let back = try await workplace.run("archive", "--restore", file, "--json")
            #expect(back.json["restored"]?.integer == 1, "\(back.errors)")
            let again = try await workplace.run("archive", "--restore", file, "--json")
            #expect(again.json["known"]?.integer == 1)
            let shown = try await workplace.run("show", "bad", "--json").json
            #expect(shown["status"]?.string == "pending" && shown["idempotency_key"] == line["idempotency_key"])
            try await workplace.expectBalance()
        }

        @Test("check --repair sets a damaged store aside, brings over what is readable, names the rest, and ends with 1, once")
        func repairs() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let lines = (0..<2000).map {
                #"{"id":"op-\#($0)","operation_type":"update","entity_type":"room","entity_id":"r\#($0 % 100)","payload":{"seq":1,"text":"something to say"}}"#
            }
            let input = workplace.path + "/in.ndjson"
            try lines.joined(separator: "\n").write(toFile: input, atomically: true, encoding: .utf8)
            #expect(try await workplace.run("enqueue", "--from-file", input).status == 0)
            try await workplace.sqlite("PRAGMA wal_checkpoint(TRUNCATE)")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: workplace.store))
            let page =
                try #require(bytes.range(of: Data("something to say".utf8), in: bytes.count / 2..<bytes.count)).lowerBound / 4096 * 4096
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: workplace.store))
            try file.seek(toOffset: UInt64(page))
            try file.write(contentsOf: Data(repeating: 0xA5, count: 4096))
            try file.close()

            #expect(try await workplace.run("check").status != 0)
            let unasked = try await workplace.run("check", "--repair")
            #expect(unasked.status == 5 && unasked.errors.contains("damaged"), "\(unasked.errors)")
            let repaired = try await workplace.run("check", "--repair", "--yes", "--json")
            #expect(repaired.status == 1 && repaired.errors.contains(" lost; see "), "\(repaired.errors)")
            #expect(try await workplace.run("check", "--repair", "--yes").status == 0)
            let report = try #require(repaired.json["repair"])
            let (recovered, lost) = (report["recovered"]?.integer ?? 0, report["lost"]?.integer ?? 0)
            print("measured: one page of 4096 bytes overwritten: \(recovered) brought over, \(lost) named")
            #expect(recovered + lost == 2000 && lost > 0 && lost < 60)
            #expect(report["lost_operations"]?.elements?.count == Int(lost))
            let aside = try #require(report["aside"]?.string)
            #expect(FileManager.default.fileExists(atPath: aside))
            let failed = try await workplace.run("list", "--status", "failed", "--limit", "1000", "--json").json.elements ?? []
            #expect(failed.count == Int(lost) && failed.allSatisfy { $0["last_error"]?["code"]?.string == "STORE_DAMAGED" })
            try await workplace.expectBalance()
        }

        @Test("check --repair of a store that has lost nothing but an index ends with 0")
        func repairsWithoutLoss() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let job = ["sh", "-c", "\"$0\" generate --operations 2000 | \"$0\" enqueue --from-file - --data-dir \"$1\""]
            #expect(try await Shell.run(job + [Guardian.binary, workplace.path]).status == 0)
            try await workplace.sqlite("PRAGMA wal_checkpoint(TRUNCATE)")
            let sql = "SELECT pageno FROM dbstat WHERE name = 'guardian_operation_head' AND pagetype = 'leaf' LIMIT 1"
            let page = try #require(UInt64(try await workplace.sqlite(sql).trimmingCharacters(in: .whitespacesAndNewlines)))
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: workplace.store))
            try file.seek(toOffset: (page - 1) * 4096)
            try file.write(contentsOf: Data(repeating: 0xA5, count: 4096))
            try file.close()
            let repair = try await workplace.run("check", "--repair", "--yes", "--json")
            #expect(repair.status == 0 && repair.json["repair"]?["recovered"]?.integer == 2000, "\(repair)")
            try await workplace.expectBalance()
        }
    }
}
