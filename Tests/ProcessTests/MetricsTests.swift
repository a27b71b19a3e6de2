import Foundation
import GuardianCore
import GuardianLoad
import Testing

extension ProcessTests {
    /// What the sidecar says of itself, against what really happened.
    @Suite(.serialized) struct MetricsTests {
        private static func post(_ url: String, _ lines: [String]) async throws {
            let answer = try await Web.send(
                "POST", url, "/v1/operations", body: lines.joined(separator: "\n") + "\n", headers: ["Content-Type": "application/x-ndjson"]
            )
            #expect(answer.status == 202, "\(answer.body.prefix(300))")
        }

        @Test("counters equal the effects at the upstream, also after kills and restarts, and never fall")
        func equalEffects() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0", "--failure-rate", "0.05", "--seed", "11"])
            defer { backend.kill() }
            try await Web.poison(backend.url, ["room-1", "room-4", "room-7"])
            let rounds = 4
            let lines = Workload(seed: 8, operations: 400 * rounds, entities: 60).map(\.ndjson)
            var last = (processed: 0.0, failed: 0.0, backoff: 0.0)
            for (round, part) in lines.chunks(of: 400).enumerated() {
                let serve = try await workplace.serve(upstream: backend.url, ["--workers", "8"])
                defer { serve.kill() }
                let begin = try await Scrape(serve.url)
                #expect(begin.sum("processed_ops_total") >= last.processed)
                #expect(begin.sum("failed_ops_total") >= last.failed)
                #expect(begin.sum("backoff_events_total") >= last.backoff)
                try await Self.post(serve.url, part)
                if round < rounds - 1 {
                    // Killed in the middle of it; what it had counted is in the store.
                    let before = Int(last.processed)
                    try await Web.wait("some processed") { try await Web.processed(serve.url) > before + 100 }
                    let scrape = try await Scrape(serve.url)
                    last = (scrape.sum("processed_ops_total"), scrape.sum("failed_ops_total"), scrape.sum("backoff_events_total"))
                    serve.kill()
                    continue
                }
                try await Web.wait("the end", seconds: 120) {
                    let books = try await Web.get(serve.url, "/v1/status").json["books"]
                    return books?["pending"] == 0 && books?["processing"] == 0
                }
                try await expectEqual(serve, backend, workplace)
            }
        }

        private func expectEqual(_ serve: Guardian, _ backend: Guardian, _ workplace: Workplace) async throws {
            let effects = try await Web.effects(backend.url)
            let books = try #require(try await Web.get(serve.url, "/v1/status").json["books"])
            let (processed, failed) = (books["processed"]?.integer ?? -1, books["failed"]?.integer ?? -1)
            // The gauges are read once a second, and events follow their commit.
            try await Web.wait("gauges and counters") {
                let scrape = try await Scrape(serve.url)
                return scrape.sum("processed_ops_total") == Double(processed) && scrape.sum("failed_ops_total") == Double(failed)
                    && scrape.sum("pending_ops_gauge") == 0 && scrape.sum("sync_failed_ops") == Double(failed)
            }
            // A delete of what is not there is processed without an effect; everything else has one.
            let summary = try await Web.get(backend.url, "/_effects/summary").json
            #expect(summary["duplicate_keys"] == 0)
            #expect(failed > 0)
            let scrape = try await Scrape(serve.url)
            #expect(scrape.sum("processed_ops_total") == Double(effects.count))
            #expect(scrape.sum("failed_ops_total", "error_class=\"permanent\"") == Double(failed))
            #expect(scrape.sum("backoff_events_total") > 0)
            #expect(scrape.sum("sync_accounting_gap") == 0)
            for type in ["create", "update", "delete"] {
                let counted = scrape.sum("processed_ops_total", "operation_type=\"\(type)\"")
                #expect(counted > 0, "\(type)")
            }
            let told = try await workplace.run("metrics", "--listen", String(serve.url.dropFirst(7)), "--json").json["summary"]
            #expect(told?["processed"]?.integer == processed)
            print("measured: \(processed) counted as processed, \(effects.count) effects, \(failed) failed, over 3 kills")
        }

        @Test("guardian metrics shows the running sidecar's, again and again with --watch, and what the store says while none runs")
        func command() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.run("metrics", "--listen", "127.0.0.1:1").status == 4)
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await workplace.serve(upstream: backend.url)
            defer { serve.kill() }
            try await Self.post(serve.url, Workload(seed: 2, operations: 30).map(\.ndjson))
            try await Web.wait("30 processed") { try await Scrape(serve.url).sum("processed_ops_total") == 30 }
            let listen = String(serve.url.dropFirst("http://".count))
            let shown = try await workplace.run("metrics", "--listen", listen, "--watch", "--every", "10ms", "--count", "3")
            #expect(shown.status == 0, "\(shown.errors)")
            #expect(shown.output.components(separatedBy: "totals      30 processed, 0 failed").count == 4)
            let text = try await workplace.run("metrics", "--listen", listen, "--prometheus")
            #expect(text.output.contains("# TYPE processed_ops_total counter\n"))
            #expect(try await workplace.run("metrics", "--json", "--prometheus").status == 2)
            #expect(try await workplace.run("metrics", "--every", "never").status == 2)
            #expect(serve.terminate() == 0)
            let late = try await workplace.run("metrics", "--listen", listen, "--json")
            #expect(late.status == 0, "\(late.errors)")
            #expect(late.json["source"] == "store")
            #expect(late.json["summary"]?["processed"] == 30)
            #expect(try await workplace.run("metrics", "--listen", listen, "--prometheus").status == 1)
        }

        @Test("switched off, nothing is measured and /metrics says so")
        func off() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody),
                environment: Workplace.quick.merging(["GUARDIAN_METRICS_ENABLED": "false"]) { $1 })
            defer { serve.kill() }
            for path in ["/metrics", "/metrics.json"] {
                let answer = try await Web.get(serve.url, path)
                #expect(answer.status == 404)
                #expect(answer.body.contains("metrics.enabled"))
            }
        }

        @Test("/metrics speaks OpenMetrics to who asks for it, and waits for no store")
        func formats() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            let plain = try await Web.get(serve.url, "/metrics")
            #expect(plain.headers.lowercased().contains("content-type: text/plain; version=0.0.4"))
            let accept = "application/openmetrics-text; version=1.0.0"
            let open = try await Web.send("GET", serve.url, "/metrics", headers: ["Accept": accept])
            #expect(open.headers.lowercased().contains("content-type: application/openmetrics-text; version=1.0.0"))
            #expect(open.body.hasSuffix("# EOF\n"))
            #expect(try await Web.send("POST", serve.url, "/metrics").status == 405)
        }

        @Test("10 000 entity types through the real sidecar leave its metrics small, and every operation counted")
        func cardinality() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let serve = try await workplace.serve(upstream: backend.url, ["--workers", "32"])
            defer { serve.kill() }
            for part in Array(0..<10_000).chunks(of: 500) {
                try await Self.post(
                    serve.url,
                    part.map { #"{"operation_type":"update","entity_type":"type_\#($0)","entity_id":"x","payload":{}}"# })
            }
            try await Web.wait("10 000 processed", seconds: 120) { try await Scrape(serve.url).sum("processed_ops_total") == 10_000 }
            let scrape = try await Scrape(serve.url)
            #expect(scrape.series("processed_ops_total").count <= 101)
            let rows = try await workplace.sqlite("SELECT count(*), sum(count) FROM guardian_tally WHERE kind = 0")
            #expect(rows.trimmingCharacters(in: .whitespacesAndNewlines) == "101|10000")
            let lines = scrape.text.split(separator: "\n").count { !$0.hasPrefix("#") }
            print("measured: \(lines) series, \(scrape.text.utf8.count) bytes")
            #expect(lines < 500)
            // The same after a restart: the store keeps the same bounded rows.
            #expect(serve.terminate() == 0)
            let again = try await workplace.serve(upstream: backend.url)
            defer { again.kill() }
            let after = try await Scrape(again.url)
            #expect(after.sum("processed_ops_total") == 10_000)
            #expect(Set(after.series("processed_ops_total").map(\.labels)) == Set(scrape.series("processed_ops_total").map(\.labels)))
        }
    }
}
