import Foundation
import GuardianLoad
import Testing

/// The real binary over real sockets and a real disk, killed for real.
@Suite(.serialized) struct KillTests {
    @Test("serve killed with SIGKILL at random moments: nothing acknowledged is lost, nothing applied twice, order kept")
    func survivesKills() async throws {
        let rounds = Int(ProcessInfo.processInfo.environment["GUARDIAN_KILL_ROUNDS"] ?? "") ?? 10
        let workplace = try Workplace()
        defer { workplace.remove() }
        let backend = try Guardian(["backend", "--listen", "127.0.0.1:0", "--latency", "3ms", "--failure-rate", "0.05"])
        defer { backend.kill() }
        let lines = Workload(seed: 42, operations: rounds * 100, entities: 20).map(\.ndjson)

        var acknowledged = 0
        for round in 0..<rounds {
            let serve = try workplace.serve(upstream: backend.url)
            for line in lines[round * 100..<(round + 1) * 100] {
                let status = try await Web.post(serve.url + "/v1/operations", line)
                #expect(status == 202)
                acknowledged += 1
                if acknowledged % 100 == Int.random(in: 1...100) { break }
            }
            // Whatever of the hundred was not posted yet is posted by the next process, so that numbers stay without gaps.
            serve.kill()
            let again = try workplace.serve(upstream: backend.url)
            while acknowledged < (round + 1) * 100 {
                #expect(try await Web.post(again.url + "/v1/operations", lines[acknowledged]) == 202)
                acknowledged += 1
            }
            again.kill()
            #expect(try Guardian.run(["check", "--data-dir", workplace.path]).status == 0)
        }
        let last = try workplace.serve(upstream: backend.url)
        try await Web.wait("\(acknowledged) processed") { try await Web.processed(last.url) >= acknowledged }
        last.terminate()
        let effects = try await Web.effects(backend.url)
        #expect(effects.count == acknowledged)
        #expect(Set(effects.map(\.key)).count == effects.count)
        #expect(OrderCheck.violations(effects.map { ($0.entity, $0.seq) }) == 0)
        #expect(try Guardian.run(["check", "--data-dir", workplace.path]).status == 0)
    }

    @Test("SIGTERM drains and ends with exit code 0, and what is left is still there")
    func drains() async throws {
        let workplace = try Workplace()
        defer { workplace.remove() }
        let serve = try workplace.serve(upstream: "http://127.0.0.1:1")
        let line = try #require(Workload(seed: 1, operations: 1).map(\.ndjson).first)
        #expect(try await Web.post(serve.url + "/v1/operations", line) == 202)
        #expect(serve.terminate() == 0)
        let status = try Guardian.run(["status", "--data-dir", workplace.path, "--json"])
        #expect(status.output.contains(#""pending":1"#))
        #expect(status.output.contains(#""lock":null"#))
    }

    @Test("two daemons on one store: one delivers, the other stands by and takes over when the first is killed")
    func takesOver() async throws {
        let workplace = try Workplace()
        defer { workplace.remove() }
        let backend = try Guardian(["backend", "--listen", "127.0.0.1:0"])
        defer { backend.kill() }
        let first = try workplace.serve(upstream: backend.url)
        let second = try workplace.serve(upstream: backend.url)
        defer { second.kill() }
        first.kill()
        for line in Workload(seed: 5, operations: 50).map(\.ndjson) {
            #expect(try await Web.post(second.url + "/v1/operations", line) == 202)
        }
        try await Web.wait("50 processed") { try await Web.processed(second.url) >= 50 }
        #expect(try await Web.effects(backend.url).count == 50)
    }

    @Test("a truncated line stops the file there: lines before it are kept, the error names the line")
    func truncatedFile() throws {
        let workplace = try Workplace()
        defer { workplace.remove() }
        let lines = Workload(seed: 9, operations: 5000).map(\.ndjson)
        let file = workplace.path + "/operations.ndjson"
        try FileManager.default.createDirectory(atPath: workplace.path, withIntermediateDirectories: true)
        try (lines.joined(separator: "\n") + "\n{\"operation_type\":\"upd").write(toFile: file, atomically: true, encoding: .utf8)
        let answer = try Guardian.run(["enqueue", "--data-dir", workplace.path, "--from-file", file])
        #expect(answer.status == 1)
        #expect(answer.errors.contains("line 5001"))
        #expect(try Guardian.run(["status", "--data-dir", workplace.path, "--json"]).output.contains(#""pending":5000"#))
    }
}
