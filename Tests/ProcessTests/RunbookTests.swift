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

        @Test("lock deadlock: nobody delivers, the epoch is raised, the first that asks delivers")
        func lockDeadlock() async throws { try await frozenHolder("Lock deadlock", standbys: 2) }

        private func frozenHolder(_ section: String, standbys: Int) async throws {
            try await OnCall.with { call in
                try await Web.wait("the lock") { try await call.workplace.run("lock", "status", "--json").json["held"] == true }
                var others: [Guardian] = []
                defer { for other in others { other.kill() } }
                for _ in 0..<standbys { others.append(try await call.workplace.serve(upstream: call.backend.url)) }
                kill(call.serve.pid, SIGSTOP)
                defer { kill(call.serve.pid, SIGCONT) }
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

        @Test("duplicates: the same id again adds nothing")
        func duplicates() async throws {
            try await OnCall.with { call in
                _ = try await call.run("Duplicates", "look")
                let said = try await call.run("Duplicates", "cure")
                #expect(said.contains("accepted"), "\(said)")
                #expect(said.contains("duplicate"), "\(said)")
                try await call.waitProcessed(1)
                #expect(try await Web.effects(call.backend.url).count == 1)
            }
        }

        @Test("mass 5xx: delivery stands while it lasts, nothing fails, and all is delivered after")
        func massErrors() async throws {
            try await OnCall.with { call in
                try await Web.setMode(call.backend.url, status: 500)
                try await call.enqueue(200)
                let said = try await call.run("Mass 5xx", "look")
                #expect(said.contains("paused"), "\(said)")
                try await Web.setMode(call.backend.url, status: nil)
                _ = try await call.run("Mass 5xx", "cure")
                try await call.waitProcessed(200)
                #expect(try await Web.failed(call.serve.url) == 0)
            }
        }

        @Test("store corruption: it is noticed, what is readable is salvaged, and the daemon goes on")
        func corruption() async throws {
            try await OnCall.with { call in
                #expect(try await call.workplace.run("pause").status == 0)
                try await call.enqueue(2000)
                #expect(call.serve.terminate() == 0)
                try damage(call.workplace.store)
                let said = try await call.run("Store corruption", "look")
                #expect(!said.isEmpty)
                _ = try await call.run("Store corruption", "cure")
                let again = try await call.workplace.serve(upstream: call.backend.url)
                defer { again.kill() }
                #expect(try await call.workplace.run("resume").status == 0)
                try await Web.wait("the queue to drain") {
                    let books = try await Web.get(again.url, "/v1/status").json["books"]
                    return books?["pending"]?.integer == 0 && books?["processing"]?.integer == 0
                }
                // A page holds a few rows of two thousand; what it held is named by the repair, the others are delivered.
                #expect(try await Web.effects(call.backend.url).count > 1900)
                try await call.workplace.expectBalance()
            }
        }

        /// Overwrites one page in the middle of the rows.
        private func damage(_ file: String) throws {
            let handle = try FileHandle(forUpdating: URL(fileURLWithPath: file))
            defer { do { try handle.close() } catch {} }
            let pages = try handle.seekToEnd() / 4096
            try handle.seek(toOffset: pages / 2 * 4096)
            try handle.write(contentsOf: Data((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }))
        }
    }
}
