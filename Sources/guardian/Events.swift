import ArgumentParser
import AsyncHTTPClient
import GuardianCore
import GuardianPrivacy
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
        try await SidecarClient.with(settings) { try await follow($0) }
    }

    private func follow(_ sidecar: SidecarClient) async throws {
        let response: HTTPClientResponse
        do {
            response = try await sidecar.get("/v1/events", accept: "text/event-stream", until: .distantFuture)
        } catch let nobody as SidecarClient.NobodyThere {
            throw Failure(.failed, "nobody answers at \(sidecar.listen); start `guardian serve`, or give its --listen (\(nobody.reason))")
        }
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
        throw Failure(.failed, "the sidecar at \(sidecar.listen) has ended the stream")
    }

    /// One line for people: time, event, facts.
    private static func text(_ data: String) throws -> String {
        let members = try JSONValue(parsing: data).members ?? []
        let facts = members.filter { $0.name != "at" && $0.name != "event" }.map { "\($0.name)=\($0.value.string ?? $0.value.text)" }
        let named = Dictionary(members.map { ($0.name, $0.value.string ?? "") }) { first, _ in first }
        return "\(named["at"] ?? "")  \((named["event"] ?? "").padding(16)) \(facts.joined(separator: " "))".printableLine
    }
}
