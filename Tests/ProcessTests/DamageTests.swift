import Foundation
import GuardianCore
import Testing

extension LongProcessTests {
    /// Store files that can't be used, under a real daemon: told, never touched.
    @Suite(.serialized) struct DamageTests {
        enum Damage: String, CaseIterable {
            /// Not a database at all.
            case noise
            /// A database of which only the header is left.
            case headOnly
            /// A database whose first page is whole.
            case rot
            /// Cut to 0 bytes, which SQLite takes for a new one; its log has something in it.
            case nothing
        }

        @Test(
            "a damaged store: commands refuse it; serve sets it aside with every byte, says so, and goes on with a sound one",
            arguments: Damage.allCases)
        func isDamaged(_ damage: Damage) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try await make(damage, in: workplace)
            let before = try bytes(workplace.store)
            #expect(try await workplace.run("check").status != 0)
            #expect(try await workplace.run("enqueue", "--from-file", "/dev/null").status == 4)
            #expect(try bytes(workplace.store) == before)

            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            #expect(serve.errors.contains("guardian: the store was damaged"))
            try await Web.wait("the log to say so") { serve.errors.contains("\"store_salvaged\"") }
            #expect(try await Web.post(serve.url, Web.operation) == 202)
            let names = try FileManager.default.contentsOfDirectory(atPath: workplace.path)
            let aside = try #require(names.first { $0.hasPrefix("guardian.sqlite.damaged-") && $0.hasSuffix("Z") })
            #expect(try bytes(workplace.path + "/" + aside) == before)
            #expect(names.contains(aside + ".json"))
            #expect(names.contains(aside + "-wal") || damage != .nothing)
            try await workplace.expectBalance()
        }

        @Test("a damaged store that somebody has open is left alone until they let go")
        func isInUse() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("lost").status == 0)
            // Another program keeps the file open as SQLite does.
            let other = try await Guardian.start(workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick)
            defer { other.kill() }
            try await Web.wait("a checkpoint") { try await workplace.sqlite("PRAGMA wal_checkpoint(TRUNCATE)").hasPrefix("0|") }
            try overwrite(workplace.store, from: 4096 / Double(try bytes(workplace.store).count), to: 1)
            let repair = try await workplace.run("check", "--repair", "--yes")
            #expect(repair.status == 5 && repair.errors.contains("process \(other.pid)"), "\(repair.status) \(repair.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: workplace.path).allSatisfy { !$0.contains("damaged") })
        }

        @Test("a store of a newer version is refused by its name and not touched")
        func isNewer() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("kept").status == 0)
            try await workplace.sqlite("INSERT INTO grdb_migrations VALUES ('guardian-9999-tomorrow')")
            let before = try bytes(workplace.store)
            let command = try await workplace.run("status")
            #expect(command.status == 4)
            #expect(command.errors.contains("newer") && command.errors.contains("guardian-9999-tomorrow"))
            let serve = try await workplace.serveNotReady()
            defer { serve.kill() }
            #expect(serve.errors.contains("guardian-9999-tomorrow"))
            try await Web.expectNotReady(serve.url, because: "newer")
            #expect(serve.terminate() == 0)
            #expect(try bytes(workplace.store) == before)
        }

        @Test("a store that rots under a running daemon: the process stays up, and check finds it")
        func rots() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            try await fill(serve.url)
            try await Web.wait("a checkpoint") {
                try await workplace.sqlite("PRAGMA wal_checkpoint(TRUNCATE)").hasPrefix("0|")
            }
            try overwrite(workplace.store, from: 0.25, to: 0.75)
            let check = try await workplace.run("check", "--json")
            #expect(check.status == 4 || check.status == 1 && check.json["problems"]?.elements?.isEmpty == false, "\(check)")
            for id in 1...20 {
                let answer = try await Web.send("POST", serve.url, "/v1/operations", body: Web.operation)
                #expect([202, 503].contains(answer.status), "\(id): \(answer.status) \(answer.body)")
            }
            _ = try await Web.get(serve.url, "/v1/operations?limit=1000")
            #expect(try await Web.get(serve.url, "/healthz").status == 200)
            #expect(serve.isRunning)
        }

        @Test(
            "files that are deleted under serve: nothing is acknowledged into what nobody will find, and it is not ready",
            arguments: [["", "-wal", "-shm"], [""], ["-wal"], ["-shm"]])
        func isDeleted(_ ends: [String]) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            #expect(try await Web.post(serve.url, Web.operation) == 202)
            #expect(try await Web.get(serve.url, "/readyz").status == 200)
            for end in ends { try FileManager.default.removeItem(atPath: workplace.store + end) }
            let answer = try await Web.send("POST", serve.url, "/v1/operations", body: Web.operation)
            #expect(answer.status == 503, "\(answer.body)")
            #expect(answer.json["detail"]?.string?.contains("was moved, replaced or deleted while in use") == true, "\(answer.body)")
            // A try that worked counts for a second.
            try await Web.wait("not to be ready") { try await Web.get(serve.url, "/readyz").status == 503 }
            #expect(try await Web.get(serve.url, "/healthz").status == 200)
        }

        @Test("a store that is moved away under serve and put back is used again, with what was acknowledged before")
        func isPutBack() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            #expect(try await Web.post(serve.url, Web.operation) == 202)
            let url = serve.url
            try FileManager.default.moveItem(atPath: workplace.store, toPath: workplace.path + "/aside")
            #expect(try await Web.post(url, Web.operation) == 503)
            try await Web.wait("it to be told") { serve.errors.contains("was moved or deleted while in use; put it back") }
            try FileManager.default.moveItem(atPath: workplace.path + "/aside", toPath: workplace.store)
            #expect(try await Web.post(url, Web.operation) == 202)
            try await Web.wait("to be ready") { try await Web.get(url, "/readyz").status == 200 }
            try await Web.wait("that to be told") { serve.errors.components(separatedBy: "guardian: ready on ").count == 3 }
            serve.kill()
            #expect(try await workplace.run("status", "--json").json["books"]?["accepted"]?.integer == 2)
            try await workplace.expectBalance()
        }

        @Test("another store in the place of one in use is told at once, with what to do; a restart uses it, and both are whole")
        func isReplaced() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (copy, aside) = (workplace.path + "/copy.sqlite", workplace.path + "/aside")
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            let url = serve.url
            #expect(try await Web.post(url, Web.operation) == 202)
            #expect(try await workplace.run("backup", "--out", copy).status == 0)
            #expect(try await Web.post(url, Web.operation) == 202)
            try FileManager.default.createDirectory(atPath: aside, withIntermediateDirectories: false)
            for end in ["", "-wal", "-shm"] {
                try FileManager.default.moveItem(atPath: workplace.store + end, toPath: aside + "/guardian.sqlite" + end)
            }
            try FileManager.default.moveItem(atPath: copy, toPath: workplace.store)
            // Somebody may have looked while nothing stood there, and have told that first.
            try await Web.wait("it to be told") {
                let told = serve.errors.components(separatedBy: "another file was put in the place of \(workplace.store)").dropFirst()
                return told.joined().contains("guardian: not ready on \(url): read_only")
            }
            #expect(serve.errors.contains("restart to use that one, or put the old one back"), "\(serve.errors)")
            let answer = try await Web.send("POST", url, "/v1/operations", body: Web.operation)
            #expect(answer.status == 503 && answer.json["detail"]?.string?.contains("restart") == true, "\(answer.body)")
            try await Web.wait("not to be ready") { try await Web.get(url, "/readyz").status == 503 }
            serve.terminate()
            let second = try await workplace.serve(upstream: Workplace.nobody)
            defer { second.kill() }
            #expect(try await workplace.run("status", "--json").json["books"]?["accepted"]?.integer == 1)
            try await workplace.expectBalance()
            let old = try await Guardian.run(["status", "--json", "--data-dir", aside])
            #expect(old.json["books"]?["accepted"]?.integer == 2, "\(old)")
        }

        @Test("a sector that can't be read: it is met, the next start passes over it, and what stood in it is named; the rest is delivered")
        func badSector() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let filling = try await workplace.serve(upstream: Workplace.nobody)
            defer { filling.kill() }
            try await fill(filling.url)
            #expect(filling.terminate() == 0)
            try await workplace.sqlite("PRAGMA wal_checkpoint(TRUNCATE)")
            let content = try bytes(workplace.store)
            let found = try #require(content.range(of: Data("something to say".utf8), in: content.count / 2..<content.count))
            let disk = try await FaultyDisk(in: workplace)
            try disk.lose(page: UInt64(found.lowerBound / 4096), of: workplace.store)

            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let environment = Workplace.quick.merging(disk.environment) { $1 }
            let first = try await Guardian.start(workplace.arguments(upstream: backend.url), environment: environment)
            defer { first.kill() }
            try await Web.wait("the sector to be met") { FileManager.default.fileExists(atPath: workplace.store + "-suspect") }
            first.kill()
            let second = try await Guardian.start(workplace.arguments(upstream: backend.url), environment: environment)
            defer { second.kill() }
            #expect(second.errors.contains("guardian: the store was damaged"), "\(second.errors)")
            try await Web.wait("the rest to be delivered") {
                let books = try await Web.get(second.url, "/v1/status").json["books"]
                return books?["pending"]?.integer == 0 && books?["processing"]?.integer == 0
            }
            let named = try await Web.failed(second.url)
            #expect((1...100).contains(named))
            #expect(try await Web.effects(backend.url).count + named >= 500)
            let names = try FileManager.default.contentsOfDirectory(atPath: workplace.path)
            let report = try #require(names.first { $0.hasPrefix("guardian.sqlite.damaged-") && $0.hasSuffix(".json") })
            let text = String(decoding: try bytes(workplace.path + "/" + report), as: UTF8.self)
            let said = try JSONValue(parsing: text)
            #expect(said["unread_bytes"]?.integer == 4096, "\(text)")
            #expect(second.terminate() == 0)
            try await workplace.expectBalance()
        }

        @Test("a header that can't be read: commands refuse the store, serve sets it aside and goes on with an empty one")
        func badHeader() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("lost").status == 0)
            let disk = try await FaultyDisk(in: workplace)
            try disk.lose(page: 0, of: workplace.store)
            #expect(try await workplace.run("status", environment: disk.environment).status == 4)
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick.merging(disk.environment) { $1 })
            defer { serve.kill() }
            #expect(serve.errors.contains("guardian: the store was damaged"), "\(serve.errors)")
            #expect(try await Web.post(serve.url, Web.operation) == 202)
            #expect(serve.terminate() == 0)
            try await workplace.expectBalance()
        }

        @Test("a disk that can't read for a moment while serve starts: nothing is set aside, and the store is used when it can be read")
        func momentaryError() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("kept").status == 0)
            let disk = try await FaultyDisk(in: workplace)
            try disk.lose(page: 0, of: workplace.store)
            let environment = Workplace.quick.merging(disk.environment) { $1 }
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: environment, ready: "is tried again")
            defer { serve.kill() }
            try disk.heal()
            try await Web.wait("the store to be opened") { serve.errors.contains("guardian: ready on ") }
            let names = try FileManager.default.contentsOfDirectory(atPath: workplace.path)
            #expect(names.allSatisfy { !$0.contains("damaged") }, "\(names)")
            #expect(serve.terminate() == 0)
            #expect(try await workplace.run("status", "--json").output.contains(#""pending":1"#))
            try await workplace.expectBalance()
        }

        @Test("a log that can't be read: serve leaves the store alone and says why; a repair goes on, and says that the loss is not known")
        func badLog() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("kept").status == 0)
            try await workplace.sqlite("PRAGMA wal_checkpoint(TRUNCATE)")
            let filling = try await workplace.serve(upstream: Workplace.nobody)
            defer { filling.kill() }
            try await fill(filling.url)
            filling.kill()
            let disk = try await FaultyDisk(in: workplace)
            try disk.lose(page: 0, of: workplace.store + "-wal")
            let environment = Workplace.quick.merging(disk.environment) { $1 }
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: environment, ready: "guardian: not ready on ")
            defer { serve.kill() }
            #expect(serve.errors.contains("write-ahead log can't be read"), "\(serve.errors)")
            #expect(serve.terminate() == 0)
            let names = try FileManager.default.contentsOfDirectory(atPath: workplace.path)
            #expect(names.allSatisfy { !$0.contains("damaged") }, "\(names)")
            let repair = try await workplace.run("check", "--repair", "--yes", "--json", environment: disk.environment)
            let report = repair.json["repair"]
            #expect(repair.status == 1 && report?["loss_known"] == JSONValue.bool(false), "\(repair)")
            #expect(report?["recovered"]?.integer == 1 && report?["unread_log_bytes"]?.integer == 4096, "\(repair)")
            try await workplace.expectBalance()
        }

        private func fill(_ url: String) async throws {
            let lines = (1...500).map { number in
                #"{"operation_type":"update","entity_type":"room","entity_id":"r\#(number)","payload":{"seq":1,"text":"something to say"}}"#
            }
            let type = ["Content-Type": "application/x-ndjson"]
            let answer = try await Web.send("POST", url, "/v1/operations", body: lines.joined(separator: "\n"), headers: type)
            #expect(answer.status == 202)
        }

        private func make(_ damage: Damage, in workplace: Workplace) async throws {
            if damage == .noise {
                var random = Xoshiro256(seed: seed(for: "a file of noise"))
                let noise = Data((0..<65_536).map { _ in UInt8.random(in: 0...255, using: &random) })
                try noise.write(to: URL(fileURLWithPath: workplace.store))
                return
            }
            #expect(try await workplace.enqueue("lost").status == 0)
            if damage == .nothing { return try Data().write(to: URL(fileURLWithPath: workplace.store)) }
            try await workplace.sqlite("PRAGMA wal_checkpoint(TRUNCATE)")
            let size = Double(try bytes(workplace.store).count)
            try overwrite(workplace.store, from: (damage == .headOnly ? 100 : 4096) / size, to: 1)
        }

        /// Writes a byte that begins no page over a part of a file, given by shares of its length.
        private func overwrite(_ path: String, from: Double, to: Double) throws {
            let size = Double(try bytes(path).count)
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            try file.seek(toOffset: UInt64(size * from))
            try file.write(contentsOf: Data(repeating: 0xA5, count: Int(size * (to - from))))
            try file.close()
        }

        private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
    }
}
