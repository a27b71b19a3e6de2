import Foundation
import GuardianCore
import Testing

#if canImport(Glibc)
    import Glibc
#endif

extension ProcessTests {
    /// The runbook is true: its commands run, and its troubles and emergencies end as it says.
    @Suite(.serialized) struct RunbookTests {
        @Test("it has the eight sections, and every command block says what it is for")
        func sections() throws {
            let runbook = try Runbook.read()
            #expect(runbook.blocks.count >= 20)
            for block in runbook.blocks {
                #expect(["setup", "run", "look", "cure"].contains(block.role), "\(block.section): ```sh \(block.role)")
                #expect(block.commands.contains("guardian") || block.role == "setup", "\(block.section)")
            }
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            let text = try String(contentsOf: file.appendingPathComponent("docs/runbooks/sync_runbook.md"), encoding: .utf8)
            for number in 1...8 { #expect(text.contains("\n## \(number). "), "section \(number)") }
        }

        @Test("every command of the daily business runs beside a daemon with failed and delivered operations")
        func commands() async throws {
            try await OnCall.with { call in
                try await Web.poison(call.backend.url, ["r1", "r2"])
                try await call.enqueue(40)
                try await Web.wait("38 processed and 2 failed") {
                    let processed = try await Web.processed(call.serve.url)
                    let failed = try await Web.failed(call.serve.url)
                    return processed == 38 && failed == 2
                }
                for block in try Runbook.read().blocks where block.role == "run" { try await call.run(block) }
                #expect(call.serve.isRunning)
                try await call.workplace.expectBalance()
            }
        }

        @Test("high failure rate: the code is seen, the cause mended, and all is delivered")
        func highFailureRate() async throws {
            try await OnCall.with { call in
                try await Web.poison(call.backend.url, (1...6).map { "r\($0)" })
                try await call.enqueue(60)
                try await Web.wait("failures") { try await Web.failed(call.serve.url) >= 1 }
                try await Web.wait("all settled", seconds: 120) {
                    let processed = try await Web.processed(call.serve.url)
                    let failed = try await Web.failed(call.serve.url)
                    return processed + failed == 60
                }
                let said = try await call.run("High failure rate", "look")
                #expect(said.contains("Counter({"), "\(said)")
                try await Web.setMode(call.backend.url, status: nil)
                _ = try await call.run("High failure rate", "cure")
                try await call.waitProcessed(60)
                #expect(try await Web.effects(call.backend.url).count == 60)
            }
        }

        @Test("lock stuck: its holder is frozen, the lock is taken from it, and another delivers")
        func lockStuck() async throws { try await frozenHolder("Lock stuck", standbys: 1) }

        @Test("lock deadlock: the holder is frozen and its clock ran ahead, so nobody delivers; the epoch is raised, and another does")
        func lockDeadlock() async throws {
            let library = try #require(Self.fakeTime, "libfaketime is not installed")
            // Its heartbeat is fresh for a minute longer than lock.stale_after.
            let ahead = ["LD_PRELOAD": library, "FAKETIME": "+60", "DONT_FAKE_MONOTONIC": "1"]
            try await frozenHolder("Lock deadlock", standbys: 2, ahead)
        }

        /// The library that gives a process another wall clock.
        private static var fakeTime: String? {
            do {
                return try FileManager.default.contentsOfDirectory(atPath: "/usr/lib").map { "/usr/lib/\($0)/faketime/libfaketimeMT.so.1" }
                    .first { FileManager.default.fileExists(atPath: $0) }
            } catch {
                return nil
            }
        }

        private func frozenHolder(_ section: String, standbys: Int, _ environment: [String: String] = [:]) async throws {
            try await OnCall.with(environment) { call in
                try await Web.wait("the lock") { try await call.workplace.run("lock", "status", "--json").json["held"] == true }
                var others: [Guardian] = []
                defer { for other in others { other.kill() } }
                for _ in 0..<standbys { others.append(try await call.workplace.serve(upstream: call.backend.url)) }
                defer { kill(call.serve.pid, SIGCONT) }
                try await freeze(call.serve, call.workplace)
                try await call.enqueue(20)
                let said = try await call.run(section, "look")
                #expect(said.contains("epoch"), "\(said)")
                #expect(try await Web.effects(call.backend.url).isEmpty)
                _ = try await call.run(section, "cure")
                try await call.waitProcessed(20, others[0].url)
                kill(call.serve.pid, SIGCONT)
                try await call.enqueue(20, prefix: "after")
                try await call.waitProcessed(40, others[0].url)
                #expect(try await Web.effects(call.backend.url).count == 40)
            }
        }

        /// Stops it between two writes: whoever stands still within one keeps everybody from writing.
        private func freeze(_ daemon: Guardian, _ workplace: Workplace) async throws {
            var said = ""
            for _ in 0..<100 {
                kill(daemon.pid, SIGSTOP)
                try await Web.wait("it to stand still") { try isStopped(daemon.pid) }
                let probe = try await Shell.run(["sqlite3", workplace.store, "BEGIN IMMEDIATE; ROLLBACK"])
                guard probe.status != 0 else { return }
                said = probe.errors
                kill(daemon.pid, SIGCONT)
            }
            Issue.record("it was stopped within a write each time: \(said)")
        }

        /// Whether every thread of a process is stopped.
        private func isStopped(_ pid: Int32) throws -> Bool {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").allSatisfy { thread in
                // One that has gone meanwhile writes nothing.
                guard let stat = FileManager.default.contents(atPath: "/proc/\(pid)/task/\(thread)/stat") else { return true }
                // Behind the name, which may have anything in it.
                return String(decoding: stat, as: UTF8.self).split(separator: ")").last?.hasPrefix(" T") == true
            }
        }

        @Test("breaker tripping: it is named, nothing fails, and all is delivered when the upstream is back")
        func breakerTripping() async throws {
            try await OnCall.with { call in
                try await Web.setMode(call.backend.url, status: 503)
                try await call.enqueue(100)
                try await Web.wait("an open breaker") {
                    let status = try await call.workplace.run("status", "--json").json
                    return (status["breaker_trips"]?.integer ?? 0) > 0
                }
                _ = try await call.run("Breaker tripping", "look")
                try await Web.setMode(call.backend.url, status: nil)
                _ = try await call.run("Breaker tripping", "cure")
                try await call.waitProcessed(100)
                #expect(try await Web.failed(call.serve.url) == 0)
            }
        }

        @Test("high queue depth: the reason is named, and the cure lets it drain")
        func highDepth() async throws {
            try await OnCall.with { call in
                #expect(try await call.workplace.run("pause").status == 0)
                try await call.enqueue(100)
                let said = try await call.run("High queue depth", "look")
                #expect(said.contains("paused"), "\(said)")
                _ = try await call.run("High queue depth", "cure")
                try await call.waitProcessed(100)
            }
        }

        @Test("duplicates: a write that a caller enqueued twice has two keys; under one id of its own it is there once")
        func duplicates() async throws {
            try await OnCall.with { call in
                for count in 1...2 {
                    #expect(try await Web.post(call.serve.url, Web.operation) == 202)
                    try await call.waitProcessed(count)
                }
                let twice = try await Web.effects(call.backend.url)
                #expect(twice.count == 2 && Set(twice.map(\.entity)).count == 1 && Set(twice.map(\.key)).count == 2, "\(twice)")
                _ = try await call.run("Duplicates", "look")
                let said = try await call.run("Duplicates", "cure")
                #expect(said.contains("accepted"), "\(said)")
                #expect(said.contains("duplicate"), "\(said)")
                try await call.waitProcessed(3)
                #expect(try await Web.effects(call.backend.url).count == 3)
            }
        }

        @Test("duplicates: an upstream that does not honour keys has one key twice")
        func forgetfulUpstream() async throws {
            try await OnCall.with(upstream: ["--idempotency-window", "0s"]) { call in
                let mode = #"{"mode":"drop","share":1,"count":1}"#
                #expect(try await Web.send("PUT", call.backend.url, "/_mode", body: mode).status == 200)
                #expect(try await Web.post(call.serve.url, Web.operation) == 202)
                try await call.waitProcessed(1)
                let twice = try await Web.effects(call.backend.url)
                #expect(twice.count == 2 && Set(twice.map(\.key)).count == 1, "\(twice)")
                _ = try await call.run("Duplicates", "look")
            }
        }

        @Test("mass 5xx: delivery stands while it lasts, nothing fails, and all is delivered after")
        func massErrors() async throws {
            try await OnCall.with { call in
                try await Web.setMode(call.backend.url, status: 500)
                try await call.enqueue(200)
                try await Web.wait("answers that open the breaker") {
                    let status = try await call.workplace.run("status", "--json").json
                    return (status["breaker_trips"]?.integer ?? 0) > 0
                }
                let requests = try #require(try await Web.get(call.backend.url, "/_requests?limit=10000").json["requests"]?.elements)
                #expect(requests.filter { $0["status"]?.integer == 500 }.count >= 10, "\(requests.count) requests")
                let said = try await call.run("Mass 5xx", "look")
                #expect(said.contains("paused"), "\(said)")
                #expect(try await Web.effects(call.backend.url).isEmpty)
                try await Web.setMode(call.backend.url, status: nil)
                _ = try await call.run("Mass 5xx", "cure")
                try await call.waitProcessed(200)
                #expect(try await Web.failed(call.serve.url) == 0)
            }
        }

        @Test("store corruption, left to the daemon: it meets the damage, and its next start salvages, names what is lost, and goes on")
        func corruptionByItself() async throws {
            try await OnCall.with { call in
                #expect(try await call.workplace.run("pause").status == 0)
                try await call.enqueue(2000)
                #expect(call.serve.terminate() == 0)
                try damage(call.workplace.store, at: #"{"seq":1000}"#)
                let daemon = try await call.workplace.serve(upstream: call.backend.url)
                defer { daemon.kill() }
                #expect(try await call.workplace.run("resume").status == 0)
                try await Web.wait("the damage to be met") { FileManager.default.fileExists(atPath: call.workplace.store + "-suspect") }
                let said = try await call.run("Store corruption", "look")
                #expect(!said.isEmpty)
                daemon.kill()
                let again = try await call.workplace.serve(upstream: call.backend.url)
                defer { again.kill() }
                #expect(again.errors.contains("guardian: the store was damaged"), "\(again.errors)")
                try await waitDrained(again)
                let named = try await Web.failed(again.url)
                #expect((1...100).contains(named))
                #expect(try await Web.effects(call.backend.url).count + named >= 2000)
                try await call.workplace.expectBalance()
            }
        }

        @Test("store corruption: it is noticed, what is readable is salvaged, and the daemon goes on")
        func corruption() async throws {
            try await OnCall.with { call in
                #expect(try await call.workplace.run("pause").status == 0)
                try await call.enqueue(2000)
                #expect(call.serve.terminate() == 0)
                try damage(call.workplace.store, at: #"{"seq":1000}"#)
                let said = try await call.run("Store corruption", "look")
                #expect(!said.isEmpty)
                _ = try await call.run("Store corruption", "cure")
                let again = try await call.workplace.serve(upstream: call.backend.url)
                defer { again.kill() }
                #expect(try await call.workplace.run("resume").status == 0)
                try await waitDrained(again)
                // A page holds a few rows of two thousand; what it held is named by the repair, the others are delivered.
                #expect(try await Web.effects(call.backend.url).count > 1900)
                try await call.workplace.expectBalance()
            }
        }

        private func waitDrained(_ daemon: Guardian) async throws {
            try await Web.wait("the queue to drain") {
                let books = try await Web.get(daemon.url, "/v1/status").json["books"]
                return books?["pending"]?.integer == 0 && books?["processing"]?.integer == 0
            }
        }

        /// Overwrites the page of rows in which `text` stands.
        private func damage(_ file: String, at text: String) throws {
            let found = try #require(try Data(contentsOf: URL(fileURLWithPath: file)).range(of: Data(text.utf8)))
            let handle = try FileHandle(forUpdating: URL(fileURLWithPath: file))
            defer { do { try handle.close() } catch {} }
            try handle.seek(toOffset: UInt64(found.lowerBound / 4096 * 4096))
            try handle.write(contentsOf: Data((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }))
        }
    }
}
