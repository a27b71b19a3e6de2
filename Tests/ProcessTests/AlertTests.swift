import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// Each of the five alerts in a real sidecar with short windows: it fires, everyone is told, and it clears.
    @Suite(.serialized) struct AlertTests {
        /// Windows of seconds, and no alert but the one that is meant.
        private static let short = Workplace.quick.merging([
            "GUARDIAN_ALERTS_EVERY": "100ms", "GUARDIAN_ALERTS_CLEAR_AFTER": "300ms", "GUARDIAN_METRICS_WINDOW": "3s",
            "GUARDIAN_ALERTS_LEAST_TRAFFIC": "10", "GUARDIAN_ALERTS_FAILED_RATE_WINDOW": "3s",
            "GUARDIAN_ALERTS_FAILED_RATE_THRESHOLD": "1000000", "GUARDIAN_ALERTS_QUEUE_DEPTH_THRESHOLD": "1000000",
            "GUARDIAN_ALERTS_CIRCUIT_TRIPS_THRESHOLD": "1000000", "GUARDIAN_ALERTS_SUCCESS_RATE_THRESHOLD": "0",
            "GUARDIAN_ALERTS_QUEUE_DEPTH_FOR": "300ms", "GUARDIAN_ALERTS_LATENCY_FOR": "300ms",
            "GUARDIAN_ALERTS_SUCCESS_RATE_FOR": "300ms",
        ]) { $1 }

        private struct Scene {
            let workplace: Workplace
            let serve: Guardian
            let backend: Guardian

            private func rooms(_ names: [String]) async throws {
                let lines = names.map { #"{"operation_type":"update","entity_type":"room","entity_id":"\#($0)","payload":{}}"# }
                let answer = try await Web.send("POST", serve.url, "/v1/operations", body: "[" + lines.joined(separator: ",") + "]")
                #expect(answer.status == 202, "\(answer.body)")
            }

            /// Good ones, and among them, never two in a row, so many that the upstream refuses: many at once would be taken for its fault.
            func post(good: Int, bad: Int = 0) async throws {
                let step = bad == 0 ? good : good / (bad + 1)
                var names: [String] = []
                for number in 0..<good {
                    names.append("good-\(number)")
                    if bad > 0, number % step == step - 1, number / step < bad { names.append("bad-\(number / step)") }
                }
                try await rooms(names)
            }

            /// Posts again and again, always when all before has come to its end, until `body` has returned.
            func posting(good: Int, bad: Int = 0, while body: () async throws -> Void) async throws {
                let producer = Task {
                    while !Task.isCancelled {
                        try await post(good: good, bad: bad)
                        do {
                            try await Web.wait("all that was posted to end") {
                                let books = try await Web.get(serve.url, "/v1/status").json["books"]
                                return books?["pending"]?.integer == 0 && books?["processing"]?.integer == 0
                            }
                        } catch is CancellationError { return }
                    }
                }
                do { try await body() } catch {
                    producer.cancel()
                    throw error
                }
                producer.cancel()
                try await producer.value
            }

            func state(_ alert: String) async throws -> Alert? {
                let json = try await Web.get(serve.url, "/metrics.json").json
                return json["alerts"]?.elements?.compactMap { Alert($0) }.first { $0.name == alert }
            }

            /// As commands tell it: what the sidecar has saved.
            func told(_ alert: String) async throws -> Alert? {
                let json = try await workplace.run("status", "--json").json
                return json["alerts"]?.elements?.compactMap { Alert($0) }.first { $0.name == alert }
            }

            /// Waits until it fires, and until everyone who should know does. Each is asked until then: where the machine stands still for
            /// as long as a window the alert clears, and fires again at what comes next.
            func expectFires(_ name: String, _ severity: Alert.Severity) async throws {
                try await Web.wait("\(name) to fire") { try await state(name)?.state == .firing }
                let labels = "alert=\"\(name)\",severity=\"\(severity.rawValue)\""
                try await Web.wait("a scrape with it") { try await Scrape(serve.url).sum("sync_alert_state", labels) == 2 }
                try await Web.wait("the log line") { serve.errors.contains("alert_fired") && serve.errors.contains(name) }
                var alert: Alert?
                try await Web.wait("status to have it as JSON") {
                    alert = try await told(name)
                    return alert?.state == .firing
                }
                #expect(alert?.severity == severity)
                let line = "alert: \(severity.rawValue) \(name) firing since "
                try await Web.wait("status to have it in words") { try await workplace.run("status").output.contains(line) }
            }

            func expectClears(_ name: String) async throws {
                try await Web.wait("\(name) to clear") { try await state(name)?.state == .quiet }
                try await Web.wait("the log line") { serve.errors.contains("alert_cleared") }
                try await Web.wait("status to have none") {
                    let status = try await workplace.run("status", "--json")
                    return status.json["alerts"]?.elements?.allSatisfy { $0["state"] == "quiet" } == true
                }
            }
        }

        private func scene(
            _ settings: [String: String], backend arguments: [String] = [], _ body: (Scene) async throws -> Void
        ) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"] + arguments)
            defer { backend.kill() }
            let serve = try await Guardian.start(
                workplace.arguments(upstream: backend.url), environment: Self.short.merging(settings) { $1 })
            defer { serve.kill() }
            try await body(Scene(workplace: workplace, serve: serve, backend: backend))
            #expect(serve.terminate() == 0)
        }

        @Test("failed operations a minute: fires at operations given up on, clears when none are")
        func failedRate() async throws {
            try await scene(["GUARDIAN_ALERTS_FAILED_RATE_THRESHOLD": "100"]) { scene in
                try await Web.poison(scene.backend.url, (0..<10).map { "bad-\($0)" })
                // One that fails alone is 20 a minute in a window of three seconds: no alert.
                try await scene.post(good: 21, bad: 1)
                try await Web.wait("1 failed") { try await Web.failed(scene.serve.url) == 1 }
                #expect(try await scene.state("failed_rate")?.state == .quiet)
                try await scene.posting(good: 60, bad: 9) { try await scene.expectFires("failed_rate", .critical) }
                try await scene.expectClears("failed_rate")
            }
        }

        @Test("queue depth: fires while the upstream is away, over a restart of the sidecar too, and clears when it is back")
        func queueDepth() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            try await Web.setMode(backend.url, status: 503)
            func start(for duration: String) async throws -> Guardian {
                let settings = ["GUARDIAN_ALERTS_QUEUE_DEPTH_THRESHOLD": "20", "GUARDIAN_ALERTS_QUEUE_DEPTH_FOR": duration]
                return try await Guardian.start(
                    workplace.arguments(upstream: backend.url), environment: Self.short.merging(settings) { $1 })
            }
            // It does not fire before the restart, however long that takes.
            let first = try await start(for: "10m")
            defer { first.kill() }
            let scene = Scene(workplace: workplace, serve: first, backend: backend)
            try await scene.post(good: 30)
            // What the process shows may not be saved yet.
            var saved: Alert?
            try await Web.wait("it to be saved as pending") {
                saved = try await scene.told("queue_depth")
                return saved?.state == .pending
            }
            let since = try #require(saved?.since)
            first.kill()
            // The duration goes on where it was.
            let second = try await start(for: "2s")
            defer { second.kill() }
            let later = Scene(workplace: workplace, serve: second, backend: backend)
            try await later.expectFires("queue_depth", .high)
            let known = try #require(try await later.state("queue_depth")?.since)
            #expect(abs(known.milliseconds - since.milliseconds) < 500)
            try await Web.setMode(backend.url, status: nil)
            try await later.expectClears("queue_depth")
        }

        @Test("alerts are evaluated and told where metrics are switched off too")
        func withoutMetrics() async throws {
            let settings = ["GUARDIAN_METRICS_ENABLED": "false", "GUARDIAN_ALERTS_QUEUE_DEPTH_THRESHOLD": "20"]
            try await scene(settings) { scene in
                try await Web.setMode(scene.backend.url, status: 503)
                try await scene.post(good: 30)
                try await Web.wait("the log line") {
                    scene.serve.errors.contains("alert_fired") && scene.serve.errors.contains("queue_depth")
                }
                try await Web.wait("the alert in status") {
                    let alerts = try await scene.workplace.run("status", "--json").json["alerts"]?.elements ?? []
                    return alerts.compactMap { Alert($0) }.contains { $0.name == "queue_depth" && $0.state == .firing }
                }
                #expect(try await Web.get(scene.serve.url, "/metrics").status == 404)
            }
        }

        @Test("circuit trips: fires when the breaker opens again and again, clears when the window is over")
        func circuitTrips() async throws {
            try await scene([
                "GUARDIAN_ALERTS_CIRCUIT_TRIPS_THRESHOLD": "2", "GUARDIAN_ALERTS_CIRCUIT_TRIPS_WINDOW": "4s",
                "GUARDIAN_BREAKER_FAILURES": "2", "GUARDIAN_BREAKER_COOL_DOWN": "50ms",
            ]) { scene in
                try await Web.setMode(scene.backend.url, status: 503)
                try await scene.post(good: 10)
                try await scene.expectFires("circuit_trips", .medium)
                #expect(try await Scrape(scene.serve.url).sum("circuit_tripped_total") > 2)
                try await Web.setMode(scene.backend.url, status: nil)
                try await scene.expectClears("circuit_trips")
            }
        }

        @Test("latency: fires when the upstream is slow, not for too few operations, clears when the window is over")
        func latency() async throws {
            try await scene(["GUARDIAN_ALERTS_LATENCY_THRESHOLD": "100ms"], backend: ["--latency", "200ms"]) { scene in
                try await scene.post(good: 4)
                try await Web.wait("4 processed") { try await Web.processed(scene.serve.url) == 4 }
                #expect(try await scene.state("latency")?.state == .quiet)
                try await scene.posting(good: 30) { try await scene.expectFires("latency", .medium) }
                try await scene.expectClears("latency")
            }
        }

        @Test("success rate: fires when many fail, not for one of one, clears with good traffic")
        func successRate() async throws {
            try await scene(["GUARDIAN_ALERTS_SUCCESS_RATE_THRESHOLD": "90"]) { scene in
                try await Web.poison(scene.backend.url, (0..<20).map { "bad-\($0)" })
                try await scene.post(good: 4, bad: 1)
                try await Web.wait("1 failed") { try await Web.failed(scene.serve.url) == 1 }
                #expect(try await scene.state("success_rate")?.state == .quiet)
                try await scene.posting(good: 64, bad: 15) { try await scene.expectFires("success_rate", .high) }
                try await scene.posting(good: 90) { try await scene.expectClears("success_rate") }
            }
        }
    }
}
