import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// What `guardian` keeps in its data directory, and nobody may write over.
    @Suite(.serialized) struct OwnFileTests {
        private static let writers = [["export"], ["archive", "--yes"], ["backup"]]

        private func expectRefusal(_ writer: [String], _ out: String, _ workplace: Workplace) async throws {
            let answer = try await Guardian.run(writer + ["--out", out, "--data-dir", workplace.path])
            #expect(answer.status == 5 && answer.errors.contains("name another file"), "\(writer) \(out): \(answer)")
        }

        @Test("no command writes under a name that is kept for a file of guardian's own, there yet or not, however it is spelt")
        func keepsNames() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let (link, files) = (workplace.path + "/link", FileManager.default)
            try files.createSymbolicLink(atPath: link, withDestinationPath: "rollout.json")
            let before = try files.contentsOfDirectory(atPath: workplace.path).sorted()
            let names = [
                "guardian.sqlite-replacing", "./guardian.sqlite.damaged-mine", "alerts.json", "logs/mine.csv", "./run/./mine.csv",
                "admin-audit.jsonl.1", "link",
            ]
            for (name, writer) in names.flatMap({ name in Self.writers.map { (name, $0) } }) {
                try await expectRefusal(writer, workplace.path + "/" + name, workplace)
            }
            #expect(try files.contentsOfDirectory(atPath: workplace.path).sorted() == before)
        }

        @Test("every file that serve makes in its data directory is one that no command writes over")
        func knowsAll() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody, ["--admin"])
            defer { serve.kill() }
            #expect(try await Web.post(serve.url, Web.operation) == 202)
            try await Web.wait("the lock") { FileManager.default.fileExists(atPath: workplace.store + "-processors") }
            // What ends in good order leaves all that it has.
            #expect(serve.terminate() == 0)
            let names = try FileManager.default.contentsOfDirectory(atPath: workplace.path)
            #expect(names.count > 5, "\(names)")
            for name in names { try await expectRefusal(["export"], workplace.path + "/" + name, workplace) }
        }
    }
}
