import Foundation
import GuardianCore
import Synchronization

/// A running `guardian`, built beside the tests.
final class Guardian: @unchecked Sendable {
    // `Process` and its pipe are used by the one test that made them; `said` guards itself.
    private let process = Process()
    private let pipe = Pipe()
    private let said = Mutex("")
    /// 1 when all that it said has been read.
    private let isRead = DispatchSemaphore(value: 0)

    struct NotReady: Error { var output: String }

    static var binary: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(".build/release/guardian").path
    }

    /// A wrapper that puts standard output into `file`.
    static func writing(to file: String) -> [String] { ["sh", "-c", #"exec "$@" >"$0""#, file] }

    /// Starts it and returns at once. `wrapper` is a command that ends by running the one behind it, in its own process.
    static func launch(_ arguments: [String], environment: [String: String] = [:], wrapper: [String] = []) throws -> Guardian {
        try Guardian(arguments, environment, wrapper)
    }

    /// Starts it and returns when it says `ready`; after a minute without it, ends it and throws.
    static func start(
        _ arguments: [String], environment: [String: String] = [:], wrapper: [String] = [], ready: String = "ready on "
    ) async throws -> Guardian {
        let guardian = try launch(arguments, environment: environment, wrapper: wrapper)
        let end = ContinuousClock.now + .seconds(60)
        while !guardian.errors.contains(ready) {
            guard guardian.isRunning, ContinuousClock.now < end else {
                guardian.kill()
                throw NotReady(output: String(guardian.errors.prefix(2000)))
            }
            try await Task.sleep(for: .milliseconds(2))
        }
        return guardian
    }

    private init(_ arguments: [String], _ environment: [String: String], _ wrapper: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = wrapper + [Self.binary] + arguments
        process.environment = childEnvironment(environment)
        // What is started beside it would hold its stderr too.
        _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        process.standardError = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        pipe.fileHandleForReading.readabilityHandler = { [weak self, isRead] handle in
            let more = handle.availableData
            guard !more.isEmpty else {
                handle.readabilityHandler = nil
                isRead.signal()
                return
            }
            self?.said.withLock { text in
                // What follows the first megabyte is only read, so that logging never blocks the process.
                if text.utf8.count < 1 << 20 { text += String(decoding: more, as: UTF8.self) }
            }
        }
        try process.run()
    }

    deinit { pipe.fileHandleForReading.readabilityHandler = nil }

    /// What it wrote to stderr so far.
    var errors: String { said.withLock { $0 } }
    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    /// Where it answers, once it has said so.
    var url: String { said(after: " on ") }

    /// What follows the last `words` on that line of stderr.
    func said(after words: String) -> String {
        let text = errors
        guard let found = text.range(of: words + "(http|unix)", options: [.regularExpression, .backwards]) else { return "" }
        return String(text[text.index(found.lowerBound, offsetBy: words.count)...].prefix { !$0.isWhitespace && $0 != ";" })
    }

    /// The most memory that it had so far, in KiB, as the kernel says it.
    var peakKiB: Int {
        let status = FileManager.default.contents(atPath: "/proc/\(pid)/status").map { String(decoding: $0, as: UTF8.self) }
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }

    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        waitUntilEnd()
    }

    /// Sends it a signal that ends it, and returns its exit status.
    func end(by signal: Int32) -> Int32 {
        Foundation.kill(process.processIdentifier, signal)
        waitUntilEnd()
        return process.terminationStatus
    }

    /// Asks it to end, and returns its exit status.
    @discardableResult
    func terminate() -> Int32 {
        process.terminate()
        waitUntilEnd()
        return process.terminationStatus
    }

    /// Waits until it has ended, and until all that it said has been read: not for ever, for a process that it started may hold its stderr.
    private func waitUntilEnd() {
        process.waitUntilExit()
        if isRead.wait(timeout: .now() + .seconds(10)) == .success { isRead.signal() }
    }

    struct Answer {
        var status: Int32
        var output: String
        var errors: String
        var json: JSONValue { (try? JSONValue(parsing: output)) ?? .null }
    }

    /// Runs a command of the binary to its end.
    static func run(_ arguments: [String], environment: [String: String] = [:], wrapper: [String] = []) async throws -> Answer {
        try await Shell.run(wrapper + [binary] + arguments, environment: environment)
    }
}

/// What a child finds in its environment: `given`, and ours without what is there for the tests, of which `guardian` knows nothing.
func childEnvironment(_ given: [String: String]) -> [String: String] {
    ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("GUARDIAN_") }.merging(given) { $1 }
}

/// Runs programs to their end, on threads that may block.
enum Shell {
    private static let queue = DispatchQueue(label: "guardian.tests.shell", attributes: .concurrent)

    static func run(_ command: [String], environment: [String: String] = [:]) async throws -> Guardian.Answer {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try runNow(command, environment) }) }
        }
    }

    private static func runNow(_ command: [String], _ environment: [String: String]) throws -> Guardian.Answer {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.environment = childEnvironment(environment)
        let directory = NSTemporaryDirectory() + "/guardian-output-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let paths = ["out", "err"].map { directory + "/" + $0 }
        for path in paths { try Data().write(to: URL(fileURLWithPath: path)) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[0]))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[1]))
        try process.run()
        process.waitUntilExit()
        let texts = try paths.map { String(decoding: try Data(contentsOf: URL(fileURLWithPath: $0)), as: UTF8.self) }
        return Guardian.Answer(status: process.terminationStatus, output: texts[0], errors: texts[1])
    }
}

extension Process {
    /// Ends it now. A child inherits the signals that the test's thread blocks, SIGTERM among them, and would not hear of a gentler one.
    func end() {
        kill(processIdentifier, SIGKILL)
        waitUntilExit()
    }
}
