import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    @Suite(.serialized) struct DemoTests {
        @Test("a demo has what serve has: metrics, the alerts, the console, and the log")
        func isWhole() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (socket, log) = (workplace.path + "/demo.sock", workplace.path + "/demo.log")
            let environment = ["DEMO_SECONDS": "10", "GUARDIAN_LOG_FILE": log, "GUARDIAN_LOG_MIN_FREE": "0"]
            async let demo = Guardian.run(["demo", "--operations", "50", "--listen", "unix:" + socket], environment: environment)
            let names = ["accounting_gap", "circuit_trips", "failed_rate", "latency", "queue_depth", "success_rate"]
            var metrics = JSONValue.null
            try await Web.wait("all that is measured", seconds: 9) {
                guard FileManager.default.fileExists(atPath: socket) else { return false }
                do { metrics = try await Web.get("unix:" + socket, "/metrics.json").json } catch { return false }
                let alerts = metrics["alerts"]?.elements?.compactMap { $0["name"]?.string } ?? []
                return alerts.sorted() == names && metrics["summary"]?["processed"]?.integer == 50
            }
            #expect(try await Web.get("unix:" + socket, "/admin/login").status == 200)
            let answer = try await demo
            #expect(answer.status == 0, "\(answer.output)\(answer.errors)")
            for word in ["API        unix:", "console    ", "token ", "delivered         50", "duplicate effects 0"] {
                #expect(answer.output.contains(word), "\(word): \(answer.output)")
            }
            #expect(try String(contentsOfFile: log, encoding: .utf8).contains("\"process ended\""))
        }
    }
}
