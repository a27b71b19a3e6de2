import ArgumentParser
import Foundation
import GuardianCore
import GuardianHTTP
import GuardianRuntime
import GuardianSQLite

struct Enqueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put operations into the queue: one from flags, many as NDJSON.",
        discussion: """
            Examples:
              guardian enqueue --operation update --entity-type room --entity-id r1 --payload '{"temperature":21}'
              guardian enqueue --from-file operations.ndjson
            """)

    @OptionGroup var options: StoreOptions
    @Option(help: "NDJSON file, or - for standard input.") var fromFile: String?
    @Option(help: "create, update, delete or a word of your own.") var operation: String?
    @Option var entityType: String?
    @Option var entityID: String?
    @Option(help: "Operations that share it are delivered one at a time, in order; the entity's own without it.") var orderingKey: String?
    @Option(help: "A JSON object.") var payload: String?
    @Option(help: "An id of your own: enqueuing it again adds nothing.") var id: String?
    @Option(help: "Above 0 goes first.") var priority = 0

    /// Lines in one transaction.
    static let chunk = 1000

    func run() async throws {
        let assembly = Assembly(try options.settings())
        let store = try await assembly.openStore()
        defer { do { try store.shut() } catch {} }
        if let warning = try await assembly.sealingWarning(of: store) { Terminal.complain(warning) }
        let (engine, transport) = try await assembly.engine(store: store)
        if let fromFile {
            try await enqueueLines(fromFile, engine)
        } else {
            guard let operation, let entityType, let entityID else {
                throw Failure(.usage, "give --operation, --entity-type and --entity-id, or --from-file")
            }
            let new = NewOperation(
                operation, entityType: entityType, entityID: entityID, payload: payload, id: id, orderingKey: orderingKey,
                priority: priority)
            let receipt = try await engine.enqueue(new)
            Terminal.say(options.json ? receipt.json.text : "\(receipt.outcome.rawValue) \(receipt.id) (seq \(receipt.seq))")
        }
        await transport.shutdown()
    }

    private func enqueueLines(_ file: String, _ engine: SyncEngine) async throws {
        guard let input = file == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: file) else {
            throw Failure(.usage, "--from-file: \(file) can't be read")
        }
        var waiting: [NewOperation] = []
        var done = 0
        var duplicates = 0
        func flush() async throws {
            let receipts = try await engine.enqueue(waiting)
            done += receipts.count
            duplicates += receipts.count { $0.outcome == .duplicate }
            waiting = []
            if Terminal.errorIsTerminal { Terminal.write("\r\(done) operations on disk", to: .standardError) }
        }
        var lines = LineReader(input)
        while let (number, bytes) = try lines.next() {
            do throws(SyncError) {
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw .validation(field: "line", constraint: "is not valid UTF-8")
                }
                if text.allSatisfy(\.isWhitespace) { continue }
                let operation = try NewOperation(jsonText: text)
                _ = try engine.admit([operation])
                waiting.append(operation)
            } catch {
                try await flush()
                throw Failure(.failed, "line \(number): \(error) — the \(done) operations before it are kept")
            }
            if waiting.count == Self.chunk { try await flush() }
        }
        try await flush()
        if Terminal.errorIsTerminal { Terminal.write("\n", to: .standardError) }
        let answer: JSONValue = ["accepted": JSONValue(done - duplicates), "duplicates": JSONValue(duplicates)]
        Terminal.say(options.json ? answer.text : "\(done - duplicates) accepted, \(duplicates) duplicates")
    }
}

/// Reads lines without holding the file; a line has 16 MiB at most.
struct LineReader {
    static let longest = 16 << 20

    private let file: FileHandle
    private var buffer: [UInt8] = []
    private var start = 0
    private var number = 0
    private var isAtEnd = false

    init(_ file: FileHandle) { self.file = file }

    /// The next line and its number, from 1.
    mutating func next() throws -> (Int, [UInt8])? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                number += 1
                return (number, Array(buffer[start..<end]))
            }
            if isAtEnd {
                guard start < buffer.count else { return nil }
                defer { start = buffer.count }
                number += 1
                return (number, Array(buffer[start...]))
            }
            buffer.removeFirst(start)
            start = 0
            guard buffer.count <= Self.longest else { throw Failure(.failed, "line \(number + 1): is longer than \(Self.longest) bytes") }
            searched = buffer.count
            let more = try file.read(upToCount: 1 << 16) ?? Data()
            if more.isEmpty { isAtEnd = true } else { buffer.append(contentsOf: more) }
        }
    }
}
