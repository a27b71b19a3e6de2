import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// `guardian-bench` beside a baseline that says what a test wants.
    @Suite(.serialized) struct BenchTests {
        private let place = NSTemporaryDirectory() + "/guardian-bench-tests-" + UUID().uuidString

        /// Runs it beside a baseline of so many operations per second, and beside those queues, which do as many.
        private func bench(
            _ arguments: String..., baseline: String, peers: String = "", rounds: String = ""
        ) async throws -> Guardian.Answer {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            let rate = #"echo '{"per_second":\#(baseline)}'"#
            for (name, text) in [("baseline", rate), ("peers", "case $1 in install) echo '\(peers)' ;; *) \(rate) ;; esac")] {
                _ = FileManager.default.createFile(
                    atPath: place + "/" + name, contents: Data("#!/bin/sh\n\(text)\n".utf8), attributes: [.posixPermissions: 0o755])
            }
            return try await Shell.run(
                [Guardian.binary + "-bench"] + arguments,
                environment: ["BASELINE": place + "/baseline", "PEERS": place + "/peers", "BENCH_DIR": place, "BENCH_ROUNDS": rounds])
        }

        private func remove() { do { try FileManager.default.removeItem(atPath: place) } catch {} }

        @Test("five rounds of a figure are written, or as many as are asked for; what is required decides the exit code")
        func rounds() async throws {
            defer { remove() }
            let report = place + "/bench.json"
            let ahead = try await bench("batch", "--quick", "--json", report, baseline: "1.5")
            #expect(ahead.status == 0, "\(ahead.output)\(ahead.errors)")
            #expect(ahead.output.contains("0 miss what is required; 0 miss their aim"), "\(ahead.output)")
            let figures = try JSONValue(parsing: String(contentsOfFile: report, encoding: .utf8))["figures"]?.elements ?? []
            let figure = try #require(figures.first)
            #expect(figures.count == 1 && figure["name"]?.string == "batch of 10 000, operations/s")
            #expect(figure["ours"]?.elements?.count == 5 && figure["baseline"]?.elements?.count == 5)
            #expect(figure["holds"] == .bool(true) && figure["meets_aim"] == .bool(true))
            let behind = try await bench("batch", "--quick", "--json", report, baseline: "1000000000000.5", rounds: "2")
            #expect(behind.status == 1)
            #expect(behind.output.contains("DOES NOT HOLD") && behind.output.contains("1 miss what is required"), "\(behind.output)")
            let missed = try JSONValue(parsing: String(contentsOfFile: report, encoding: .utf8))["figures"]?.elements ?? []
            #expect(missed.first?["ours"]?.elements?.count == 2)
            #expect(missed.first?["holds"] == .bool(false) && missed.first?["meets_aim"] == .bool(false))
        }

        @Test(
            "peers that were asked for by name hold when all are there and behind, not when one is missing or nothing was measured",
            arguments: [
                (#"{"axes":{"litequeue":["batch"],"honker":["drain-batch"]},"missing":{}}"#, 0, "in batches of 500, beside honker"),
                (#"{"axes":{"litequeue":["batch"]},"missing":{"honker":"no network"}}"#, 1, "not measured: honker: no network"),
                (#"{"axes":{},"missing":{"honker":"no network"}}"#, 1, "not measured: honker: no network"),
                (#"{"axes":{},"missing":{}}"#, 1, "measured: 0 figures"),
            ] as [(String, Int32, String)])
        func peers(found: String, status: Int32, says: String) async throws {
            defer { remove() }
            let answer = try await bench("peers", "--quick", baseline: "1.5", peers: found)
            #expect(answer.status == status && answer.output.contains(says), "\(answer.output)\(answer.errors)")
        }

        @Test("a name that it does not know, and a report that can't be written, are refused before anything is measured")
        func refuses() async throws {
            defer { remove() }
            #expect(try await bench("batches", baseline: "1.5").status == 2)
            #expect(try await bench("--json", baseline: "1.5").status == 2)
            let nowhere = try await bench("batch", "--json", place + "/none/bench.json", baseline: "1.5")
            #expect(nowhere.status == 1 && nowhere.output.contains("can't be written"), "\(nowhere.output)")
        }
    }
}
