import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// `serve --listen unix:PATH`.
    @Suite(.serialized) struct UnixSocketTests {
        @Test("serve on a Unix socket says where, keeps it to its owner, and takes operations")
        func serves() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await start(workplace)
            defer { serve.kill() }
            #expect(serve.errors.contains("guardian: ready on \(url(workplace))\n"))
            #expect(serve.url == url(workplace))
            let mode = try FileManager.default.attributesOfItem(atPath: path(workplace))[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(try await Web.post(serve.url, Web.operation) == 202)
            #expect(try await Web.get(serve.url, "/readyz").status == 200)
            #expect(try await workplace.run("status", "--json").json["books"]?["accepted"]?.integer == 1)
            #expect(serve.terminate() == 0)
            #expect(!FileManager.default.fileExists(atPath: path(workplace)))
        }

        @Test("a second serve on the same socket is refused and says why; the first goes on")
        func refusesSecond() async throws {
            let (workplace, other) = (try Workplace(), try Workplace())
            defer {
                workplace.remove()
                other.remove()
            }
            let serve = try await start(workplace)
            defer { serve.kill() }
            let second = try await Guardian.run(
                ["serve", "--data-dir", other.path, "--listen", url(workplace), "--upstream", Workplace.nobody], wrapper: ["timeout", "20"])
            #expect([1, 2].contains(second.status), "\(second.status)")
            #expect(second.errors.contains(url(workplace)) && second.errors.contains("another process"), "\(second.errors)")
            #expect(try await Web.post(serve.url, Web.operation) == 202)
        }

        @Test("what a killed serve has left of its socket is replaced; a file that is no socket is not")
        func replacesStale() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let first = try await start(workplace)
            defer { first.kill() }
            #expect(try await Web.post(first.url, Web.operation) == 202)
            first.kill()
            #expect(FileManager.default.fileExists(atPath: path(workplace)))
            let second = try await start(workplace)
            defer { second.kill() }
            #expect(try await Web.post(second.url, Web.operation) == 202)
            #expect(try await workplace.run("status", "--json").json["books"]?["accepted"]?.integer == 2)
            second.kill()

            try FileManager.default.removeItem(atPath: path(workplace))
            try "mine".write(toFile: path(workplace), atomically: true, encoding: .utf8)
            let third = try await Guardian.run(
                ["serve", "--data-dir", workplace.path, "--listen", url(workplace)], wrapper: ["timeout", "20"])
            #expect([1, 2].contains(third.status), "\(third.status)")
            #expect(third.errors.contains("not a socket"), "\(third.errors)")
            #expect(try String(contentsOfFile: path(workplace), encoding: .utf8) == "mine")
        }

        private func path(_ workplace: Workplace) -> String { workplace.path + "/api.sock" }

        private func url(_ workplace: Workplace) -> String { "unix:" + path(workplace) }

        private func start(_ workplace: Workplace) async throws -> Guardian {
            try await Guardian.start(
                ["serve", "--data-dir", workplace.path, "--listen", url(workplace), "--upstream", Workplace.nobody],
                environment: Workplace.quick)
        }
    }
}
