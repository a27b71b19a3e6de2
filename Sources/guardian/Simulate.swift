import ArgumentParser
import Foundation
import GuardianCore
import GuardianLoad
import GuardianRuntime

struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play what can't be tried on a real upstream, in virtual time.",
        discussion: "Example: guardian simulate backoff --clients 1000 --report backoff.html", subcommands: [Backoffs.self])

    struct Backoffs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backoff", abstract: "Compare ways to wait between attempts when many clients meet one outage.",
            discussion: """
                Each client has one operation. The upstream is away, comes back, and takes so many requests a second; what is \
                above that fails. The waits alone are compared: no breaker, no holds, no learnt rate.
                Example: guardian simulate backoff --clients 1000 --outage 60s --rate 200
                """)
        @Option(help: "Clients, 1 to 100000.") var clients = 1000
        @Option(help: "How long the upstream is away, such as 60s.") var outage = "60s"
        @Option(help: "Requests a second that it takes once it is back.") var rate = 200.0
        @Option(help: "The first wait.") var base = "1s"
        @Option(help: "The longest wait.") var max = "30s"
        @Option(help: "Only these: ours, immediate, constant, linear, exponential, full_jitter, decorrelated.") var strategy: [String] = []
        @Option(help: "The same seed plays the same world.") var seed: UInt64 = 1
        @Option(help: "Write a report: .html with plots, .json, or text.") var report: String?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            var script = BackoffWorld.Script()
            guard (1...100_000).contains(clients) else { throw Failure(.usage, "--clients: must be from 1 to 100000") }
            guard rate.isFinite, (0.1...1e6).contains(rate) else {
                throw Failure(.usage, "--rate: must be from 0.1 to 1000000 requests a second")
            }
            script.clients = clients
            script.perSecond = rate
            script.seed = seed
            script.outageMs = try Self.milliseconds(outage, "--outage", upTo: 86_400_000)
            script.lengthMs = script.outageMs * 3 + Double(clients) / rate * 20_000 + 600_000
            script.policy = RetryPolicy(
                baseMs: Int64(try Self.milliseconds(base, "--base", upTo: 3_600_000)),
                maxMs: Int64(try Self.milliseconds(max, "--max", upTo: 86_400_000)))
            if let report { try LoadTestCommand.checkWritable(report) }
            let comparison = BackoffComparison(script, strategies: try strategies())
            if let report {
                let text = report.hasSuffix(".html") ? comparison.html : report.hasSuffix(".json") ? comparison.json.text : comparison.text
                try ExportFile.put(text + "\n", at: report, flag: "--report")
            }
            Terminal.say(json ? comparison.json.text : comparison.text)
        }

        private func strategies() throws -> [RetryStrategy] {
            guard !strategy.isEmpty else { return RetryStrategy.allCases }
            return try strategy.flatMap { $0.split(separator: ",").map(String.init) }.map { name in
                guard let known = RetryStrategy(rawValue: name) else {
                    let near = NearestName.of(name, in: RetryStrategy.allCases.map(\.rawValue)).map { "; did you mean \($0)?" } ?? ""
                    throw Failure(.usage, "--strategy: \(name) is not a strategy" + near)
                }
                return known
            }
        }

        private static func milliseconds(_ text: String, _ name: String, upTo most: Double) throws -> Double {
            guard let duration = Settings.duration(text), duration / .milliseconds(1) <= most, duration > .zero else {
                throw Failure(.usage, "\(name): must be a duration such as 500ms, 30s or 2m")
            }
            return duration / .milliseconds(1)
        }
    }
}
