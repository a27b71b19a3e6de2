import Foundation
import GuardianCore
import GuardianLoad
import Testing

extension LongProcessTests {
    /// The real Prometheus tools against the real sidecar.
    @Suite(.serialized, .enabled(if: PrometheusServer.isHere, PrometheusServer.missing)) struct PrometheusTests {
        /// Warnings of `promtool check metrics` that the fixed names of the contract bring with them.
        static let fixedNames = ["pending_ops_gauge", "active_processors_gauge", "processing_latency_ms"]

        /// Posts operations for as long as `body` runs, two batches a second, some of which fail.
        static func underLoad(
            _ serve: Guardian, _ backend: Guardian, _ body: () async throws -> Void
        ) async throws {
            let lines = Array(Workload(seed: 5, operations: 20_000, entities: 60).map(\.ndjson))
            try await Web.poison(backend.url, ["room-1", "room-4"])
            let url = serve.url
            let producer = Task {
                var batches = lines.chunks(of: 25).makeIterator()
                while !Task.isCancelled, let batch = batches.next() {
                    _ = try await Web.send(
                        "POST", url, "/v1/operations", body: batch.joined(separator: "\n") + "\n",
                        headers: ["Content-Type": "application/x-ndjson"])
                    do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
                }
            }
            do { try await body() } catch {
                producer.cancel()
                throw error
            }
            producer.cancel()
            try await producer.value
        }

        static func start(_ workplace: Workplace) async throws -> (serve: Guardian, backend: Guardian) {
            let backend = try await Guardian.start(
                ["backend", "--listen", "127.0.0.1:0", "--failure-rate", "0.05", "--latency", "5ms", "--seed", "3"])
            return (try await workplace.serve(upstream: backend.url, ["--workers", "8"]), backend)
        }

        @Test("promtool finds no error in a live scrape under load, and warns of the fixed names only")
        func checksMetrics() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (serve, backend) = try await Self.start(workplace)
            defer {
                serve.kill()
                backend.kill()
            }
            try await Self.underLoad(serve, backend) {
                try await Web.wait("200 processed") { try await Web.processed(serve.url) >= 200 }
                let file = workplace.path + "/scrape.txt"
                try await Scrape(serve.url).text.write(toFile: file, atomically: true, encoding: .utf8)
                let answer = try await Shell.run(["sh", "-c", "promtool check metrics --extended < \(file)"])
                let complaints = answer.errors.split(separator: "\n").filter { line in
                    !Self.fixedNames.contains { line.hasPrefix($0 + " ") }
                }
                // 3 is what promtool ends with when it only warns.
                #expect(answer.status == 0 || answer.status == 3, "\(answer.errors)")
                #expect(complaints.isEmpty, "\(complaints)")
                let families = try String(contentsOfFile: file, encoding: .utf8).components(separatedBy: "# TYPE ").count - 1
                print("measured: promtool finds no error in \(families) families")
            }
        }

        @Test("a real Prometheus scrapes serve, takes exemplars, evaluates the rules; every query of the dashboard returns data")
        func dashboard() async throws {
            let job = ProcessInfo.processInfo.environment["GUARDIAN_PROMETHEUS_SECONDS"].flatMap { Int($0) }
            let seconds = job ?? 12
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (serve, backend) = try await Self.start(workplace)
            defer {
                serve.kill()
                backend.kill()
            }
            let prometheus = try await PrometheusServer(scraping: String(serve.url.dropFirst("http://".count)))
            defer { prometheus.stop() }
            try await Self.underLoad(serve, backend) {
                // One that takes longer than a second fails, as the interval is no longer, and only those count that succeed.
                try await Web.wait("\(seconds) scrapes", seconds: seconds + 60) {
                    let count = try await prometheus.query("sum_over_time(up[5m])").first.flatMap { Double($0.value) } ?? 0
                    return count >= Double(seconds)
                }
                // Among all the tests either side may stand still for a second; `make accept` asks that none fails.
                if job != nil { #expect(try await prometheus.query("min_over_time(up[5m]) == 1").count == 1) }
                let up = try await prometheus.query("up{job=\"guardian\"}")
                let labels = try #require(up.first?.labels)
                #expect(labels["store"] != nil && labels["store"] == labels["instance"], "\(labels.text)")
                try await expectEveryQuery(prometheus)
                try await expectExemplars(prometheus)
                let groups = try #require(try await prometheus.get("/api/v1/rules")["groups"]?.elements)
                let rules = groups.flatMap { $0["rules"]?.elements ?? [] }
                #expect(rules.count == 6)
                #expect(rules.allSatisfy { $0["health"] == "ok" }, "\(rules.map(\.text))")
            }
        }

        /// Runs the query of each panel and of each variable, as Grafana would, until it returns a number: a rate has none while the last
        /// seconds had no scrape.
        private func expectEveryQuery(_ prometheus: PrometheusServer) async throws {
            let queries = try Self.queries()
            for query in queries {
                let expression = query.expression.replacing("$__rate_interval", with: "10s")
                try await Web.wait("\(query.title): \(expression) to return a number") {
                    try await prometheus.query(expression).contains { Double($0.value)?.isNaN == false }
                }
            }
            let list = try Self.board()["templating"]?["list"]?.elements ?? []
            #expect(Set(list.compactMap { $0["name"]?.string }) == ["datasource", "job", "instance"])
            #expect(queries.count >= 30)
            print("measured: \(queries.count) queries of the dashboard return data")
        }

        @Test("what several processes of one store show is shown once by the dashboard; other jobs and labels `store` are other stores")
        func sharedStore() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let processes = [
                #"job="a", instance="1""#, #"job="a", instance="2""#, #"job="b", instance="3""#, #"job="b", instance="4", store="y""#,
            ]
            var text = "evaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n"
            for (index, process) in processes.enumerated() {
                // Whoever audits tells of the gap.
                let gap = index == 0 ? "-1" : "0"
                let series: [(name: String, labels: String, values: String)] = [
                    ("pending_ops_gauge", "", "600"), ("sync_processing_ops", "", "3"), ("sync_failed_ops", "", "5"),
                    ("sync_alert_state", #", alert="queue_depth""#, "2"), ("sync_accounting_gap", "", gap),
                    ("processed_ops_total", #", operation_type="update", entity_type="room""#, "0+15"),
                    ("processed_ops_total", #", operation_type="update", entity_type="door""#, "0+15"),
                    ("failed_ops_total", #", error_class="permanent""#, "0+15"), ("backoff_events_total", "", "0+15"),
                    ("retries_total", "", "0+15"),
                ]
                for one in series {
                    text += "      - series: '\(one.name){\(process)\(one.labels)}'\n        values: '\(one.values)x80'\n"
                }
            }
            text += "    promql_expr_test:\n"
            let queries = try Self.queries()
            let expected: [(title: String, legend: String, labels: String, value: Int)] = [
                ("Active alerts", "firing", "{}", 3), ("Queue depth", "pending", "{}", 1800), ("Queue depth", "processing", "{}", 9),
                ("Queue depth", "failed", "{}", 15),
                ("Operations rate", "processed: {{operation_type}}", #"{operation_type="update"}"#, 6),
                ("Operations rate", "failed", "{}", 3),
                ("Failed, by error class", "{{error_class}}", #"{error_class="permanent"}"#, 180),
                ("Retries and backoff", "put off", "{}", 3), ("Retries and backoff", "retries", "{}", 3),
                ("What must be 0", "accounting gap", "{}", 1),
            ]
            for one in expected {
                let found = queries.filter { $0.title == one.title && $0.legend == one.legend }
                #expect(!found.isEmpty, "\(one.title): \(one.legend)")
                for query in found {
                    let expression = query.expression.replacing("$__rate_interval", with: "1m")
                    text += "      - expr: '\(expression)'\n        eval_time: 10m\n        exp_samples:\n"
                    text += "          - labels: '\(one.labels)'\n            value: \(one.value)\n"
                }
            }
            let file = workplace.path + "/shared.yml"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await Shell.run(["promtool", "test", "rules", file])
            #expect(answer.status == 0, "\(answer.output)\(answer.errors)")
        }

        /// The queries of the dashboard's panels, of all jobs and instances.
        private static func queries() throws -> [(title: String, legend: String, expression: String)] {
            var queries: [(title: String, legend: String, expression: String)] = []
            for panel in try board()["panels"]?.elements ?? [] {
                for target in panel["targets"]?.elements ?? [] {
                    let query = try #require(target["expr"]?.string)
                    let expression = query.replacing("$job", with: ".*").replacing("$instance", with: ".*")
                    queries.append((panel["title"]?.string ?? "", target["legendFormat"]?.string ?? "", expression))
                }
            }
            return queries
        }

        private static func board() throws -> JSONValue {
            let file = PrometheusServer.repository("deploy/grafana/guardian.json")
            return try JSONValue(parsing: try String(contentsOfFile: file, encoding: .utf8))
        }

        private func expectExemplars(_ prometheus: PrometheusServer) async throws {
            let now = Int(Date().timeIntervalSince1970)
            let found = try await prometheus.get(
                "/api/v1/query_exemplars", ["query": "processing_latency_ms_bucket", "start": "\(now - 300)", "end": "\(now + 10)"])
            let exemplars = (found.elements ?? []).flatMap { $0["exemplars"]?.elements ?? [] }
            #expect(!exemplars.isEmpty)
            #expect(exemplars.allSatisfy { ($0["labels"]?["trace_id"]?.string?.count ?? 0) == 32 })
        }

        @Test("the shipped rules pass their unit tests, and the examples the tools' own checks")
        func rules() async throws {
            for command in [
                ["promtool", "test", "rules", "deploy/prometheus/rules_test.yml"],
                ["promtool", "check", "rules", "--lint=all", "--lint-fatal", "deploy/prometheus/rules.yml"],
                ["promtool", "check", "config", "deploy/prometheus/prometheus.yml"],
                ["amtool", "check-config", "deploy/alertmanager/alertmanager.yml"],
            ] {
                let path = PrometheusServer.repository(command[command.count - 1])
                let answer = try await Shell.run(command.dropLast() + [path])
                #expect(answer.status == 0, "\(command): \(answer.output)\(answer.errors)")
            }
            for (severity, receiver) in [("critical", "pager"), ("high", "chat"), ("medium", "ticket")] {
                let config = "--config.file=" + PrometheusServer.repository("deploy/alertmanager/alertmanager.yml")
                let answer = try await Shell.run(["amtool", "config", "routes", "test", config, "severity=\(severity)"])
                #expect(answer.output.contains(receiver), "\(severity): \(answer.output)\(answer.errors)")
            }
        }

        @Test("the shipped rules are the five of the process: same thresholds, same severities, same actions")
        func sameRules() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            let alerts = try #require(try await Web.get(serve.url, "/metrics.json").json["alerts"]?.elements).compactMap { Alert($0) }
            let rules = try String(contentsOfFile: PrometheusServer.repository("deploy/prometheus/rules.yml"), encoding: .utf8)
            let parts = rules.components(separatedBy: "- alert: ").dropFirst()
            #expect(parts.count == 6)
            #expect(alerts.count == 6)
            for (part, alert) in zip(parts, alerts) {
                #expect(part.contains("severity: \(alert.severity.rawValue)\n"), "\(alert.name)")
                #expect(part.contains("action: \(alert.action)\n"), "\(alert.name)")
                // Latency is in seconds there.
                let threshold = Alert.short(alert.name == "latency" ? alert.threshold / 1000 : alert.threshold)
                #expect(part.contains("> \(threshold)\n") || part.contains("< \(threshold)\n"), "\(alert.name): \(threshold)")
            }
        }
    }
}

extension Array {
    func chunks(of size: Int) -> [[Element]] { stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) } }
}
