import ArgumentParser
import Foundation
import GuardianCore
import GuardianLoad
import GuardianPostgres
import GuardianRuntime
import GuardianSQLite
import UnixSignals

struct LoadTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loadtest", abstract: "Measure this machine: five suites over real HTTP and a real store, each with what must hold.",
        discussion: """
            Suites: enqueue, latency, memory, breaker, concurrency; and soak, which runs when it is named or when --duration is given. The \
            mock upstream takes 50 ms and fails 5 % of requests, by the seed. On PostgreSQL each suite has schemas of its own, which go \
            when it is done; a database that holds a queue in use is refused. env:NAME takes the URL from the environment, where others \
            can't see it.
            Examples:
              guardian loadtest
              guardian loadtest --suite latency --suite memory --report report.html
              guardian loadtest --report today.json --baseline yesterday.json
              guardian loadtest --duration 30m --report soak.html
              guardian loadtest --store env:LOAD_STORE
            Exit code 0 when all passed, 1 when something does not hold or is worse than the baseline allows.
            """)

    @Option(help: "enqueue, latency, memory, breaker, concurrency or soak; several may be given. The first five without it.")
    var suite: [String] = []
    @Option(help: "Operations of each suite, 10 to 10000000; the suite's own number without it.") var operations: Int?
    @Option(help: "Requests in flight, 1 to 1024; the suite's own number without it.") var workers: Int?
    @Option(help: "The same seed makes the same operations and failures.") var seed: UInt64 = 1
    @Option(help: "Soak for so long, such as 60s, 30m or 2h.") var duration: String?
    @Option(help: "Write a report: .html with plots, .json, or text; may be given several times.") var report: [String] = []
    @Option(help: "An earlier JSON report to compare with.") var baseline: String?
    @Option(help: "Share by which a figure may be worse than the baseline, such as 25% or 0.25.") var tolerance = "25%"
    @Option(help: "Where the stores of the test live; a temporary directory without it.") var dataDir: String?
    @Option(help: "sqlite, postgresql://…, or env:NAME for a URL from the environment.") var store = "sqlite"
    @Flag(help: "Print the report as JSON.") var json = false

    func run() async throws {
        let suites = try chosenSuites()
        let options = try chosenOptions()
        let before = try baselineReport(for: suites)
        guard let share = Self.share(tolerance) else { throw Failure(.usage, "--tolerance: must be a share such as 25% or 0.25") }
        for path in report { try Self.checkWritable(path) }
        let store = try chosenStore()
        let place = try LoadPlace(directory: dataDir, store: store)
        // Before there is anything to leave behind: nothing is made before the first suite.
        let endings = await Launch.endings()
        defer { place.remove() }
        let empty = LoadReport(startedAt: SystemClock().now.wall, seed: seed, options: facts(suites, options, store: store))
        guard var result = await Self.measure(suites, options, in: place, empty, until: endings) else {
            throw Failure(.failed, "ended by a signal: nothing is reported, and nothing is left of it")
        }
        var mismatch: Comparison.Mismatch?
        if let before {
            do throws(Comparison.Mismatch) { result.comparison = try Comparison(result, with: before, tolerance: share) } catch {
                mismatch = error
            }
        }
        for path in report { try Self.write(result, to: path) }
        Terminal.report(json ? result.json.text : result.text)
        // A suite that was broken off has no figures; then that is what is told.
        if !result.passed { throw Failure(.failed, "not all suites passed") }
        if let mismatch { throw Failure(.usage, "--baseline: \(mismatch)") }
    }

    /// The report with a result for each suite; nil when somebody asks the process to end. The suites have let go of the place then.
    private static func measure(
        _ suites: [LoadOptions.Suite], _ options: LoadOptions, in place: LoadPlace, _ report: LoadReport, until endings: UnixSignalsSequence
    ) async -> LoadReport? {
        await withTaskGroup(of: LoadReport?.self) { group in
            group.addTask {
                let bar = ProgressBar()
                var report = report
                for suite in suites where !Task.isCancelled {
                    let test = LoadTest(world: place.world(), options: options) { bar.show("\(suite.rawValue): \($2)", done: $0, of: $1) }
                    report.suites.append(await test.run(suite))
                    bar.clear()
                }
                return report
            }
            group.addTask {
                await Launch.wait(for: endings)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    /// What is needed to run the same again, and to see that a baseline is of the same.
    private func facts(_ suites: [LoadOptions.Suite], _ options: LoadOptions, store: String) -> [(name: String, value: String)] {
        let own = "each suite's own"
        var facts = [
            (name: "store", value: DatabaseAddress.masked(store)),
            (name: "suites", value: suites.map(\.rawValue).joined(separator: ", ")),
            (name: "operations", value: options.operations.map { "\($0)" } ?? own),
            (name: "workers", value: options.workers.map { "\($0)" } ?? own),
        ]
        if suites.contains(.soak) { facts.append((name: "duration", value: "\(Int(options.soakSeconds))s")) }
        facts.append((name: "processors", value: "\(ProcessInfo.processInfo.activeProcessorCount)"))
        facts.append((name: "version", value: BuildInfo.version))
        return facts
    }

    private func chosenSuites() throws -> [LoadOptions.Suite] {
        var suites: [LoadOptions.Suite] = []
        for name in suite.flatMap({ $0.split(separator: ",").map(String.init) }) {
            guard let known = LoadOptions.Suite(rawValue: name) else {
                let near = NearestName.of(name, in: LoadOptions.Suite.allCases.map(\.rawValue)).map { "; did you mean \($0)?" } ?? ""
                throw Failure(.usage, "--suite: \(name) is not a suite" + near)
            }
            suites.append(known)
        }
        if suites.isEmpty { suites = duration == nil ? LoadOptions.Suite.standard : [.soak] }
        return suites
    }

    private func chosenOptions() throws -> LoadOptions {
        var options = LoadOptions()
        options.seed = seed
        if let operations {
            guard (10...10_000_000).contains(operations) else { throw Failure(.usage, "--operations: must be from 10 to 10000000") }
            options.operations = operations
        }
        if let workers {
            guard (1...1024).contains(workers) else { throw Failure(.usage, "--workers: must be from 1 to 1024") }
            options.workers = workers
        }
        if let duration {
            guard let length = Settings.duration(duration), length >= .seconds(5) else {
                throw Failure(.usage, "--duration: must be a duration of 5s or more, such as 60s, 30m or 2h")
            }
            options.soakSeconds = length / .seconds(1)
        }
        return options
    }

    private func chosenStore() throws -> String {
        var chosen = store
        if store.hasPrefix("env:") {
            let name = String(store.dropFirst(4))
            guard let value = ProcessInfo.processInfo.environment[name] else { throw Failure(.usage, "--store: \(name) is not set") }
            chosen = value
        }
        guard chosen == "sqlite" || DatabaseAddress.isOne(chosen) else {
            throw Failure(.usage, "--store: must be sqlite, postgresql://…, or env:NAME")
        }
        return chosen
    }

    /// Refused before anything runs when nothing of it could be compared.
    private func baselineReport(for suites: [LoadOptions.Suite]) throws -> JSONValue? {
        guard let baseline else { return nil }
        guard let data = FileManager.default.contents(atPath: baseline) else {
            throw Failure(.usage, "--baseline: \(baseline) can't be read")
        }
        let report: JSONValue
        do throws(JSONScanner.Defect) { report = try JSONValue(parsing: String(decoding: data, as: UTF8.self)) } catch {
            throw Failure(.usage, "--baseline: \(baseline) is not JSON: \(error.constraint)")
        }
        do throws(Comparison.Mismatch) { try Comparison.check(report, for: suites) } catch {
            throw Failure(.usage, "--baseline: \(baseline) \(error)")
        }
        return report
    }

    static func share(_ text: String) -> Double? {
        let number = text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : Double(text)
        return number.flatMap { (0...100).contains($0) ? $0 : nil }
    }

    /// Half an hour of soak should not end at a directory that is not there, or where a file should be.
    static func checkWritable(_ path: String) throws {
        try ExportFile.check(path, flag: "--report")
        guard let directory = try ExportFile.directory(of: path, flag: "--report") else { return }
        guard FileManager.default.isWritableFile(atPath: directory) else {
            throw Failure(.usage, "--report: \(directory) can't be written")
        }
    }

    private static func write(_ report: LoadReport, to path: String) throws {
        let text =
            switch URL(fileURLWithPath: path).pathExtension.lowercased() {
            case "html", "htm": report.html
            case "json": report.json.text + "\n"
            default: report.text + "\n"
            }
        try ExportFile.put(text, at: path, flag: "--report")
    }
}
