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
            Asks the sidecar at `listen`; when none answers there, reads the store itself.
            Example: guardian metrics --watch --every 5s
            Example: guardian metrics --prometheus | promtool check metrics
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
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            try await show(client, settings, every: pause)
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    private func show(_ client: HTTPClient, _ settings: Settings, every pause: Duration) async throws {
        let sidecar = try Assembly(settings).api()
        var left = watch ? count ?? .max : 1
        while true {
            let text = try await text(client, sidecar, settings)
            // A terminal shows them in place.
            if watch, !options.json, !prometheus, Terminal.outputIsTerminal { Terminal.write("\u{1B}[H\u{1B}[2J", to: .standardOutput) }
            Terminal.say(text)
            left -= 1
            guard left > 0 else { return }
            try await Task.sleep(for: pause)
        }
    }

    private func text(_ client: HTTPClient, _ sidecar: APIServer.Configuration, _ settings: Settings) async throws -> String {
        let path = prometheus ? "/metrics" : "/metrics.json"
        var request = HTTPClientRequest(url: sidecar.requestURL(path: path))
        if let token = sidecar.token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        let answer: HTTPClientResponse
        do {
            answer = try await client.execute(request, timeout: .seconds(10))
        } catch {
            guard !prometheus else {
                throw Failure(
                    .failed, "nobody answers at \(settings.text("listen")); start `guardian serve`, or give its --listen (\(error))")
            }
            return try await storeText(settings)
        }
        guard answer.status == .ok else { throw Failure(.failed, "the sidecar at \(settings.text("listen")) answers \(answer.status)") }
        let body = try await answer.body.collect(upTo: 16 << 20)
        let text = String(buffer: body)
        if options.json || prometheus { return text.hasSuffix("\n") ? String(text.dropLast()) : text }
        guard let shown = Assembly.text(ofMetrics: try JSONValue(parsing: text)) else {
            throw Failure(.failed, "what answers at \(settings.text("listen")) is no sidecar of this version")
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
