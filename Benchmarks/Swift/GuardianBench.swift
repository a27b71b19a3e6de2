import Foundation

/// `make bench`: each figure of ours beside its baseline, measured alternately in the same run on the same disk at the same durability.
@main
struct GuardianBench {
    private static let usage = """
        usage: guardian-bench [NAME …] [--quick] [--huge] [--json FILE]
               NAME is one of \(BenchOptions.names.joined(separator: ", ")); all without it
               --quick  measures over fewer operations, and takes 200 000 for a long queue
               --huge   takes 10 000 000 for a long queue, not 1 000 000: slow, and 10 GB of disk
               --json   writes what was measured in every round, for later comparison
               guardian-bench pg …   what scripts/postgres-bench.sh runs
        BENCH_ROUNDS=n measures each figure so many times, not 5.
        Run it in the package's directory, on a quiet machine; exit code 1 when a figure misses what is required, nothing was measured, or a
        queue of `peers` is missing and that was named. An aim is told, no more.
        """

    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            if arguments.first == "pg" { return try await PostgresBenches(words: Array(arguments.dropFirst())).run() }
            guard let options = BenchOptions(arguments) else {
                print(usage)
                exit(arguments.contains("--help") ? 0 : 2)
            }
            try await run(options)
        } catch {
            print("guardian-bench: \(error)")
            exit(1)
        }
    }

    private static func run(_ options: BenchOptions) async throws {
        if let path = options.json, !FileManager.default.createFile(atPath: path, contents: nil) {
            throw Baseline.Failed(output: "\(path) can't be written")
        }
        var table = Table()
        Table.printHead()
        do { try await measure(options, &table) } catch {
            // What was measured until then may have taken long.
            try write(table, options)
            throw error
        }
        try write(table, options)
        table.printEnd()
        if !table.holds { exit(1) }
    }

    private static func measure(_ options: BenchOptions, _ table: inout Table) async throws {
        try await StoreBenches(options: options).run(&table)
        try await DrainBenches(options: options).run(&table)
        try await SealingBenches(options: options).run(&table)
        try await DeliveryBenches(options: options).run(&table)
        try await StartBenches(options: options).run(&table)
        try await PeerBenches(options: options).run(&table)
    }

    private static func write(_ table: Table, _ options: BenchOptions) throws {
        guard let path = options.json else { return }
        try table.json(options).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}

/// What the command line asks for.
struct BenchOptions {
    static let names = [
        "single", "group", "batch", "settle", "flat", "drain", "latency", "sealing", "delivery", "gathered", "start", "peers",
    ]

    private var only: Set<String> = []
    private(set) var isQuick = false
    private(set) var isHuge = false
    private(set) var json: String?

    /// nil for what it does not know.
    init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "--quick": isQuick = true
            case "--huge": isHuge = true
            case "--json":
                guard let path = rest.popFirst() else { return nil }
                json = path
            default:
                guard Self.names.contains(word) else { return nil }
                only.insert(word)
            }
        }
    }

    func runs(_ name: String) -> Bool { only.isEmpty || isNamed(name) }

    /// Whether it was asked for by its name, not with all.
    func isNamed(_ name: String) -> Bool { only.contains(name) }

    var scale: Int { isQuick ? 1 : 4 }

    /// Operations in a long queue, and how that is written.
    var long: (count: Int, words: String) {
        if isHuge { return (10_000_000, "10 000 000") }
        return isQuick ? (200_000, "200 000") : (1_000_000, "1 000 000")
    }
}

/// A directory that goes when its owner is done.
struct Scratch {
    let path: String

    init() throws {
        let root = ProcessInfo.processInfo.environment["BENCH_DIR"] ?? FileManager.default.currentDirectoryPath + "/.build"
        path = root + "/bench-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func remove() { do { try FileManager.default.removeItem(atPath: path) } catch {} }
}

/// Programs that measure something else than ours: the one in C beside this one, and the script for other queues.
enum Baseline {
    struct Failed: Error, CustomStringConvertible {
        var output: String
        var description: String { output }
    }

    /// Runs `baseline COMMAND DIR …` and returns its `per_second`.
    static func rate(_ command: [String]) throws -> Double {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let program = ProcessInfo.processInfo.environment["BASELINE"] ?? ".build/baseline"
        return try perSecond(try output(program, [command[0], scratch.path] + command.dropFirst()))
    }

    static func perSecond(_ output: Data) throws -> Double {
        guard let json = try JSONSerialization.jsonObject(with: output) as? [String: Any], let rate = json["per_second"] as? Double else {
            throw Failed(output: String(decoding: output, as: UTF8.self))
        }
        return rate
    }

    /// What a program writes to standard output; throws when it fails.
    static func output(_ program: String, _ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(output: "\(program) \(arguments.joined(separator: " ")) ended with \(process.terminationStatus)")
        }
        return output
    }
}

func seconds(_ body: () async throws -> Void) async rethrows -> Double {
    let start = ContinuousClock.now
    try await body()
    return (ContinuousClock.now - start) / .seconds(1)
}
