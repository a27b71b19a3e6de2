import Foundation
import GuardianCore
import Testing

extension LongProcessTests {
    /// `guardian loadtest` as a person runs it: the real binary, its mock upstream a process of its own.
    @Suite(.serialized) struct LoadTestTests {
        private let place = NSTemporaryDirectory() + "/guardian-loadtest-tests-" + UUID().uuidString

        private func run(_ arguments: [String]) async throws -> Guardian.Answer {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            return try await Guardian.run(["loadtest", "--data-dir", place] + arguments)
        }

        private func remove() { do { try FileManager.default.removeItem(atPath: place) } catch {} }

        private func expectPassed(_ answer: Guardian.Answer) {
            for suite in answer.json["suites"]?.elements ?? [] {
                for check in suite["checks"]?.elements ?? [] {
                    #expect(
                        check["holds"] == .bool(true),
                        "\(suite["name"]?.string ?? ""): \(check["name"]?.string ?? ""): \(check["detail"]?.string ?? "")")
                }
            }
            #expect(answer.status == 0, "\(answer.errors)")
        }

        @Test("all five suites pass, and the report is there in each form, with its plots")
        func allFive() async throws {
            defer { remove() }
            let (html, json) = (place + "/report.html", place + "/report.json")
            let answer = try await run(["--operations", "400", "--seed", "7", "--report", html, "--report", json, "--json"])
            expectPassed(answer)
            let names = answer.json["suites"]?.elements?.compactMap { $0["name"]?.string }
            #expect(names == ["enqueue", "latency", "memory", "breaker", "concurrency"])
            let page = try String(contentsOfFile: html, encoding: .utf8)
            for title in [
                "processing: histogram", "processing: percentiles", "throughput over time", "resident memory over time", "circuit breaker",
            ] {
                #expect(page.contains("<figcaption>\(title)"), "no plot \(title)")
            }
            #expect(try JSONValue(parsing: String(contentsOfFile: json, encoding: .utf8)) == answer.json)
            // Nothing stays behind but the reports.
            let left = try FileManager.default.contentsOfDirectory(atPath: place).sorted()
            #expect(left == ["report.html", "report.json"])
        }

        @Test("a soak with all faults: nothing lost, nothing grown")
        func soak() async throws {
            defer { remove() }
            let seconds = ProcessInfo.processInfo.environment["GUARDIAN_SOAK"] ?? "30s"
            let answer = try await run(["--duration", seconds, "--json"])
            expectPassed(answer)
            let checks = answer.json["suites"]?.elements?.first?["checks"]?.elements ?? []
            let details = checks.map { "\($0["name"]?.string ?? ""): \($0["detail"]?.string ?? "")" }
            print("measured: soak of \(seconds): \(details.joined(separator: "; "))")
        }

        @Test("a signal ends it with 1 and leaves no store; its upstream ends with it, also when it is killed")
        func ends() async throws {
            defer { remove() }
            for signal in [SIGTERM, SIGKILL] {
                try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
                let load = try Guardian.launch(["loadtest", "--data-dir", place, "--suite", "latency", "--operations", "1000000"])
                defer { load.kill() }
                var upstream: Int32?
                try await Web.wait("the upstream") {
                    upstream = try Self.running(parent: load.pid).first
                    return upstream != nil
                }
                let status = load.end(by: signal)
                try await Web.wait("the upstream's end") { try !Self.running().contains(upstream ?? 0) }
                guard signal == SIGTERM else { continue }
                #expect(status == 1 && load.errors.contains("ended by a signal"), "\(load.errors)")
                #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
            }
        }

        /// Processes that have not ended, all or the children of one.
        private static func running(parent: Int32? = nil) throws -> [Int32] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter { pid in
                // It may have gone meanwhile.
                guard let stat = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return false }
                // Behind the name, which may have anything in it: state, parent.
                let words = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
                guard words.count > 1, words[0] != "Z", words[0] != "X" else { return false }
                return parent == nil || words[1] == "\(parent ?? 0)"
            }
        }

        @Test("a figure that is worse than the baseline allows ends with exit code 1, and says which")
        func baseline() async throws {
            defer { remove() }
            let base = place + "/base.json"
            let first = try await run(["--suite", "latency", "--operations", "60", "--report", base, "--json"])
            expectPassed(first)
            let same = try await run(["--suite", "latency", "--operations", "60", "--baseline", base, "--tolerance", "2000%", "--json"])
            #expect(same.status == 0, "\(same.errors)")
            #expect(same.json["options"]?["operations"] == "60" && same.json["comparison"]?["differences"]?.elements?.isEmpty == true)
            let others = try await run(["--suite", "enqueue", "--operations", "60", "--baseline", base])
            #expect(others.status == 2 && others.errors.contains("has no figure of what is measured now"), "\(others.errors)")
            // A baseline from a machine of another time.
            let text = try String(contentsOfFile: base, encoding: .utf8)
            let json = try JSONValue(parsing: text)
            let figures = json["suites"]?.elements?.first?["figures"]?.elements ?? []
            let rate = try #require(figures.first { $0["name"]?.string == "throughput" }?["value"]?.text)
            try text.replacingOccurrences(of: "\"value\":\(rate)", with: "\"value\":99999999").write(
                toFile: base, atomically: true, encoding: .utf8)
            let worse = try await run(["--suite", "latency", "--operations", "60", "--baseline", base, "--tolerance", "2000%"])
            #expect(worse.status == 1)
            #expect(worse.output.contains("✗ latency: throughput"))
        }

        @Test(
            "what can't be meant is refused before anything runs, with what was meant",
            arguments: [
                (["--suite", "latncy"], "did you mean latency?"), (["--operations", "3"], "--operations"),
                (["--workers", "0"], "--workers"),
                (["--duration", "soon"], "--duration"), (["--baseline", "/none/there.json"], "--baseline"),
                (["--report", "/none/there/report.html"], "--report"), (["--report", "/"], "--report: / is a directory"),
                (["--tolerance", "much"], "--tolerance"),
                (["--store", "mongodb://x"], "--store"),
            ])
        func usage(_ arguments: [String], _ says: String) async throws {
            defer { remove() }
            let answer = try await run(arguments)
            #expect(answer.status == 2)
            #expect(answer.errors.contains(says), "\(answer.errors)")
        }

        @Test("simulate backoff compares the strategies, and writes a page with plots")
        func backoff() async throws {
            defer { remove() }
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            let page = place + "/backoff.html"
            let answer = try await Guardian.run(["simulate", "backoff", "--clients", "300", "--outage", "20s", "--report", page, "--json"])
            #expect(answer.status == 0, "\(answer.errors)")
            let strategies = answer.json["strategies"]?.elements ?? []
            #expect(strategies.count == 7 && strategies.allSatisfy { $0["delivered"]?.integer == 300 })
            #expect(try String(contentsOfFile: page, encoding: .utf8).ranges(of: "<svg").count == 8)
            let (link, pipe) = (place + "/link.txt", place + "/pipe.txt")
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "page.txt")
            let quick = ["simulate", "backoff", "--clients", "10", "--strategy", "ours", "--report"]
            #expect(try await Guardian.run(quick + [link]).status == 0)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "page.txt")
            let written = try String(contentsOfFile: place + "/page.txt", encoding: .utf8)
            #expect(!written.isEmpty)
            let script = "mkfifo \"$1\"; cat \"$1\" & \"$0\" \(quick.joined(separator: " ")) \"$1\" > /dev/null; wait"
            let piped = try await Shell.run(["timeout", "20", "sh", "-c", script, Guardian.binary, pipe])
            #expect(piped.output == written, "\(piped.errors)")
            #expect(
                try await Guardian.run(["simulate", "backoff", "--strategy", "fulljitter"]).errors.contains("did you mean full_jitter?"))
        }
    }
}
