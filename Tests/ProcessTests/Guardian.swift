import Foundation
import Synchronization

/// A running `guardian`, built beside the tests.
final class Guardian: @unchecked Sendable {
    // `Process` is used by the one test that made it.
    private let process = Process()
    let url: String

    struct NotReady: Error { var output: String }

    static var binary: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(".build/release/guardian")
    }

    /// Starts it and returns when it says that it is ready.
    init(_ arguments: [String]) throws {
        process.executableURL = Self.binary
        process.arguments = arguments
        let pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        var output = ""
        // What is there, as it comes: `read(upToCount:)` would wait for a full buffer.
        while output.range(of: "ready on http[^\n]*\n", options: .regularExpression) == nil {
            let more = pipe.fileHandleForReading.availableData
            guard !more.isEmpty else { break }
            output += String(decoding: more, as: UTF8.self)
        }
        guard let found = output.range(of: "ready on ") else { throw NotReady(output: output) }
        url = String(output[found.upperBound...].prefix { $0 != "\n" })
        // Keeps the pipe empty, so that logging never blocks the process.
        pipe.fileHandleForReading.readabilityHandler = { handle in if handle.availableData.isEmpty { handle.readabilityHandler = nil } }
    }

    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    @discardableResult
    func terminate() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Runs a command to its end.
    static func run(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text, complaint)
    }
}

/// A data directory of its own.
struct Workplace {
    let path = NSTemporaryDirectory() + "/guardian-process-" + UUID().uuidString

    init() throws {}

    func serve(upstream: String) throws -> Guardian {
        try Guardian(["serve", "--data-dir", path, "--listen", "127.0.0.1:0", "--upstream", upstream])
    }

    func remove() {
        do { try FileManager.default.removeItem(atPath: path) } catch {}
    }
}
