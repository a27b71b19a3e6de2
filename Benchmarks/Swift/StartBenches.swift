import Foundation
import GuardianCore
import GuardianSQLite

/// How soon `guardian serve` is ready over a long queue, and what it takes of memory until then.
struct StartBenches {
    let options: BenchOptions

    /// Memory that it may take, in MiB.
    private static let memoryBound = 64.0

    func run(_ table: inout Table) async throws {
        guard options.runs("start") else { return }
        let scratch = try Scratch()
        defer { scratch.remove() }
        let store = try SQLiteStore.open(.init(path: scratch.path + "/guardian.sqlite"))
        try await StoreBenches.fill(SyncEngine(store: store, transport: Silent()), pending: options.long.count, keys: 10_000)
        try store.close()
        try await table.measure("serve from start to ready at \(options.long.words) pending, s of 1", .init(required: 1, isCost: true)) {
            try Self.serve(scratch.path).seconds
        } baseline: {
            1
        }
        #if os(Linux)
            try await table.measure("memory of serve at \(options.long.words) pending, MiB of 64", .init(required: 1, isCost: true)) {
                try Self.serve(scratch.path).mebibytes
            } baseline: {
                Self.memoryBound
            }
        #endif
    }

    /// From its start to its ready line, and the most memory that it has had then.
    private static func serve(_ directory: String) throws -> (seconds: Double, mebibytes: Double) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: ProcessInfo.processInfo.environment["GUARDIAN"] ?? ".build/release/guardian")
        process.arguments = ["serve", "--data-dir", directory, "--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:1"]
        let pipe = Pipe()
        process.standardError = pipe
        let begin = ContinuousClock.now
        try process.run()
        var said = ""
        while !said.contains("ready on http") {
            let more = pipe.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Baseline.Failed(output: said) }
            said += String(decoding: more, as: UTF8.self)
        }
        let took = (ContinuousClock.now - begin) / .seconds(1)
        let peak = peakKiB(process.processIdentifier)
        process.terminate()
        process.waitUntilExit()
        return (took, peak / 1024)
    }

    /// As the kernel says it; 0 where it does not.
    private static func peakKiB(_ pid: Int32) -> Double {
        let status = FileManager.default.contents(atPath: "/proc/\(pid)/status").map { String(decoding: $0, as: UTF8.self) }
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }.first ?? 0
    }
}
