import Foundation
import GuardianCore
import GuardianLoad
import Testing

extension ProcessTests {
    /// The whole job at once: a long queue, a slow upstream that fails now and then, many workers.
    @Suite(.serialized) struct MainJobTests {
        @Test("a queue of thousands, an upstream that fails now and then: each operation is applied once, in the order of its entity")
        func deliversAll() async throws {
            let count = Int(ProcessInfo.processInfo.environment["GUARDIAN_MAIN_JOB"] ?? "") ?? 2000
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(
                ["backend", "--listen", "127.0.0.1:0", "--failure-rate", "0.05", "--latency", "50ms", "--seed", "7"])
            defer { backend.kill() }
            try await enqueue(count, workplace)

            let start = ContinuousClock.now
            // Five failures of one operation in a row would be chance here; ten are a mistake.
            let serve = try await Guardian.start(
                workplace.arguments(upstream: backend.url, ["--workers", "32"]),
                environment: Workplace.quick.merging(["GUARDIAN_RETRY_MAX_ATTEMPTS": "10"]) { $1 })
            defer { serve.kill() }
            for part in Array(stride(from: 1000, to: count, by: 1000)) + [count] {
                try await Web.wait("\(part) processed") { try await Web.processed(serve.url) >= part }
            }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let memory = serve.peakKiB / 1024
            #expect(serve.terminate() == 0)
            try await workplace.expectBalance()

            let summary = try await Web.get(backend.url, "/_effects/summary").json
            let effects = try await Web.effects(backend.url)
            let violations = OrderCheck.violations(effects.map { ($0.entity, $0.seq) })
            print(
                "measured: \(summary["count"]?.integer ?? 0) effects of \(count), \(summary["duplicate_keys"]?.integer ?? -1) duplicates,",
                "\(violations) order violations, \(seconds.formatted(.number.precision(.fractionLength(1)))) s, peak RSS \(memory) MiB")
            #expect(summary["count"]?.integer == Int64(count))
            #expect(summary["duplicate_keys"]?.integer == 0)
            #expect(effects.count == count)
            #expect(violations == 0)
        }

        private func enqueue(_ count: Int, _ workplace: Workplace) async throws {
            let file = workplace.path + "/operations.ndjson"
            let generated = try await Guardian.run(["generate", "--operations", "\(count)", "--entities", "500", "--seed", "7"])
            #expect(generated.status == 0)
            try generated.output.write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("enqueue", "--from-file", file, "--json")
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(answer.json["accepted"]?.integer == Int64(count))
        }
    }
}
