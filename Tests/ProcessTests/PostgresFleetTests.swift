import Foundation
import GuardianCore
import GuardianLoad
import Testing

extension LongProcessTests {
    /// Four real processes over one real PostgreSQL, each in a network of its own as far as it matters: they share nothing else.
    @Suite(.serialized) struct PostgresFleetTests {
        private static func size(_ name: String, _ fallback: Int) -> Int {
            ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? fallback
        }

        private static let operations = size("GUARDIAN_FLEET_OPERATIONS", 4000)
        private static let keys = size("GUARDIAN_FLEET_KEYS", 200)
        private static let quick = [
            "GUARDIAN_LOCK_HEARTBEAT": "300ms", "GUARDIAN_LOCK_STALE_AFTER": "2s", "GUARDIAN_RETRY_BASE": "50ms",
            "GUARDIAN_RETRY_MAX": "500ms", "GUARDIAN_BREAKER_COOL_DOWN": "300ms", "GUARDIAN_UPSTREAM_CONNECT_TIMEOUT": "1s",
            "GUARDIAN_UPSTREAM_TIMEOUT": "1500ms",
        ]

        private let server: PostgresServer
        private let directory = NSTemporaryDirectory() + "/guardian-fleet-" + UUID().uuidString

        init() throws {
            server = try PostgresServer()
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }

        private func serve(_ number: Int, _ backend: Guardian) async throws -> Guardian {
            try await Guardian.start(
                [
                    "serve", "--data-dir", directory + "/\(number)", "--listen", "127.0.0.1:0", "--upstream", backend.url, "--workers",
                    "16",
                ], environment: Self.quick.merging(["GUARDIAN_STORE": server.url]) { $1 })
        }

        private func command(_ words: String...) async throws -> Guardian.Answer {
            try await Guardian.run(words, environment: ["GUARDIAN_STORE": server.url])
        }

        /// Files of operations, each of some keys of its own, numbered from 1 within a key; and all of `entity#number`.
        private func files(_ count: Int) throws -> (paths: [String], all: Set<String>) {
            var all = Set<String>()
            var paths: [String] = []
            for file in 0..<count {
                var text = ""
                var next: [Int: Int] = [:]
                for number in 0..<Self.operations / count {
                    let key = number % (Self.keys / count) * count + file
                    next[key, default: 0] += 1
                    let seq = next[key] ?? 0
                    text += """
                        {"id":"op-\(file)-\(number)","operation_type":"update","entity_type":"room","entity_id":"k\(key)","payload":{"seq":\(seq)}}

                        """
                    all.insert("k\(key)#\(seq)")
                }
                let path = directory + "/\(file).ndjson"
                try Data(text.utf8).write(to: URL(fileURLWithPath: path))
                paths.append(path)
            }
            return (paths, all)
        }

        /// Hands in a file until all of it is acknowledged.
        private func enqueue(_ path: String) async throws {
            let end = ContinuousClock.now + .seconds(600)
            while true {
                try Task.checkCancellation()
                let answer = try await command("enqueue", "--from-file", path, "--json")
                if answer.status == 0 { return }
                #expect(answer.status == 4, "\(answer.errors)")
                #expect(!answer.errors.contains(PostgresServer.password))
                guard ContinuousClock.now < end else { throw PostgresServer.Trouble(description: "never acknowledged: \(answer.errors)") }
            }
        }

        private func verify(_ backend: Guardian, _ all: Set<String>) async throws -> String {
            let effects = try await Web.effects(backend.url)
            let duplicates = effects.count - Set(effects.map(\.key)).count
            let violations = OrderCheck.violations(effects.map { ($0.entity, $0.seq) })
            let applied = Set(effects.map { "\($0.entity.split(separator: "/").last ?? "")#\($0.seq)" })
            let missing = all.subtracting(applied).count
            #expect(duplicates == 0 && violations == 0 && missing == 0 && effects.count == all.count)
            let check = try await command("check", "--json")
            #expect(check.status == 0, "\(check.output)\(check.errors)")
            #expect(check.json["gap"]?.integer == 0)
            // Books, tallies and effects say the same: each was counted once, whoever died in between.
            let counted = try await server.psql(
                "SELECT (SELECT sum(processed) FROM guardian_books), (SELECT sum(count) FROM guardian_tally WHERE kind = 0)")
            #expect(counted == "\(all.count)|\(all.count)")
            return "lost \(missing), doubled \(duplicates), out of order \(violations)"
        }

        private func finished(_ total: Int) async throws {
            try await Web.wait("everything processed", seconds: 1200) {
                let answer = try await command("status", "--json")
                return answer.json["books"]?["processed"]?.integer ?? 0 >= total
            }
        }

        @Test("four processors share a queue: each operation is applied once, each key in order")
        func peace() async throws {
            defer { server.end() }
            let (paths, all) = try files(4)
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0", "--latency", "1ms"])
            defer { backend.kill() }
            var fleet: [Guardian] = []
            defer { for one in fleet { one.kill() } }
            for number in 0..<4 { fleet.append(try await serve(number, backend)) }
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for path in paths { group.addTask { try await enqueue(path) } }
                try await group.waitForAll()
            }
            try await finished(all.count)
            let took = ContinuousClock.now - start
            // One whose lease has ended meanwhile takes a seat again.
            try await Web.wait("four seats") { try await server.psql("SELECT count(*) FROM guardian_processor") == "4" }
            // Each of them shows the store's totals, and how many they are.
            for one in fleet {
                try await Web.wait("its totals") {
                    let scrape = try await Scrape(one.url)
                    return scrape.sum("processed_ops_total") == Double(all.count) && scrape.sum("active_processors_gauge") == 4
                }
            }
            for one in fleet { #expect(one.terminate() == 0) }
            let verdict = try await verify(backend, all)
            print("measured: \(all.count) operations over \(Self.keys) keys by \(fleet.count) processors in \(took): \(verdict)")
        }

        @Test(
            "processors are killed, one is frozen beyond its lease, PostgreSQL crashes three times: nothing lost, doubled or out of order")
        func war() async throws {
            defer { server.end() }
            let (paths, all) = try files(4)
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0", "--latency", "2ms", "--failure-rate", "0.02"])
            defer { backend.kill() }
            var fleet: [Guardian] = []
            defer { for one in fleet { one.kill() } }
            for number in 0..<4 { fleet.append(try await serve(number, backend)) }
            var recoveries: [String] = []
            try await withThrowingTaskGroup(of: Void.self) { group in
                for path in paths { group.addTask { try await enqueue(path) } }
                try await progress(backend, by: all.count / 20, of: all.count)
                // Frozen for longer than its lease, while others are killed and the database crashes.
                kill(fleet[0].pid, SIGSTOP)
                let frozenAt = ContinuousClock.now
                for round in 0..<3 {
                    try await progress(backend, by: all.count / 20, of: all.count)
                    fleet[1 + round].kill()
                    fleet[1 + round] = try await serve(1 + round, backend)
                    try await progress(backend, by: all.count / 20, of: all.count)
                    let crashedAt = ContinuousClock.now
                    try server.ask("immediate")
                    let upAt = ContinuousClock.now
                    try await progress(backend, by: 1, of: all.count)
                    recoveries.append("\((upAt - crashedAt).milliseconds)+\((ContinuousClock.now - upAt).milliseconds) ms")
                }
                try await Web.wait("the lease to end") { ContinuousClock.now - frozenAt > .seconds(3) }
                kill(fleet[0].pid, SIGCONT)
                try await group.waitForAll()
            }
            try await finished(all.count)
            for one in fleet { #expect(one.terminate() == 0) }
            let verdict = try await verify(backend, all)
            for one in fleet { #expect(!one.errors.contains(PostgresServer.password), "the password was logged") }
            print("measured: \(verdict); down+recovery after each crash: \(recoveries.joined(separator: ", "))")
        }

        /// Waits until the upstream has applied `count` more, or all there are.
        private func progress(_ backend: Guardian, by count: Int, of total: Int) async throws {
            let goal = min(try await applied(backend) + count, total)
            try await Web.wait("\(goal) applied") { try await applied(backend) >= goal }
        }

        private func applied(_ backend: Guardian) async throws -> Int {
            let answer = try await Web.get(backend.url, "/_effects/summary")
            return Int(try JSONValue(parsing: answer.body)["count"]?.integer ?? 0)
        }
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
