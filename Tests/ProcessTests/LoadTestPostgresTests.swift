import Foundation
import GuardianCore
import Testing

extension LongProcessTests {
    /// `guardian loadtest` on a real PostgreSQL.
    @Suite(.serialized) struct LoadTestPostgresTests {
        private static let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'guardian%'"

        private func run(_ server: PostgresServer, _ arguments: String...) async throws -> Guardian.Answer {
            let answer = try await Guardian.run(
                ["loadtest", "--store", "env:LOAD_STORE", "--json"] + arguments, environment: ["LOAD_STORE": server.url])
            #expect(!(answer.output + answer.errors).contains(PostgresServer.password))
            return answer
        }

        private func expectPassed(_ answer: Guardian.Answer) {
            for suite in answer.json["suites"]?.elements ?? [] {
                for check in suite["checks"]?.elements ?? [] {
                    let what = "\(suite["name"]?.string ?? ""): \(check["name"]?.string ?? ""): \(check["detail"]?.string ?? "")"
                    #expect(check["holds"] == .bool(true), "\(what)")
                }
            }
            #expect(answer.status == 0, "\(answer.errors)")
        }

        @Test("all five suites pass on it, all three processors at once; nothing of them stays in the database")
        func allFive() async throws {
            let server = try PostgresServer()
            defer { server.end() }
            let answer = try await run(server, "--operations", "600", "--seed", "7")
            expectPassed(answer)
            let suites = answer.json["suites"]?.elements ?? []
            #expect(suites.compactMap { $0["name"]?.string } == ["enqueue", "latency", "memory", "breaker", "concurrency"])
            let checks = suites.last?["checks"]?.elements ?? []
            let shares = checks.first { $0["name"]?.string == "all processors have delivered" }?["detail"]?.string
            print("measured: loadtest on PostgreSQL: the three processors delivered \(shares ?? "nothing")")
            #expect(shares != nil)
            #expect(try await server.psql(Self.schemas) == "0")
        }

        @Test("a soak with all faults: nothing lost, nothing grown")
        func soak() async throws {
            let server = try PostgresServer()
            defer { server.end() }
            expectPassed(try await run(server, "--duration", ProcessInfo.processInfo.environment["GUARDIAN_SOAK"] ?? "20s"))
            #expect(try await server.psql(Self.schemas) == "0")
        }

        @Test("a database that holds a queue in use is refused, and not touched; one whose queue is empty is not written either")
        func refused() async throws {
            let server = try PostgresServer()
            defer { server.end() }
            let environment = ["GUARDIAN_STORE": server.url]
            let enqueued = try await Guardian.run(
                ["enqueue", "--operation", "update", "--entity-type", "room", "--entity-id", "a", "--id", "a", "--payload", "{}"],
                environment: environment)
            #expect(enqueued.status == 0, "\(enqueued.errors)")
            let answer = try await run(server, "--suite", "enqueue", "--operations", "100")
            #expect(answer.status == 5, "\(answer.errors)")
            for words in ["a queue with 1 operations", "nothing was touched"] {
                #expect(answer.errors.contains(words), "\(answer.errors)")
            }
            #expect(try await Guardian.run(["cancel", "a", "--yes"], environment: environment).status == 0)
            let books = try await Guardian.run(["status", "--json"], environment: environment).json["books"]
            expectPassed(try await run(server, "--suite", "enqueue", "--operations", "100"))
            #expect(try await Guardian.run(["status", "--json"], environment: environment).json["books"] == books)
            #expect(try await server.psql(Self.schemas) == "0")
        }
    }
}
