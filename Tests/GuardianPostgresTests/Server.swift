import Foundation
import GuardianCore
import GuardianPostgres
import Synchronization

/// A real PostgreSQL for these tests, in a temporary directory, not as root; it ends with this process, however that ends.
final class Server: Sendable {
    struct Trouble: Error, CustomStringConvertible { var description: String }

    /// One for all tests that leave it alone.
    static let shared = Result { try Server() }

    let directory: String
    let port: Int
    private let input: FileHandle
    private let lines: Mutex<LineReader>
    private let count = Atomic<Int>(0)

    /// Reads what the script says.
    private struct LineReader: @unchecked Sendable {
        // Used under the lock only.
        let handle: FileHandle
        mutating func next() -> String? {
            var line: [UInt8] = []
            while let byte = handle.readData(ofLength: 1).first {
                if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
                line.append(byte)
            }
            return nil
        }
    }

    /// One start at a time: what is started beside it must not hold its pipes open.
    private static let starting = Mutex(())

    init(settings: [String] = []) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let (input, output) = (Pipe(), Pipe())
        try Self.starting.withLock { _ in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            process.arguments = [root.path + "/scripts/postgres-server.sh"] + settings.flatMap { ["-c", $0] }
            process.standardInput = input
            process.standardOutput = output
            for file in [input.fileHandleForWriting, output.fileHandleForReading] { _ = fcntl(file.fileDescriptor, F_SETFD, FD_CLOEXEC) }
            try process.run()
        }
        self.input = input.fileHandleForWriting
        var reader = LineReader(handle: output.fileHandleForReading)
        guard let words = reader.next()?.split(separator: " "), words.count == 3, words[0] == "ready", let port = Int(words[2]) else {
            throw Trouble(description: "no PostgreSQL server: is Debian's package `postgresql` installed?")
        }
        directory = String(words[1])
        self.port = port
        lines = Mutex(reader)
    }

    /// Stops it; its directory goes too.
    func end() { do { try input.close() } catch {} }

    /// Has the script do something; returns what it said after `done`.
    @discardableResult
    func ask(_ word: String) throws -> String {
        try lines.withLock { reader in
            try input.write(contentsOf: Data((word + "\n").utf8))
            guard let answer = reader.next(), answer.hasPrefix("done") else { throw Trouble(description: "the server did not \(word)") }
            return String(answer.dropFirst(5))
        }
    }

    /// Freezes its main process until ``thaw()``: whoever connects hears nothing, and sessions that are open go on.
    func freeze() throws { try signal(SIGSTOP) }

    func thaw() throws { try signal(SIGCONT) }

    private func signal(_ number: Int32) throws {
        let text = try String(contentsOfFile: directory + "/data/postmaster.pid", encoding: .utf8)
        guard let pid = text.split(separator: "\n").first.flatMap({ Int32($0) }), kill(pid, number) == 0 else {
            throw Trouble(description: "the server's process is not to be found")
        }
    }

    /// Runs a script of statements.
    func run(_ script: String, database: String = "postgres") throws {
        do { try DirectSession(try DatabaseAddress(url(database))).run(script) } catch { throw Trouble(description: "\(error)") }
    }

    /// The first column of each row, which must be a text.
    func texts(_ sql: String, database: String) throws -> [String] { try DirectSession(try DatabaseAddress(url(database))).texts(sql) }

    /// A new database without tables.
    func emptyDatabase() throws -> String {
        let name = "t\(count.add(1, ordering: .relaxed).newValue)"
        try run("CREATE DATABASE \(name)")
        return name
    }

    func url(_ database: String, host: String? = nil) -> String {
        host.map { "postgresql://postgres@\($0):\(port)/\(database)" }
            ?? "postgresql://postgres@/\(database)?host=\(directory)&port=\(port)"
    }

    /// An empty store of its own, as in a file: one processor, in virtual time.
    func lonelyStore(connections: Int = 2) async throws -> PostgresStore {
        try await store(try emptyDatabase()) {
            $0.processors = 1
            $0.leaseClock = .caller
            $0.connections = connections
        }
    }

    func store(_ database: String, _ change: (inout PostgresStore.Configuration) -> Void = { _ in }) async throws -> PostgresStore {
        var configuration = PostgresStore.Configuration(address: try DatabaseAddress(url(database)), connections: 3)
        change(&configuration)
        return try await PostgresStore.open(configuration)
    }
}
