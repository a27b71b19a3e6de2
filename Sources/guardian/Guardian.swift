import ArgumentParser
import Foundation
import GuardianCore
import GuardianHTTP
import GuardianPrivacy
import GuardianRuntime
import GuardianSQLite
import Synchronization

/// The binary: sidecar, operator's tool and reference upstream.
@main
struct Guardian: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guardian",
        abstract: "A durable, offline-first outbox: keeps writes on disk and delivers them exactly once in effect.",
        discussion: """
            Example:
              guardian serve --data-dir ./guardian-data --upstream https://api.example.com
            Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 store unavailable, 5 refused.
            """,
        version: BuildInfo.version,
        subcommands: [
            Serve.self, Demo.self, Enqueue.self, Status.self, Top.self, List.self, Show.self, Explain.self, Retry.self, Resolve.self,
            Cancel.self,
            ClearFailed.self,
            PauseDelivery.self, ResumeDelivery.self, Lock.self, RebuildIndex.self, Check.self, Events.self, Metrics.self, Logs.self,
            Doctor.self, Backend.self, Config.self, Generate.self, Migrate.self, LoadTestCommand.self, Compact.self, Backup.self,
            Restore.self,
            Archive.self, Simulate.self, Pins.self, Rekey.self, MigrateStore.self, Export.self, Redact.self,
        ])

    static var _errorPrefix: String { "guardian: " }

    static func main() async {
        // Before anything is opened.
        Launch.occupyStandardDescriptors()
        // A reader that goes away is an error of the write then, and ``Terminal`` knows what it means.
        _ = signal(SIGPIPE, SIG_IGN)
        shareOneHeap()
        let unreadable = Launch.unreadableText()
        Launch.keepSecrets()
        do {
            if let unreadable { throw Failure(.usage, unreadable) }
            let arguments = Array(CommandLine.arguments.dropFirst())
            try checkCommand(arguments)
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
            Terminal.endIfCut()
        } catch let failure as Failure {
            Terminal.complain(failure.message)
            Foundation.exit(failure.code.rawValue)
        } catch {
            let code = exitCode(for: error)
            if code == .success || code == .validationFailure {
                let text = fullMessage(for: error)
                if code == .success { Terminal.say(text) } else { Terminal.complainRaw(text) }
                Foundation.exit(code == .success ? 0 : 2)
            }
            let failure = Failure(error)
            Terminal.complain(failure.message)
            Foundation.exit(failure.code.rawValue)
        }
    }
}

extension Guardian {
    /// Refuses a word in the place of a command that is none, with the one that was meant; behind `help` too, which shows its own page for
    /// any word.
    fileprivate static func checkCommand(_ arguments: [String]) throws {
        var subcommands = configuration.subcommands
        for word in arguments.first == "help" ? arguments.dropFirst() : arguments[...] {
            guard !subcommands.isEmpty, !word.hasPrefix("-") else { return }
            guard let command = subcommands.first(where: { $0._commandName == word }) else {
                let names = subcommands.map { $0._commandName }
                let advice = NearestName.of(word, in: names).map { "did you mean \($0)?" } ?? "guardian --help lists all"
                throw Failure(.usage, "\(word) is no command; \(advice)")
            }
            subcommands = command.configuration.subcommands
        }
    }
}

/// glibc gives each thread a heap of its own, and what is free in one serves no other. One for all keeps a process with few cores small.
private func shareOneHeap() {
    #if canImport(Glibc)
        // `malloc.h` is no part of Swift's module of glibc.
        guard let symbol = dlsym(nil, "mallopt") else { return }
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (CInt, CInt) -> CInt).self)
        let arenaMax: CInt = -8
        _ = mallopt(arenaMax, 1)
    #endif
}

/// The documented exit codes.
enum ExitStatus: Int32 {
    case failed = 1
    case usage = 2
    case notFound = 3
    case storeUnavailable = 4
    case refused = 5
}

/// What a command ends with when it does not end well.
struct Failure: Error {
    var code: ExitStatus
    var message: String

    init(_ code: ExitStatus, _ message: String) {
        self.code = code
        self.message = message
    }

    /// For a command that works on a file, and a store that is none.
    static let needsFile = Failure(.usage, "this is for a store in a file; PostgreSQL has its own tools for it (pg_dump, VACUUM)")

    init(_ error: any Error) {
        switch error {
        case let error as Failure: self = error
        case StoreError.inUse(let what): self.init(.refused, what)
        case let error as StoreError: self.init(.storeUnavailable, error.description)
        case SyncError.store(let error): self.init(.storeUnavailable, error.description)
        case SyncError.notFound(let id): self.init(.notFound, SyncError.notFound(id: id).description)
        case SyncError.refused(let reason): self.init(.refused, reason)
        case let error as SettingsError: self.init(.usage, error.description)
        case let error as HTTPConfigurationError: self.init(.usage, error.description)
        default: self.init(.failed, ErrorWords.of(error))
        }
    }
}

/// What is said to a person or a pipe, made printable but by ``write(_:to:)``: it repeats what apps and upstreams say.
enum Terminal {
    /// Says what was asked for; ends the process when nobody reads it any more.
    static func say(_ text: String) { write(text.printable + "\n", to: .standardOutput) }
    /// Says a part of it, whose line goes on.
    static func sayPart(_ text: String) { write(text.printable, to: .standardOutput) }
    /// Says how work goes that has an end and an exit code of its own: it goes on when nobody reads that, and when it can't be written.
    static func report(_ text: String) {
        let error = put(text.printable + "\n", to: .standardOutput)
        if error != 0, error != EPIPE { cut.store(error, ordering: .relaxed) }
    }
    /// Says on standard error what is wrong. Redacted: an error repeats what it was given.
    static func complain(_ text: String) { complainRaw("guardian: \(text)") }
    static func complainRaw(_ text: String) { write(Redactor.standard.redact(text).printable + "\n", to: .standardError) }
    static var errorIsTerminal: Bool { isatty(2) == 1 }
    static var outputIsTerminal: Bool { isatty(1) == 1 }
    static var takesColor: Bool { outputIsTerminal && Assembly.takesColor }

    /// Columns and rows; 80 × 24 where they can't be asked.
    static var size: (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// What `errno` said when a part of what was reported could not be written.
    private static let cut = Atomic<Int32>(0)

    /// Writes all of it as it is. What nobody reads on standard error is lost; a reader of standard output that went away ends the process,
    /// and so does a standard output that can't be written.
    static func write(_ text: String, to file: FileHandle) {
        let error = put(text, to: file)
        guard error != 0, file.fileDescriptor == STDOUT_FILENO else { return }
        if error == EPIPE { endUnread() }
        endCut(error)
    }

    /// Ends the process as failed when standard output has not got all that was reported.
    static func endIfCut() {
        let error = cut.load(ordering: .relaxed)
        if error != 0 { endCut(error) }
    }

    private static func endCut(_ error: Int32) -> Never {
        complain("standard output can't be written: \(String(cString: strerror(error)))")
        Foundation.exit(ExitStatus.failed.rawValue)
    }

    /// Ends the process, as a success: whoever read its standard output wants no more of it (`guardian events | head -1`).
    static func endUnread() -> Never { Foundation.exit(0) }

    /// Returns what `errno` says of the write that failed; 0 when all is written.
    private static func put(_ text: String, to file: FileHandle) -> Int32 {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(file.fileDescriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // Somebody has made it non-blocking.
                var waiting = pollfd(fd: file.fileDescriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
                continue
            }
            guard count > 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return 0
    }

    /// Asks before something that can't be undone; without a terminal only `--yes` will do.
    static func confirm(_ question: String, yes: Bool) throws {
        if yes { return }
        guard isatty(0) == 1 else { throw Failure(.refused, "\(question) Add --yes to do it.") }
        write("\(question.printableLine) [y/N] ", to: .standardError)
        guard let answer = readLine(), ["y", "yes"].contains(answer.trimmingCharacters(in: .whitespaces).lowercased()) else {
            throw Failure(.refused, "not done")
        }
    }
}

/// Flags of every command that works on the store.
struct StoreOptions: ParsableArguments {
    @Option(help: "The YAML configuration file.") var config: String?
    @Option(help: "Where guardian.sqlite lives.") var dataDir: String?
    @Option(help: "sqlite, or postgresql://… to share one queue between machines; better in GUARDIAN_STORE, where no other user sees it.")
    var store: String?
    @Flag(help: "Print JSON.") var json = false

    func settings(_ more: [String: String] = [:]) throws -> Settings {
        try Settings(file: config, environment: Launch.environment, flags: flags(more))
    }

    /// Everything that is wrong with the settings, and with variables that name none.
    func defects(_ more: [String: String] = [:]) -> [SettingsError] {
        ConfigurationCheck(file: config, environment: Launch.environment, flags: flags(more)).defects
    }

    /// What flags set, over `more`.
    func flags(_ more: [String: String]) -> [String: String] {
        var flags = more
        if let dataDir { flags["data_dir"] = dataDir }
        if let store { flags["store"] = store }
        return flags
    }

    /// As ``settings(_:)``, where nothing that was meant for us may go unnoticed: a variable that names no setting is an error. With
    /// `bearsOthers` one that may be somebody else's is warned of only.
    func checkedSettings(_ more: [String: String] = [:], bearsOthers: Bool = false) throws -> Settings {
        for variable in UnknownVariable.all(in: Launch.environment) {
            guard bearsOthers, !variable.isSlip else { throw variable.error }
            Terminal.complain(variable.error.description)
        }
        return try settings(more)
    }

    /// The store that is there already, where it is a file: for what PostgreSQL has tools of its own for.
    func existingFile(_ more: [String: String] = [:], warnsOfKey: Bool = true) async throws -> SQLiteStore {
        guard let file = try await existingStore(more, warnsOfKey: warnsOfKey) as? SQLiteStore else {
            throw Failure.needsFile
        }
        return file
    }

    /// The store that is there already; commands that look do not make one. It stays under the key that it has; with `warnsOfKey` it is
    /// said when another was given.
    func existingStore(_ more: [String: String] = [:], warnsOfKey: Bool = true) async throws -> any OpenedStore {
        let assembly = Assembly(try settings(more))
        try Self.checkStored(assembly)
        let store = try await assembly.openStore()
        if warnsOfKey, let warning = try await assembly.sealingWarning(of: store) { Terminal.complain(warning) }
        return store
    }

    /// Throws where there should be a file, and is none.
    static func checkStored(_ assembly: Assembly) throws {
        guard !assembly.isStoredInFile || FileManager.default.fileExists(atPath: assembly.storePath) else {
            throw Failure(.storeUnavailable, "there is no store at \(assembly.storePath); give --data-dir, or start `guardian serve` first")
        }
    }
}

func operationID(_ text: String) throws -> OperationID {
    guard let id = OperationID(text) else { throw Failure(.usage, "ID: must be 1–128 printable ASCII characters") }
    return id
}

func pointInTime(_ text: String, _ flag: String, _ side: Settings.Side, of now: Timestamp) throws -> Timestamp {
    guard let time = Settings.time(text, side, of: now) else { throw Failure(.usage, "\(flag): \(Settings.timeForms(side))") }
    return time
}
