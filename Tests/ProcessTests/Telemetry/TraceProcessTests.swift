import Foundation
import GuardianCore
import TestServers
import Testing

extension ProcessTests {
    /// Traces of the real binary.
    @Suite(.serialized) struct TraceProcessTests {
        @Test("one trace from enqueue in one process to settle in the next, and the upstream gets the attempt's span")
        func isLinkedOverARestart() async throws {
            let collector = TraceCollector()
            try await collector.listening { port in
                let workplace = try Workplace()
                defer { workplace.remove() }
                let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
                defer { backend.kill() }
                let environment = Workplace.quick.merging([
                    "GUARDIAN_TRACE_ENDPOINT": "http://127.0.0.1:\(port)", "GUARDIAN_LOG_MIN_FREE": "0",
                ]) { $1 }
                let first = try await Guardian.start(workplace.arguments(upstream: Workplace.nobody), environment: environment)
                #expect(try await Web.post(first.url, Web.operation) == 202)
                try await Web.wait("the enqueue span") { collector.spans.contains { $0.name == "guardian.enqueue" } }
                #expect(first.terminate() == 0)
                let second = try await Guardian.start(workplace.arguments(upstream: backend.url), environment: environment)
                defer { second.kill() }
                try await Web.wait("the settle span") {
                    collector.spans.contains { $0.name == "guardian.settle" && $0.attributes["guardian.outcome"] == "processed" }
                }
                let enqueue = try #require(collector.spans.first { $0.name == "guardian.enqueue" })
                let settle = try #require(collector.spans.last { $0.name == "guardian.settle" })
                let attempt = try #require(collector.spans.first { $0.spanID == settle.parentID })
                #expect(attempt.name == "guardian.attempt" && attempt.parentID == enqueue.spanID)
                #expect(Set(collector.spans.map(\.traceID)) == [enqueue.traceID])
                let request = try #require(try await Web.get(backend.url, "/_requests").json["requests"]?.elements?.last)
                #expect(request["headers"]?["traceparent"]?.string == "00-\(attempt.traceID)-\(attempt.spanID)-01", "\(request.text)")
                #expect(request["headers"]?["trace-id"]?.string?.replacing("-", with: "") == attempt.traceID)
            }
            #expect(collector.defects.isEmpty, "\(collector.defects)")
        }
    }
}
