import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// Every store command on a real PostgreSQL, and a queue that moves there with `migrate-store`.
    @Suite(.serialized) struct PostgresCommandTests {
        @Test("store commands work on postgresql://, and nothing they or serve say holds its password")
        func commands() async throws {
            let server = try PostgresServer()
            defer { server.end() }
            let environment = ["GUARDIAN_STORE": server.url, "GUARDIAN_DATA_DIR": NSTemporaryDirectory() + "/guardian-none"]
            var said = ""
            func run(_ words: String...) async throws -> Guardian.Answer {
                let answer = try await Guardian.run(words, environment: environment)
                said += answer.output + answer.errors
                return answer
            }
            for id in ["a", "b"] {
                let answer = try await run(
                    "enqueue", "--operation", "update", "--entity-type", "room", "--entity-id", id, "--id", id, "--payload", "{}", "--json")
                #expect(answer.status == 0, "\(answer.errors)")
            }
            #expect(try await run("status", "--json").json["books"]?["accepted"]?.integer == 2)
            #expect(try await run("list", "--json").json.elements?.count == 2)
            #expect(try await run("show", "a").status == 0)
            #expect(try await run("explain", "a", "--json").status == 0)
            #expect(try await run("pause").status == 0)
            #expect(try await run("resume").status == 0)
            #expect(try await run("cancel", "a", "--yes").status == 0)
            #expect(try await run("show", "a").status == 3)
            #expect(try await run("lock", "status", "--json").json["held"] == .bool(false))
            #expect(try await run("rebuild-index").status == 0)
            #expect(try await run("check", "--json").json["gap"]?.integer == 0)
            #expect(try await run("doctor").output.contains("fsync on"))
            #expect(try await run("config", "print").output.contains("postgresql://postgres:***@127.0.0.1"))
            let wrong = try await Guardian.run(
                ["status"], environment: ["GUARDIAN_STORE": "postgresql://anna:s3cret-pass-word@127.0.0.1:1/none?connect_timeout=1"])
            #expect(wrong.status == 4, "\(wrong.errors)")
            said += wrong.errors + wrong.output
            #expect(!said.contains(PostgresServer.password))
        }

        @Test("migrate-store moves a queue to PostgreSQL and back; killed in the middle, it goes on; a store in use is refused")
        func moves() async throws {
            let server = try PostgresServer()
            defer { server.end() }
            let (old, back) = (try Workplace(), try Workplace())
            defer {
                old.remove()
                back.remove()
            }
            let count = 6000
            let file = old.path + "/operations.ndjson"
            let generated = try await Guardian.run(["generate", "--operations", "\(count)", "--entities", "97", "--seed", "5"])
            try Data(generated.output.utf8).write(to: URL(fileURLWithPath: file))
            #expect(try await old.run("enqueue", "--from-file", file).status == 0)
            let environment = ["GUARDIAN_STORE": server.url]
            let serve = try await old.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            try await Web.wait("the lock") { try await old.run("lock", "status", "--json").json["held"] == true }
            let refused = try await Guardian.run(
                ["migrate-store", "--from", old.path, "--to", "env:GUARDIAN_STORE"], environment: environment)
            #expect(refused.status == 5, "\(refused.errors)")
            serve.terminate()

            let first = try Guardian.launch(["migrate-store", "--from", old.path, "--to", "env:GUARDIAN_STORE"], environment: environment)
            try await Web.wait("some of it moved") {
                let there = try? await server.psql("SELECT count(*) FROM guardian_operation")
                return there.flatMap { Int($0) } ?? 0 > 0 || !first.isRunning
            }
            first.kill()
            let second = try await Guardian.run(
                ["migrate-store", "--from", old.path, "--to", "env:GUARDIAN_STORE", "--json"], environment: environment)
            #expect(second.status == 0, "\(second.errors)")
            let books = try await Guardian.run(["status", "--json"], environment: environment).json["books"]
            #expect(books?["accepted"]?.integer == Int64(count))
            #expect(try await server.psql("SELECT count(*), count(DISTINCT id) FROM guardian_operation") == "\(count)|\(count)")
            #expect(try await old.run("status", "--json").json["books"]?["accepted"]?.integer == 0)

            let third = try await Guardian.run(
                ["migrate-store", "--from", "env:GUARDIAN_STORE", "--to", back.path], environment: environment)
            #expect(third.status == 0, "\(third.errors)")
            #expect(try await back.run("status", "--json").json["books"]?["accepted"]?.integer == Int64(count))
            try await back.expectBalance()
            #expect(try await Guardian.run(["check"], environment: environment).status == 0)
        }
    }
}
