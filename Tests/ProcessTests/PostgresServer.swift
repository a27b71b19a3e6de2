import Foundation
import Synchronization

/// A real PostgreSQL in a temporary directory, as `scripts/postgres-server.sh` runs it; it ends with this process.
final class PostgresServer: Sendable {
    struct Trouble: Error { var description: String }

    private let input: FileHandle
    private let output: Mutex<FileHandle>
    let directory: String
    let port: String

    init(settings: [String] = []) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = [root.path + "/scripts/postgres-server.sh"] + settings.flatMap { ["-c", $0] }
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        for file in [input.fileHandleForWriting, output.fileHandleForReading] { _ = fcntl(file.fileDescriptor, F_SETFD, FD_CLOEXEC) }
        try process.run()
        self.input = input.fileHandleForWriting
        let words = Self.line(output.fileHandleForReading).split(separator: " ").map(String.init)
        guard words.count == 3, words[0] == "ready" else { throw Trouble(description: "no PostgreSQL server") }
        (directory, port) = (words[1], words[2])
        self.output = Mutex(output.fileHandleForReading)
    }

    private static func line(_ file: FileHandle) -> String {
        var line: [UInt8] = []
        while let byte = file.readData(ofLength: 1).first, byte != UInt8(ascii: "\n") { line.append(byte) }
        return String(decoding: line, as: UTF8.self)
    }

    func end() { do { try input.close() } catch {} }

    /// `immediate` crashes it and starts it again; see the script for more.
    func ask(_ word: String) throws {
        try output.withLock { output in
            try input.write(contentsOf: Data((word + "\n").utf8))
            guard Self.line(output).hasPrefix("done") else { throw Trouble(description: "the server did not \(word)") }
        }
    }

    /// The database `postgres`, by a password that must not be seen anywhere.
    var url: String { "postgresql://postgres:\(Self.password)@127.0.0.1:\(port)/postgres?sslmode=disable" }
    static let password = "s3cret-pass-word"

    func psql(_ sql: String) async throws -> String {
        let answer = try await Shell.run([
            "psql", "-h", directory, "-p", port, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-XqtA", "-c", sql,
        ])
        guard answer.status == 0 else { throw Trouble(description: answer.errors) }
        return answer.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
