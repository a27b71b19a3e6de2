import Foundation
import Testing

extension ProcessTests {
    /// Memory is bounded, however long the queue (spec section 3.9).
    @Suite struct MemoryTests {
        static let mostKiB = 64 * 1024

        @Test("serve holds a long queue and drains it within 64 MiB")
        func staysSmall() async throws {
            let count = ProcessInfo.processInfo.environment["GUARDIAN_MEMORY_JOB"].flatMap { Int($0) } ?? 20_000
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/operations.ndjson"
            let job = ["sh", "-c", "\"$0\" generate --operations \(count) --entities 5000 --seed 3 > \(file)", Guardian.binary]
            #expect(try await Shell.run(job).status == 0)
            #expect(try await workplace.run("enqueue", "--from-file", file).status == 0)
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await workplace.serve(upstream: backend.url, ["--workers", "32"])
            defer { serve.kill() }
            try await Web.wait("\(count) processed", seconds: 60 + count / 1000) { try await Web.processed(serve.url) >= count }
            let peak = serve.peakKiB
            #expect((1...Self.mostKiB).contains(peak))
            #expect(serve.terminate() == 0)
            print("measured: peak RSS \(peak / 1024) MiB over \(count) operations")
        }
    }
}
