import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    @Suite(.serialized) struct DemoTests {
        @Test("a demo has what serve has: metrics, the alerts, the console, and the log")
        func isWhole() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (socket, log, out) = (workplace.path + "/demo.sock", workplace.path + "/demo.log", workplace.path + "/demo.json")
            let demo = try await Guardian.start(
                ["demo", "--operations", "50", "--listen", "unix:" + socket, "--json"],
                environment: ["GUARDIAN_LOG_FILE": log, "GUARDIAN_LOG_MIN_FREE": "0"], wrapper: Guardian.writing(to: out),
                ready: "Up until Ctrl-C.")
            defer { demo.kill() }
            let names = ["accounting_gap", "circuit_trips", "failed_rate", "latency", "queue_depth", "success_rate"]
            try await Web.wait("all that is measured") {
                let metrics = try await Web.get("unix:" + socket, "/metrics.json").json
                let alerts = metrics["alerts"]?.elements?.compactMap { $0["name"]?.string } ?? []
                return alerts.sorted() == names && metrics["summary"]?["processed"]?.integer == 50
            }
            #expect(try await Web.get("unix:" + socket, "/admin/login").status == 200)
            #expect(demo.terminate() == 0, "\(demo.errors)")
            for word in ["API        unix:", "console    ", "token ", "delivered         50", "duplicate effects 0"] {
                #expect(demo.errors.contains(word), "\(word): \(demo.errors)")
            }
            let told = try JSONValue(parsing: try String(contentsOfFile: out, encoding: .utf8))
            #expect(told["holds"] == true && told["delivered"]?.integer == 50, "\(told.text)")
            #expect(try String(contentsOfFile: log, encoding: .utf8).contains("\"process ended\""))
        }

        @Test("DEMO_SECONDS ends a demo by itself, not before that, and with exit code 0 when all holds")
        func endsByItself() async throws {
            let start = ContinuousClock.now
            // With nothing to deliver all holds, however slow this machine is.
            let answer = try await Guardian.run(
                ["demo", "--operations", "0"], environment: ["DEMO_SECONDS": "1", "GUARDIAN_LOG_MIN_FREE": "0"],
                wrapper: ["timeout", "120"])
            let took = ContinuousClock.now - start
            #expect(answer.status == 0, "\(answer.output)\(answer.errors)")
            #expect(took >= .seconds(1), "\(took)")
            #expect(answer.output.contains("delivered         0\n") && !answer.output.contains("Up until"), "\(answer.output)")
        }
    }
}
