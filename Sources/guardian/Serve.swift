import ArgumentParser
import GuardianCore
import GuardianPrivacy
import GuardianRuntime
import GuardianSQLite
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the sidecar: take operations over HTTP, deliver them.",
        discussion: """
            A store that can't be opened is tried again every second; until then requests are answered with the reason. One whose files \
            are moved or replaced while it is open takes nothing more until they are back, or until a restart. SIGTERM, SIGINT \
            and SIGHUP drain; under nohup SIGHUP is passed over. With --json each change of state is one JSON object on standard output \
            too: ready, not_ready, unreadable or salvaged.
            A crash is reported with its stack at the next start when SWIFT_BACKTRACE is in the environment, with \
            enable=yes,color=no,unwind=fast,symbolicate=fast,output-to=DATA_DIR/crashes/
            Example:
              guardian serve --data-dir ./guardian-data --upstream https://api.example.com
            """)

    @OptionGroup var options: StoreOptions
    @Option(help: "host:port or unix:/path; 127.0.0.1:8080 by default, port 0 takes a free one.") var listen: String?
    @Option(help: "The upstream's URL.") var upstream: String?
    @Option(help: "Requests in flight at most.") var workers: Int?
    @Flag(help: "Serve the admin console at /admin; without admin.token_file its token is printed once.") var admin = false

    func run() async throws {
        var flags: [String: String] = [:]
        if let listen { flags["listen"] = listen }
        if let upstream { flags["upstream.url"] = upstream }
        if let workers { flags["workers"] = "\(workers)" }
        if admin { flags["admin.enabled"] = "true" }
        // A sidecar that does not start takes no writes, so what may be somebody else's keeps it from nothing.
        let settings = try options.checkedSettings(flags, bearsOthers: true)
        let assembly = Assembly(settings)
        for warning in assembly.warnings { Terminal.complain(warning) }
        let files = OpenFileLimit.raise(to: assembly.openFiles)
        let connections = assembly.connections(within: files)
        if connections < assembly.connections(within: assembly.openFiles) {
            Terminal.complain(
                "api.connections: no more than \(connections) at once, for this process may have \(files) files open; raise ulimit -n, or "
                    + "LimitNOFILE of its unit, to \(assembly.openFiles)")
        }
        let daemon = try Daemon(settings, connections: connections)
        daemon.takeOverLoggers()
        let endings = await Launch.endings()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in endings { daemon.stop() }
            }
            let json = options.json
            try await daemon.run { state in
                if json { Terminal.report(Redactor.standard.redact(state.json).text) }
                switch state {
                case .ready(let url):
                    Terminal.complainRaw("guardian: ready on \(url)")
                    guard daemon.console != nil else { return }
                    let token = daemon.consoleToken.map { ", token \($0)" } ?? ""
                    Terminal.complainRaw("guardian: console on \(url)/admin\(token)")
                case .notReady(let url, let reason):
                    Terminal.complain(reason.description)
                    Terminal.complainRaw("guardian: not ready on \(url): \(reason.name)")
                case .unreadable(let reason):
                    Terminal.complain("a part of the store can't be read, and is tried again before it is given up: \(reason.description)")
                case .salvaged(let report):
                    Terminal.complain(
                        "the store was damaged (\(report.problem)) and is kept as \(report.aside): "
                            + "\(report.recovered) operations brought over, \(report.lossText); see \(report.aside).json")
                }
            }
            group.cancelAll()
        }
    }
}
