import Foundation
import Testing

extension ProcessTests {
    /// Promise 1 as the kernel sees it: the fsync comes before the answer.
    @Suite(.serialized) struct DurabilityTests {
        /// `-D` leaves the process id to the traced one, so that signals reach it.
        static let tracer = [
            "strace", "-D", "-f", "-q", "-y", "-s", "4200", "-e", "signal=none", "-e", "trace=" + CommitTrace.watched, "-o",
        ]

        static func canTrace() async throws -> Bool {
            let file = NSTemporaryDirectory() + "/guardian-trace-" + UUID().uuidString
            defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
            let answer = try await Shell.run(["strace", "-f", "-o", file, "true"])
            return answer.status == 0 && FileManager.default.fileExists(atPath: file)
        }

        @Test(
            "each acknowledged operation is written and synced before its answer goes out",
            .enabled("strace is not here, or may not trace") { try await DurabilityTests.canTrace() })
        func syncComesFirst() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            // Paused, so that no claim of the delivery syncs in place of the enqueue.
            #expect(try await workplace.run("enqueue", "--from-file", "/dev/null").status == 0)
            #expect(try await workplace.run("pause").status == 0)
            let file = workplace.path + "/trace"
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody), environment: Workplace.quick, wrapper: Self.tracer + [file])
            defer { serve.kill() }
            let marks = (1...20).map { "mark-\($0)-end" }
            for mark in marks {
                let body = #"{"operation_type":"update","entity_type":"room","entity_id":"r1","payload":{"mark":"\#(mark)"}}"#
                #expect(try await Web.post(serve.url, body) == 202)
            }
            #expect(serve.terminate() == 0)

            try await Web.wait("the end of the trace") {
                try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
                    .contains { $0.hasPrefix("\(serve.pid) ") && $0.hasSuffix("+++ exited with 0 +++") }
            }
            let trace = CommitTrace(try String(contentsOfFile: file, encoding: .utf8))
            for mark in marks { #expect(trace.verdict(on: mark) == .durable, "\(mark)") }
        }
    }
}
