import ArgumentParser
import Foundation
import GuardianCore
import GuardianHTTP
import GuardianRuntime
import GuardianSQLite

struct Archive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Move failed operations that nobody has touched for long out of the store, into a file; or bring them back.",
        discussion: """
            One operation a line, as JSON with its payload and last error, in a file of mode 0600 that is on disk before anything leaves \
            the store; they count as cleared. --restore enqueues them again, under their ids and keys; one that was sent may have been \
            applied, and is looked up first when the upstream may have forgotten its key. A line that can't be read, or has more than \
            16 MiB, is left out (exit code 1); the first hundred of them are named.
            Examples:
              guardian archive --older-than 30d --out failed-2026-01.ndjson --yes
              guardian archive --restore failed-2026-01.ndjson
            """)
    @OptionGroup var options: StoreOptions
    @Option(help: "Failed and untouched for at least so long, such as 24h or 30d, or since before a date.") var olderThan = "30d"
    @Option(help: "The file to write; what it holds already stays.") var out: String?
    @Option(help: "A file that was written so, to enqueue again.") var restore: String?
    @Flag(help: "Do not ask.") var yes = false

    func run() async throws {
        if let restore {
            guard out == nil else { throw Failure(.usage, "give --out or --restore, not both") }
            return try await bringBack(restore)
        }
        guard let out else { throw Failure(.usage, "give --out FILE, or --restore FILE") }
        guard out != "-" else {
            throw Failure(.usage, "--out: an archive is a file, which is on disk before anything leaves the store; give its path")
        }
        let before = try pointInTime(olderThan, "--older-than", .past, of: SystemClock().now.wall)
        try options.checkNotOwn(out, flag: "--out")
        let store = try await options.existingFile()
        try Terminal.confirm("Move failed operations last touched before \(before) to \(out)?", yes: yes)
        let file = try ArchiveFile(path: out)
        defer { file.removeIfEmpty() }
        var total = 0
        while true {
            let count = try await store.archiveFailed(before: before) { try file.append($0) }
            total += count
            if count == 0 { break }
        }
        try store.close()
        Terminal.say(options.json ? "{\"archived\":\(total)}" : total == 0 ? "nothing to move" : "\(total) moved to \(out)")
    }

    /// Lines that can't be read and are named each, at most.
    private static let mostNamed = 100

    private func bringBack(_ path: String) async throws {
        var reader = try LineReader(path, flag: "--restore")
        let assembly = Assembly(try options.settings())
        let store = try await options.existingFile()
        let (engine, transport) = try await assembly.engine(store: store)
        var (accepted, known, unreadable) = (0, 0, 0)
        while let (number, bytes) = try reader.next() {
            do throws(SyncError) {
                guard let bytes else { throw LineReader.tooLong }
                guard let operation = try Self.operation(bytes, engine) else { continue }
                let receipt = try await Self.enqueue(operation, store)
                if receipt.outcome == .duplicate { known += 1 } else { accepted += 1 }
            } catch {
                guard case .validation = error else {
                    throw Failure(.failed, "line \(number): \(error) — the \(accepted) operations before it are kept")
                }
                unreadable += 1
                if unreadable <= Self.mostNamed { Terminal.complain("line \(number) can't be read: \(error)") }
            }
        }
        if unreadable > Self.mostNamed { Terminal.complain("and \(unreadable - Self.mostNamed) more can't be read") }
        engine.wake()
        await transport.shutdown()
        try store.close()
        let answer: JSONValue = ["restored": JSONValue(accepted), "known": JSONValue(known), "unreadable": JSONValue(unreadable)]
        Terminal.report(options.json ? answer.text : "\(accepted) brought back, \(known) were there already")
        guard unreadable == 0 else {
            throw Failure(.failed, "\(unreadable) line(s) of \(path) can't be read; mend them and run it again, which adds nothing twice")
        }
    }

    private static func enqueue(_ operation: GuardianCore.Operation, _ store: SQLiteStore) async throws(SyncError) -> Receipt {
        do throws(StoreError) { return try await store.enqueueArchived(operation) } catch { throw .store(error) }
    }

    private static let kept = [
        "id", "idempotency_key", "trace_id", "operation_type", "entity_type", "entity_id", "ordering_key", "payload", "base", "txn_token",
        "priority", "schema_version",
    ]

    /// The operation of one line: under its id, key and trace, its principal as it was stored. nil for a blank line.
    private static func operation(_ bytes: [UInt8], _ engine: SyncEngine) throws(SyncError) -> GuardianCore.Operation? {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .validation(field: "line", constraint: "is not valid UTF-8")
        }
        if text.allSatisfy(\.isWhitespace) { return nil }
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: text) } catch {
            throw .validation(field: "operation", constraint: "\(error.constraint) (at byte \(error.offset))")
        }
        let entity = EntityKey(type: json["entity_type"]?.string ?? "", id: json["entity_id"]?.string ?? "")
        let inward = JSONValue.object(
            (json.members ?? []).filter { kept.contains($0.name) && ($0.name != "ordering_key" || $0.value.string != entity.orderingKey) })
        var operation = try engine.admit([try NewOperation(json: inward)])[0]
        operation.principal = json["principal"]?.string
        operation.lastAttemptAt = try lastAttempt(json)
        return operation
    }

    private static func lastAttempt(_ json: JSONValue) throws(SyncError) -> Timestamp? {
        guard let value = json["last_attempt_at"] else { return nil }
        guard let time = value.string.flatMap({ Timestamp(rfc3339: $0) }) else {
            throw .validation(field: "last_attempt_at", constraint: "must be an RFC 3339 time such as 2026-01-31T09:05:00Z")
        }
        return time
    }
}

/// Whole lines in a file that nobody else may read, on disk when `append` returns.
private final class ArchiveFile {
    private let path: String
    private let handle: FileHandle
    /// Whether it was not there before.
    private let isNew: Bool
    /// Where the next line begins.
    private var end: UInt64 = 0

    init(path: String) throws {
        try ExportFile.check(path, flag: "--out")
        isNew = access(path, F_OK) != 0
        // A link is followed, also to what is not there yet, where the system lets it be.
        let descriptor = open(path, O_RDWR | O_CREAT | O_NOCTTY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure(.failed, "--out: \(path) can't be written: \(String(cString: strerror(errno)))")
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        self.path = path
        try checkKind()
        try keepPrivate()
        if isNew { ExportFile.syncDirectory(of: ExportFile.destination(of: path)) }
        end = try handle.seekToEnd()
        try endLastLine()
    }

    /// Leaves no file where there was none, when nothing has come into it.
    func removeIfEmpty() {
        var info = stat()
        guard isNew, fstat(handle.fileDescriptor, &info) == 0, info.st_size == 0 else { return }
        unlink(ExportFile.destination(of: path))
    }

    /// Refuses what lines can't be added to, before anything of it is changed. An archive begins with the brace of its first line.
    private func checkKind() throws {
        var info = stat()
        guard fstat(handle.fileDescriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            throw Failure(.usage, "--out: \(path) is no regular file; name one")
        }
        var first: UInt8 = 0
        guard pread(handle.fileDescriptor, &first, 1, 0) != 1 || first == UInt8(ascii: "{") else {
            throw Failure(.refused, "--out: \(path) is no archive, and is never written over; name another file")
        }
    }

    private func keepPrivate() throws {
        var info = stat()
        guard fstat(handle.fileDescriptor, &info) == 0 else { throw Failure(.failed, "\(path) can't be looked at") }
        guard info.st_mode & 0o077 == 0 || fchmod(handle.fileDescriptor, 0o600) == 0 else {
            throw Failure(.failed, "others may read \(path), and its mode can't be changed: \(String(cString: strerror(errno)))")
        }
    }

    /// What a process has left torn becomes a line of its own, which --restore names.
    private func endLastLine() throws {
        guard end > 0 else { return }
        try handle.seek(toOffset: end - 1)
        guard try handle.read(upToCount: 1) != Data("\n".utf8) else { return }
        try write(Data("\n".utf8))
    }

    func append(_ operations: [GuardianCore.Operation]) throws {
        try write(Data(operations.map { $0.json().text + "\n" }.joined().utf8))
    }

    private func write(_ data: Data) throws {
        do {
            try handle.write(contentsOf: data)
            try handle.synchronize()
        } catch {
            // Half a line would spoil the one that comes behind it. Should this fail too, the next run ends it.
            do { try handle.truncate(atOffset: end) } catch {}
            throw Failure(.failed, "\(path) can't be written, and what was to go there stays in the store: \(ErrorWords.of(error))")
        }
        end += UInt64(data.count)
    }
}
