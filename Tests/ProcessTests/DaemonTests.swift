import Foundation
import GuardianLoad
import Testing

extension ProcessTests {
    @Suite(.serialized) struct DaemonTests {
        @Test("SIGTERM drains and ends with exit code 0, and what is left is still there")
        func drains() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            let line = try #require(Workload(seed: 1, operations: 1).map(\.ndjson).first)
            #expect(try await Web.post(serve.url, line) == 202)
            #expect(serve.terminate() == 0)
            let status = try await workplace.run("status", "--json")
            #expect(status.output.contains(#""pending":1"#))
            #expect(status.output.contains(#""lock":null"#))
        }

        @Test("two daemons on one store: one delivers, the other stands by and takes over when the first is killed")
        func takesOver() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let first = try await workplace.serve(upstream: backend.url)
            defer { first.kill() }
            let second = try await workplace.serve(upstream: backend.url)
            defer { second.kill() }
            first.kill()
            for line in Workload(seed: 5, operations: 50).map(\.ndjson) { #expect(try await Web.post(second.url, line) == 202) }
            try await Web.wait("50 processed") { try await Web.processed(second.url) >= 50 }
            #expect(try await Web.effects(backend.url).count == 50)
        }
    }

    @Suite struct FileTests {
        @Test("a truncated line stops the file there: lines before it are kept, the error names the line")
        func truncatedFile() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let lines = Workload(seed: 9, operations: 5000).map(\.ndjson)
            let file = workplace.path + "/operations.ndjson"
            try (lines.joined(separator: "\n") + "\n{\"operation_type\":\"upd").write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("enqueue", "--from-file", file)
            #expect(answer.status == 1)
            #expect(answer.errors.contains("line 5001"))
            #expect(try await workplace.run("status", "--json").output.contains(#""pending":5000"#))
        }
    }
}
