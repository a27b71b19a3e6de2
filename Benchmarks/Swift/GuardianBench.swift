import Foundation
import GuardianCore
import GuardianSQLite

/// `make bench`: each figure of ours beside its baseline, measured alternately in the same run on the same disk at the same durability.
@main
struct GuardianBench {
    private static let names = ["single", "group", "batch", "settle", "flat", "sealing", "delivery", "start"]
    private static let usage = """
        usage: guardian-bench [NAME] [--quick]     NAME is one of \(names.joined(separator: ", ")); all without it
               guardian-bench pg …                 what scripts/postgres-bench.sh runs
        Run it in the package's directory, on a quiet machine; exit code 1 when a bound is missed.
        """

    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let words = arguments.filter { $0 != "--quick" }
        guard words.first == "pg" || words.isEmpty || words.count == 1 && names.contains(words[0]) else {
            print(usage)
            exit(arguments.contains("--help") ? 0 : 2)
        }
        do { try await run(arguments) } catch {
            print("guardian-bench: \(error)")
            exit(1)
        }
    }

    private static func run(_ arguments: [String]) async throws {
        if arguments.first == "pg" { return try await PostgresBenches(words: Array(arguments.dropFirst())).run() }
        let isQuick = arguments.contains("--quick")
        let only = arguments.first { !$0.hasPrefix("--") }
        var table = Table(rounds: isQuick ? 3 : 5)
        let scale = isQuick ? 1 : 4

        try await StoreBenches(scale: scale).run(&table, only: only)
        try await SealingBenches(scale: scale).run(&table, only: only)
        try await DeliveryBenches(scale: scale).run(&table, only: only)
        table.print()
        if !table.holds { exit(1) }
    }
}

/// Measures pairs and keeps their medians.
struct Table {
    struct Row {
        var name: String
        var ours: Double
        var baseline: Double
        var required: Double
        /// Costs must stay below the bound, rates above.
        var isCost: Bool
        var ratio: Double { ours / baseline }
        var holds: Bool { isCost ? ratio <= required : ratio >= required }
    }

    let rounds: Int
    private(set) var rows: [Row] = []

    init(rounds: Int) { self.rounds = rounds }

    var holds: Bool { rows.allSatisfy(\.holds) }

    /// Runs `ours` and `baseline` by turns; both return a figure (a rate or a cost). Keeps medians, and prints them at once.
    mutating func measure(
        _ name: String, required: Double, isCost: Bool = false, ours: () async throws -> Double, baseline: () async throws -> Double
    ) async throws {
        var a: [Double] = []
        var b: [Double] = []
        for _ in 0..<rounds {
            b.append(try await baseline())
            a.append(try await ours())
        }
        let row = Row(name: name, ours: Self.median(a), baseline: Self.median(b), required: required, isCost: isCost)
        rows.append(row)
        Self.print(row)
    }

    static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    private static func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return left ? space + text : text + space
    }

    private static func print(_ row: Row) {
        let bound = "\(row.isCost ? "≤" : "≥") \(String(format: "%.2f", row.required))"
        Swift.print(
            pad(row.name, 58), pad(String(format: "%.1f", row.ours), 12, left: true),
            pad(String(format: "%.1f", row.baseline), 12, left: true),
            pad(String(format: "%.2f", row.ratio), 7, left: true), pad(bound, 8, left: true), row.holds ? "holds" : "DOES NOT HOLD")
        fflush(nil)
    }

    func print() {
        let missed = rows.count { !$0.holds }
        Swift.print("\(rows.count) figures, medians of \(rounds) rounds; columns: ours, baseline, ratio, bound. \(missed) missed.")
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

/// The C program beside this one.
enum Baseline {
    struct Failed: Error { var output: String }

    /// Runs `baseline COMMAND DIR …` and returns its `per_second`.
    static func rate(_ command: [String]) throws -> Double {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: ProcessInfo.processInfo.environment["BASELINE"] ?? ".build/baseline")
        process.arguments = [command[0], scratch.path] + command.dropFirst()
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: output, as: UTF8.self)
        guard let json = try JSONSerialization.jsonObject(with: output) as? [String: Any], let rate = json["per_second"] as? Double else {
            throw Failed(output: text)
        }
        return rate
    }
}

func seconds(_ body: () async throws -> Void) async rethrows -> Double {
    let start = ContinuousClock.now
    try await body()
    let took = ContinuousClock.now - start
    return Double(took.components.seconds) + Double(took.components.attoseconds) * 1e-18
}
