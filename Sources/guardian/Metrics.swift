import ArgumentParser
import AsyncHTTPClient
import Foundation
import GuardianCore
import GuardianRuntime
import GuardianServer
import NIOCore
import NIOHTTP1

struct Metrics: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the metrics of the running sidecar, or what the store alone says while none runs.",
        discussion: """
            Asks the sidecar at `listen`; when none answers there, reads the store itself. One under TLS must show `tls.certificate_file`.
            Example: guardian metrics --watch --every 5s
            Example: guardian metrics --prometheus | grep pending_ops_gauge
            """)
    @OptionGroup var options: StoreOptions
    @Option(help: "Where the sidecar listens: host:port or unix:/path.") var listen: String?
    @Flag(help: "Show them again and again, until Ctrl-C.") var watch = false
    @Option(help: "How often, with --watch.") var every = "2s"
    @Option(help: "End after so many times, with --watch.") var count: Int?
    @Flag(help: "Print the text that a Prometheus server scrapes; needs a running sidecar.") var prometheus = false

    func run() async throws {
        guard !(prometheus && options.json) else { throw Failure(.usage, "give --json or --prometheus, not both") }
        guard let pause = Settings.duration(every), pause > .zero else { throw Failure(.usage, "--every: must be a duration such as 2s") }
        if let count, count < 1 || !watch { throw Failure(.usage, "--count: must be 1 or more, with --watch") }
        let settings = try options.settings(listen.map { ["listen": $0] } ?? [:])
        try await SidecarClient.with(settings) { try await show($0, settings, every: pause) }
    }

    private func show(_ sidecar: SidecarClient, _ settings: Settings, every pause: Duration) async throws {
        var left = watch ? count ?? .max : 1
        while true {
            let text = try await text(sidecar, settings)
            // A terminal shows them in place.
            if watch, !options.json, !prometheus, Terminal.outputIsTerminal { Terminal.write("\u{1B}[H\u{1B}[2J", to: .standardOutput) }
            Terminal.say(text)
            left -= 1
            guard left > 0 else { return }
            try await Task.sleep(for: pause)
        }
    }

    private func text(_ sidecar: SidecarClient, _ settings: Settings) async throws -> String {
        let answer: HTTPClientResponse
        do {
            answer = try await sidecar.get(prometheus ? "/metrics" : "/metrics.json", until: NIODeadline.now() + .seconds(10))
        } catch let nobody as SidecarClient.NobodyThere {
            guard !prometheus else {
                throw Failure(
                    .failed, "nobody answers at \(sidecar.listen); start `guardian serve`, or give its --listen (\(nobody.reason))")
            }
            return try await storeText(settings)
        }
        let body = try await answer.body.collect(upTo: 16 << 20)
        let text = String(buffer: body)
        if options.json || prometheus { return text.hasSuffix("\n") ? String(text.dropLast()) : text }
        guard let shown = Assembly.text(ofMetrics: try JSONValue(parsing: text)) else {
            throw Failure(.failed, "what answers at \(sidecar.listen) is no sidecar of this version")
        }
        return shown
    }

    /// What the store alone says.
    private func storeText(_ settings: Settings) async throws -> String {
        let assembly = Assembly(settings)
        let store = try await options.existingStore()
        // With --watch this comes again and again. A look has nothing to lose: what can't be copied back stays in the log.
        defer { do { try store.shut() } catch {} }
        let summary = try await assembly.summary(of: store)
        let alerts = assembly.savedAlerts()
        if options.json {
            let answer: JSONValue = [
                "source": "store", "summary": summary.json, "alerts": .array(alerts?.alerts.map(\.json) ?? []),
                "alerts_at": JSONValue(alerts?.at.rfc3339),
            ]
            return answer.text
        }
        return "no sidecar answers at \(settings.text("listen")); this is what the store says\n" + summary.text
    }
}
