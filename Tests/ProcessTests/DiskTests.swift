import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// A disk that fills up, or turns read-only, under a real daemon.
    @Suite(.serialized, .enabled(if: SmallDisk.isPossible, "mounting needs root")) struct DiskTests {
        /// From one size that is tried to the next, in KiB: `GUARDIAN_DISK_STEP=20` tries fewer.
        private static let step = ProcessInfo.processInfo.environment["GUARDIAN_DISK_STEP"].flatMap { Int($0) } ?? 4

        @Test("a full disk is a 507 that names the free bytes; what was acknowledged is there, and room is all it takes to go on")
        func fillsUp() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let disk = try SmallDisk(on: workplace.path, megabytes: 6)
            defer { disk.remove() }
            let filler = try Filler(in: disk, bytes: 2 << 20)
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }

            let (acknowledged, refusal) = try await fill(serve.url)
            #expect(!acknowledged.isEmpty)
            try expectFull(refusal)
            #expect(try await Web.get(serve.url, "/healthz").status == 200)
            #expect(try await Web.listed(serve.url) == acknowledged)
            try await workplace.expectBalance()

            try filler.remove()
            let late = body("after")
            try await Web.wait("room to post") { try await Web.post(serve.url, late) == 202 }
            #expect(try await Web.listed(serve.url) == acknowledged.union(["after"]))
            try await workplace.expectBalance()
            #expect(serve.terminate() == 0)
        }

        @Test("on a disk that is full at the start, serve waits for room and then takes operations")
        func isFull() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let disk = try SmallDisk(on: workplace.path, megabytes: 2)
            defer { disk.remove() }
            let filler = try Filler(in: disk, bytes: 4 << 20)
            let serve = try await workplace.serveNotReady()
            defer { serve.kill() }
            try expectFull(try await Web.send("POST", serve.url, "/v1/operations", body: body("early")))
            #expect(try await Web.get(serve.url, "/healthz").status == 200)
            #expect(try await Web.get(serve.url, "/readyz").status >= 500)
            try filler.remove()
            try await Web.wait("the ready line") { serve.errors.contains("guardian: ready on ") }
            #expect(try await Web.post(serve.url, body("late")) == 202)
            #expect(try await Web.listed(serve.url) == ["late"])
        }

        @Test("however little room there is at its start, serve stays up")
        func hasLittleRoom() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            for free in stride(from: 0, through: 200, by: Self.step) {
                let disk = try SmallDisk(on: workplace.path, megabytes: 1)
                defer { disk.remove() }
                _ = try Filler(in: disk, bytes: (1024 - free) << 10)
                do {
                    let serve = try await workplace.serve(upstream: Workplace.nobody)
                    defer { serve.kill() }
                    #expect(try await Web.get(serve.url, "/healthz").status == 200, "\(free) KiB")
                } catch let ended as Guardian.NotReady {
                    Issue.record("\(free) KiB: \(ended.output)")
                }
            }
        }

        @Test("on a read-only disk serve says so, stays up, and is ready by itself when the disk can be written again")
        func isReadOnly() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let disk = try SmallDisk(on: workplace.path, megabytes: 6)
            defer { disk.remove() }
            #expect(try await workplace.enqueue("kept").status == 0)
            try disk.setReadOnly(true)
            let serve = try await workplace.serveNotReady()
            defer { serve.kill() }
            #expect(serve.errors.contains("can't be written"))
            try await Web.expectNotReady(serve.url, because: "can't be written")
            try disk.setReadOnly(false)
            try await Web.wait("the ready line") { serve.errors.contains("guardian: ready on ") }
            #expect(try await Web.get(serve.url, "/readyz").status == 200)
            #expect(try await Web.post(serve.url, body("new")) == 202)
            #expect(try await Web.listed(serve.url) == ["kept", "new"])
        }

        /// What the last process that wrote to a store has left of its log.
        enum Leaving: CaseIterable { case nothing, logAndIndex, log }

        @Test(
            "on a read-only disk the store is looked at all the same, whatever is left of its log: all of it is seen, and no copy stays",
            arguments: Leaving.allCases)
        func looksReadOnly(_ leaving: Leaving) async throws {
            let (workplace, temporary) = (try Workplace(), try Workplace())
            defer { [workplace, temporary].forEach { $0.remove() } }
            let disk = try SmallDisk(on: workplace.path, megabytes: 12)
            defer { disk.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            #expect(try await Web.post(serve.url, body("kept")) == 202)
            if leaving == .nothing { #expect(serve.terminate() == 0) } else { serve.kill() }
            // Whoever is the last to close it takes the log along.
            if leaving == .nothing { try await workplace.sqlite("SELECT count(*) FROM guardian_books") }
            if leaving == .log { try FileManager.default.removeItem(atPath: workplace.store + "-shm") }
            let left = try FileManager.default.contentsOfDirectory(atPath: workplace.path).filter { $0.hasSuffix("-wal") }
            #expect(left.isEmpty == (leaving == .nothing))
            try disk.setReadOnly(true)
            func run(_ command: [String]) async throws -> Guardian.Answer {
                try await Guardian.run(command + ["--data-dir", workplace.path], environment: ["TMPDIR": temporary.path])
            }
            let commands = [
                ["status"], ["list", "--json"], ["show", "kept"], ["explain"], ["explain", "kept"], ["check", "--json"],
                ["lock", "status"],
            ]
            for command in commands {
                let answer = try await run(command)
                #expect(answer.status == 0, "\(command): \(answer)")
                let told = leaving == .logAndIndex ? "it is looked at as it is" : "a copy of it in \(temporary.path)/guardian-look-"
                #expect(answer.errors.contains("can't be written; \(told)"), "\(command): \(answer.errors)")
                if command[0] == "list" { #expect(answer.json.elements?.map { $0["id"]?.string } == ["kept"]) }
                // It may have been in hand at the end.
                let stored = ["pending", "processing"].map { answer.json[$0]?.integer ?? 0 }.reduce(0, +)
                if command[0] == "check" { #expect(answer.json["gap"] == 0 && stored == 1, "\(answer.output)") }
            }
            #expect(try await run(["show", "none"]).status == 3)
            let refused = try await run(["pause"])
            #expect(refused.status == 4 && refused.errors.contains("can't be written"), "\(refused.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path).isEmpty)
        }

        @Test("where there is no room for a copy of a store that can't be written, that is said")
        func hasNoRoomToLook() async throws {
            let (workplace, temporary) = (try Workplace(), try Workplace())
            defer { [workplace, temporary].forEach { $0.remove() } }
            let (disk, small) = (try SmallDisk(on: workplace.path, megabytes: 6), try SmallDisk(on: temporary.path, megabytes: 1))
            defer { [disk, small].forEach { $0.remove() } }
            #expect(try await workplace.enqueue("kept").status == 0)
            try await workplace.sqlite("SELECT count(*) FROM guardian_books")
            try disk.setReadOnly(true)
            let answer = try await workplace.run("status", environment: ["TMPDIR": temporary.path])
            #expect(answer.status == 4 && answer.errors.contains("TMPDIR"), "\(answer.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path).isEmpty)
        }

        @Test("compact says that it is the volume of temporary files that is full, and leaves the store as it is")
        func hasNoTemporaryRoom() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let temporary = workplace.path + "/temporary"
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
            let disk = try SmallDisk(on: temporary, megabytes: 1)
            defer { disk.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            // More than SQLite keeps of it in memory.
            for number in 0..<400 { #expect(try await Web.post(serve.url, body("\(number)")) == 202) }
            #expect(serve.terminate() == 0)
            let refused = try await workplace.run("compact", environment: ["SQLITE_TMPDIR": temporary])
            #expect(refused.status != 0 && refused.errors.contains(temporary), "\(refused.errors)")
            #expect(refused.errors.contains("SQLITE_TMPDIR") && !refused.errors.contains("disk is full"), "\(refused.errors)")
            try await workplace.expectBalance()
            #expect(try await workplace.run("compact").status == 0)
        }

        @Test("a backup and an export to a disk without room name the file that was asked for, and leave nothing")
        func targetIsFull() async throws {
            let (workplace, target) = (try Workplace(), try Workplace())
            defer { [workplace, target].forEach { $0.remove() } }
            let disk = try SmallDisk(on: target.path, megabytes: 1)
            defer { disk.remove() }
            let lines = workplace.path + "/lines.ndjson"
            try (0..<60).map { body("\($0)") }.joined(separator: "\n").write(toFile: lines, atomically: true, encoding: .utf8)
            #expect(try await workplace.run("enqueue", "--from-file", lines).status == 0)
            let (copy, table) = (target.path + "/copy.sqlite", target.path + "/ops.ndjson")
            let backup = try await workplace.run("backup", "--out", copy)
            #expect(backup.status == 1 && backup.errors.contains("--out: \(copy) can't be written: its disk is full ("), "\(backup.errors)")
            _ = try Filler(in: disk, bytes: 1 << 20)
            let export = try await workplace.run("export", "--out", table)
            #expect(export.errors == "guardian: --out: \(table) can't be written: No space left on device\n", "\(export.errors)")
            #expect(export.status == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: target.path) == ["filler"])
        }

        private func body(_ id: String) -> String {
            let padding = String(repeating: "x", count: 30_000)
            return """
                {"id":"\(id)","operation_type":"update","entity_type":"room","entity_id":"r1","payload":{"padding":"\(padding)"}}
                """
        }

        /// Posts until it is refused: what was acknowledged, and the refusal.
        private func fill(_ url: String) async throws -> (Set<String>, Web.Answer) {
            var acknowledged: Set<String> = []
            while true {
                let id = "fill-\(acknowledged.count + 1)"
                let answer = try await Web.send("POST", url, "/v1/operations", body: body(id))
                guard answer.status == 202, acknowledged.count < 1000 else { return (acknowledged, answer) }
                acknowledged.insert(id)
            }
        }

        private func expectFull(_ answer: Web.Answer) throws {
            #expect(answer.status == 507, "\(answer.body)")
            #expect(answer.headers.contains("application/problem+json"))
            let detail = try #require(answer.json["detail"]?.string)
            #expect(detail.contains("disk is full"))
            #expect(detail.contains(/[0-9]+ bytes free/), "\(detail)")
        }
    }
}

/// A file that takes up room: as many bytes as it may have, or as many as there are.
struct Filler {
    private let path: String

    init(in disk: SmallDisk, bytes: Int, name: String = "filler") throws {
        path = disk.path + "/" + name
        try Data().write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { do { try file.close() } catch {} }
        let piece = Data(count: 4096)
        do { for _ in 0..<bytes / piece.count { try file.write(contentsOf: piece) } } catch {}
    }

    func remove() throws { try FileManager.default.removeItem(atPath: path) }
}
