import ArgumentParser
import AsyncHTTPClient
import GuardianCore
import GuardianRuntime
import GuardianServer
import NIOCore
import NIOHTTP1

struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow what a running sidecar does, one event a line.",
        discussion: "Example: guardian events --json --count 10\nAsks the sidecar at `listen`; exit 1 when none answers.")
    @OptionGroup var options: StoreOptions
    @Option(help: "Where the sidecar listens: host:port or unix:/path.") var listen: String?
    @Option(help: "End after so many events.") var count: Int?

    func run() async throws {
        if let count, count < 1 { throw Failure(.usage, "--count: must be 1 or more") }
        let settings = try options.settings(listen.map { ["listen": $0] } ?? [:])
        let sidecar = try Assembly(settings).api()
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            try await follow(client, url: sidecar.requestURL(path: "/v1/events"), where: settings.text("listen"), token: sidecar.token)
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    private func follow(_ client: HTTPClient, url: String, where listen: String, token: String?) async throws {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "accept", value: "text/event-stream")
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        let response: HTTPClientResponse
        do {
            response = try await client.execute(request, deadline: .distantFuture)
        } catch {
            throw Failure(.failed, "nobody answers at \(listen); start `guardian serve`, or give its --listen (\(error))")
        }
        guard response.status == .ok else { throw Failure(.failed, "the sidecar at \(listen) answers \(response.status)") }
        var left = count ?? .max
        var buffer: [UInt8] = []
        for try await part in response.body {
            buffer.append(contentsOf: part.readableBytesView)
            while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeSubrange(...end)
                guard line.hasPrefix("data: ") else { continue }
                Terminal.say(options.json ? String(line.dropFirst(6)) : try Self.text(String(line.dropFirst(6))))
                left -= 1
                if left == 0 { return }
            }
        }
        throw Failure(.failed, "the sidecar at \(listen) has ended the stream")
    }

    /// One line for people: time, event, facts.
    private static func text(_ data: String) throws -> String {
        let members = try JSONValue(parsing: data).members ?? []
        let facts = members.filter { $0.name != "at" && $0.name != "event" }.map { "\($0.name)=\($0.value.string ?? $0.value.text)" }
        let named = Dictionary(members.map { ($0.name, $0.value.string ?? "") }) { first, _ in first }
        return "\(named["at"] ?? "")  \((named["event"] ?? "").padding(16)) \(facts.joined(separator: " "))"
    }
}
