import Foundation
import GuardianCore
import Testing

#if canImport(Glibc)
    import Glibc
#endif

extension ProcessTests {
    /// A `serve` that may have few files open.
    @Suite(.serialized) struct OpenFileTests {
        private func serve(
            _ workplace: Workplace, upstream: String, limit: String, _ settings: [String: String] = [:]
        ) async throws -> Guardian {
            try await Guardian.start(
                workplace.arguments(upstream: upstream), environment: Workplace.quick.merging(settings) { $1 },
                wrapper: ["sh", "-c", "ulimit \(limit) && exec \"$0\" \"$@\""])
        }

        @Test("callers who hold more connections than there are files for leave delivery its own, and that is said at the start")
        func crowd() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            // Those who say nothing are not put out before the delivery: it must not take that.
            let serve = try await serve(workplace, upstream: backend.url, limit: "-n 256", ["GUARDIAN_API_PATIENCE": "10m"])
            defer { serve.kill() }
            #expect(serve.errors.contains("api.connections: no more than 124 at once"))
            let held = try Web.hold(250, serve.url)
            defer { for socket in held { close(socket) } }
            #expect(try await workplace.enqueue("a").status == 0)
            try await Web.wait("the delivery") { try await Web.effects(backend.url).count == 1 }
        }

        @Test("a soft limit that is too low is raised, and nothing is said")
        func raises() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await serve(workplace, upstream: Workplace.nobody, limit: "-S -n 256")
            defer { serve.kill() }
            #expect(!serve.errors.contains("api.connections"))
            let limits = FileManager.default.contents(atPath: "/proc/\(serve.pid)/limits").map { String(decoding: $0, as: UTF8.self) }
            let files = limits?.split(separator: "\n").first { $0.hasPrefix("Max open files") }
            #expect(files?.split(separator: " ").dropFirst(3).first == "1284")
        }

        @Test("a command that may open too few files says that, and nothing of the data directory's owner")
        func opensTooMany() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let answer = try await Guardian.run(
                ["status", "--data-dir", workplace.path], wrapper: ["sh", "-c", "ulimit -n 12 && exec \"$0\" \"$@\""])
            #expect(answer.status == 4 && answer.errors.contains("Too many open files; raise ulimit -n"), "\(answer.errors)")
            #expect(!answer.errors.contains("owner"), "\(answer.errors)")
        }
    }
}
