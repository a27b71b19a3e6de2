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
              guardian enqueue --operation update --entity-type room --entity-id r1 \\
                --payload '{"temperature":21}'
              guardian enqueue --from-file operations.ndjson
            """)

    @OptionGroup var options: StoreOptions
    @Option(help: "NDJSON file, or - for standard input.") var fromFile: String?
    @Option(help: "create, update, delete or a word of your own.") var operation: String?
    @Option(help: "What kind of thing it changes, such as room.") var entityType: String?
    @Option(help: "Which one of that kind.") var entityID: String?
    @Option(help: "Operations that share it are delivered one at a time, in order; the entity's own without it.") var orderingKey: String?
    @Option(help: "A JSON object.") var payload: String?
    @Option(help: "A JSON object: the entity as it was before, for a merge.") var base: String?
    @Option(help: "An id of your own: enqueuing it again adds nothing.") var id: String?
    @Option(help: "-100 to 100; above 0 goes first.") var priority: Int?
    @Option(help: "Not sent before: RFC 3339, a date, or so long from now, such as 10m or 1d.") var notBefore: String?
    @Option(help: "Not sent after this; the same forms as --not-before.") var expiresAt: String?
    @Option(help: "Ties it to an optimistic change of your app's.") var txnToken: String?
    @Option(help: "Whose it is: it goes out with that user's token only.") var principal: String?
    @Option(help: "The payload's version; 1 without it.") var schemaVersion: Int?

    /// Lines in one transaction.
    static let chunk = 1000

    private enum Source {
        case one(NewOperation)
        case lines(LineReader)
    }

    func run() async throws {
        // A slip in a variable's name would put what is accepted where nobody delivers it from.
        let assembly = Assembly(try options.checkedSettings(bearsOthers: true))
        let source = try chosenSource(within: assembly.limits)
        let isNew = assembly.isStoredInFile && !FileManager.default.fileExists(atPath: assembly.storePath)
        let store = try await assembly.openStore()
        defer { do { try store.shut() } catch {} }
        if isNew { Terminal.complain("a new store was made: \(assembly.storePath)") }
        if let warning = try await assembly.sealingWarning(of: store) { Terminal.complain(warning) }
        let (engine, transport) = try await assembly.engine(store: store)
        switch source {
        case .lines(let lines): try await enqueue(lines, engine)
        case .one(let operation):
            let receipt = try await engine.enqueue(operation)
            Terminal.say(options.json ? receipt.json.text : "\(receipt.outcome.rawValue) \(receipt.id) (seq \(receipt.seq))")
        }
        await transport.shutdown()
    }

    /// What is to be enqueued, checked as far as it can be before a store is opened or made.
    private func chosenSource(within limits: Limits) throws -> Source {
        if let fromFile {
            if let flag = flags.first(where: { $0.isGiven })?.name {
                throw Failure(.usage, "\(flag): is for one operation; with --from-file each line says its own")
            }
            return .lines(try LineReader(fromFile, flag: "--from-file"))
        }
        guard let operation, let entityType, let entityID else {
            throw Failure(.usage, "give --operation, --entity-type and --entity-id, or --from-file")
        }
        let now = SystemClock().now.wall
        let new = NewOperation(
            operation, entityType: entityType, entityID: entityID, payload: payload, id: id, orderingKey: orderingKey, base: base,
            txnToken: txnToken, priority: priority ?? 0,
            notBefore: try notBefore.map { try pointInTime($0, "--not-before", .future, of: now) },
            expiresAt: try expiresAt.map { try pointInTime($0, "--expires-at", .future, of: now) }, principal: principal,
            schemaVersion: schemaVersion ?? 1)
        var random = Xoshiro256.fromSystem()
        do throws(SyncError) { _ = try Admission(limits: limits, principalHash: { $0 }).admit(new, at: now, random: &random) } catch {
            guard case .validation(let field, let constraint) = error else { throw error }
            let flag = field == "operation_type" ? "operation" : field.replacing("_", with: "-")
            throw Failure(.usage, "--\(flag): \(constraint)")
        }
        return .one(new)
    }

    /// Those that describe one operation.
    private var flags: [(name: String, isGiven: Bool)] {
        [
            ("--operation", operation != nil), ("--entity-type", entityType != nil), ("--entity-id", entityID != nil),
            ("--ordering-key", orderingKey != nil), ("--payload", payload != nil), ("--base", base != nil), ("--id", id != nil),
            ("--priority", priority != nil), ("--not-before", notBefore != nil), ("--expires-at", expiresAt != nil),
            ("--txn-token", txnToken != nil), ("--principal", principal != nil), ("--schema-version", schemaVersion != nil),
        ]
    }

    private func enqueue(_ source: LineReader, _ engine: SyncEngine) async throws {
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
        var lines = source
        while let (number, bytes) = try lines.next() {
            do throws(SyncError) {
                guard let bytes else { throw LineReader.tooLong }
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw .validation(field: "line", constraint: "is not valid UTF-8")
                }
                if !text.allSatisfy(\.isWhitespace) {
                    let operation = try NewOperation(jsonText: text)
                    _ = try engine.admit([operation])
                    waiting.append(operation)
                }
            } catch {
                try await flush()
                throw Failure(.failed, "line \(number): \(error) — the \(done) operations before it are kept")
            }
            // What has come is not kept waiting for what has not.
            if waiting.count == Self.chunk || (!waiting.isEmpty && lines.wouldWait) { try await flush() }
        }
        try await flush()
        if Terminal.errorIsTerminal { Terminal.write("\n", to: .standardError) }
        let answer: JSONValue = ["accepted": JSONValue(done - duplicates), "duplicates": JSONValue(duplicates)]
        Terminal.say(options.json ? answer.text : "\(done - duplicates) accepted, \(duplicates) duplicates")
    }
}

/// Reads lines without holding the file; a line has 16 MiB at most. `-` is standard input. A byte order mark at the beginning is no part of
/// the first line.
struct LineReader {
    private static let longest = 16 << 20
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// What is wrong with a line that was passed over.
    static let tooLong = SyncError.validation(field: "line", constraint: "is longer than \(longest) bytes")

    private let file: Int32
    private let name: String
    private var buffer: [UInt8] = []
    private var start = 0
    private var number = 0
    private var isAtEnd = false
    /// Whether what comes is the rest of a line that is too long; nothing is held then.
    private var isInLongLine = false

    /// `flag` is named in errors.
    init(_ path: String, flag: String) throws {
        name = "\(flag): \(path)"
        file = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure(.usage, "\(name) can't be read: \(String(cString: strerror(errno)))") }
        var info = stat()
        guard fstat(file, &info) == 0, info.st_mode & S_IFMT == S_IFDIR else { return }
        throw Failure(.usage, "\(name) can't be read: \(String(cString: strerror(EISDIR)))")
    }

    /// The next line and its number, from 1. Of one that is too long there is nothing but its number: the rest of it is passed over by the
    /// next call, so that whoever stops there waits for nothing.
    mutating func next() throws -> (Int, [UInt8]?)? {
        try passOver()
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[start..<end]
                start = end + 1
                return numbered(line)
            }
            if isAtEnd {
                guard start < buffer.count else { return nil }
                let line = buffer[start...]
                start = buffer.count
                return numbered(line)
            }
            buffer.removeFirst(start)
            start = 0
            guard buffer.count <= Self.longest else {
                buffer = []
                isInLongLine = true
                number += 1
                return (number, nil)
            }
            searched = buffer.count
            let more = try piece()
            if more.isEmpty { isAtEnd = true } else { buffer += more }
        }
    }

    private mutating func numbered(_ line: ArraySlice<UInt8>) -> (Int, [UInt8]?) {
        number += 1
        return (number, Array(number == 1 && line.starts(with: Self.byteOrderMark) ? line.dropFirst(Self.byteOrderMark.count) : line))
    }

    private mutating func passOver() throws {
        while isInLongLine {
            let more = try piece()
            let end = more.firstIndex(of: UInt8(ascii: "\n"))
            if let end { buffer = Array(more[(end + 1)...]) }
            isAtEnd = more.isEmpty
            isInLongLine = end == nil && !isAtEnd
        }
    }

    /// Whether ``next()`` would wait for whoever writes: no whole line is held, and nothing can be read now.
    var wouldWait: Bool {
        if isAtEnd || buffer[start...].contains(UInt8(ascii: "\n")) { return false }
        var waiting = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
        return poll(&waiting, 1, 0) == 0
    }

    /// What comes next, empty at the end.
    private func piece() throws -> ArraySlice<UInt8> {
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = piece.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(.failed, "\(name) can't be read: \(String(cString: strerror(errno)))") }
            return piece[..<count]
        }
    }
}
