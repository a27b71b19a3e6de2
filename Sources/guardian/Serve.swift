import ArgumentParser
import Foundation
import GuardianCore
import GuardianHTTP
import GuardianRuntime
import GuardianSQLite
import GuardianServer
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the sidecar: take operations over HTTP, deliver them.",
        discussion: "Example: guardian serve --data-dir ./guardian-data --listen 127.0.0.1:8080 --upstream https://api.example.com")

    @OptionGroup var options: StoreOptions
    @Option(help: "host:port; 127.0.0.1:8080 by default, port 0 takes a free one.") var listen: String?
    @Option(help: "The upstream's URL.") var upstream: String?
    @Option(help: "Requests in flight at most.") var workers: Int?

    func run() async throws {
        var flags: [String: String] = [:]
        if let listen { flags["listen"] = listen }
        if let upstream { flags["upstream.url"] = upstream }
        if let workers { flags["workers"] = "\(workers)" }
        let settings = try options.settings(flags)
        let assembly = Assembly(settings)
        let store = try assembly.openStore()
        let (engine, transport) = try await assembly.engine(store: store, sinks: [JSONLogSink(level: settings.text("log.level"))])
        let server = APIServer(engine: engine, store: store, configuration: try Self.api(settings))

        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await server.run { port in
                    Terminal.complainRaw("guardian: ready on http://\(server.host):\(port)")
                }
            }
            group.addTask { try await engine.run() }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                    engine.drain()
                    return
                }
            }
            // The signal, then the drained engine; the server's task ends with the group.
            _ = try await group.next()
            engine.drain()
            _ = try await group.next()
            group.cancelAll()
        }
        await transport.shutdown()
        try store.close()
    }

    static func api(_ settings: Settings) throws -> APIServer.Configuration {
        let listen = settings.text("listen")
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]), (0...65535).contains(port)
        else {
            throw SettingsError("listen", "must be host:port (it is \"\(listen)\")")
        }
        var token: String?
        let file = settings.text("token_file")
        if !file.isEmpty {
            do { token = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines) } catch {
                throw SettingsError("token_file", "\(file) can't be read")
            }
        }
        let configuration = APIServer.Configuration(host: String(listen[..<colon]), port: port, token: token)
        guard configuration.isLoopback else {
            throw SettingsError("listen", "anything but loopback needs TLS, which this version does not have yet")
        }
        return configuration
    }
}
