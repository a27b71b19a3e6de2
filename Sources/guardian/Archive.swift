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
            One operation a line, as JSON with its payload and last error, in a file of mode 0600 that is on disk before
            anything leaves the store; they count as cleared. --restore enqueues them again, under their ids and keys.
            Examples:
              guardian archive --older-than 720h --out failed-2026-01.ndjson --yes
              guardian archive --restore failed-2026-01.ndjson
            """)
    @OptionGroup var options: StoreOptions
    @Option(help: "Failed and untouched for at least so long, such as 24h or 720h.") var olderThan = "720h"
    @Option(help: "The file to write; what it holds already stays.") var out: String?
    @Option(help: "A file that was written so, to enqueue again.") var restore: String?
    @Flag(help: "Do not ask.") var yes = false

    func run() async throws {
        if let restore {
            guard out == nil else { throw Failure(.usage, "give --out or --restore, not both") }
            return try await bringBack(restore)
        }
        guard let out else { throw Failure(.usage, "give --out FILE, or --restore FILE") }
        guard let age = Settings.duration(olderThan) else { throw Failure(.usage, "--older-than: must be a duration such as 24h or 720h") }
        let store = try options.existingStore()
        let before = SystemClock().now.wall.adding(milliseconds: -Int64(age / .milliseconds(1)))
        try Terminal.confirm("Move failed operations last touched before \(before) to \(out)?", yes: yes)
        let file = try ArchiveFile(path: out)
        var total = 0
        while true {
            let count = try await store.archiveFailed(before: before) { try file.append($0) }
            total += count
            if count == 0 { break }
        }
        try store.close()
        Terminal.say(options.json ? "{\"archived\":\(total)}" : "\(total) moved to \(out)")
    }

    private func bringBack(_ path: String) async throws {
        guard let input = FileHandle(forReadingAtPath: path) else { throw Failure(.usage, "--restore: \(path) can't be read") }
        let assembly = Assembly(try options.settings())
        let store = try options.existingStore()
        let (engine, transport) = try await assembly.engine(store: store)
        var reader = LineReader(input)
        var (accepted, known) = (0, 0)
        while let (number, bytes) = try reader.next() {
            let text = String(decoding: bytes, as: UTF8.self)
            if text.allSatisfy(\.isWhitespace) { continue }
            do throws(SyncError) {
                let receipt = try await store.enqueueArchived(text, engine)
                if receipt.outcome == .duplicate { known += 1 } else { accepted += 1 }
            } catch {
                throw Failure(.failed, "line \(number): \(error) — the \(accepted) operations before it are kept")
            }
        }
        engine.wake()
        await transport.shutdown()
        try store.close()
        Terminal.say(
            options.json ? "{\"restored\":\(accepted),\"known\":\(known)}" : "\(accepted) brought back, \(known) were there already")
    }
}

/// Lines that are on disk when `append` returns.
private final class ArchiveFile {
    private let handle: FileHandle

    init(path: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]) else {
                throw Failure(.failed, "\(path) can't be written")
            }
        }
        guard let handle = FileHandle(forWritingAtPath: path) else { throw Failure(.failed, "\(path) can't be written") }
        self.handle = handle
        try handle.seekToEnd()
    }

    func append(_ operations: [GuardianCore.Operation]) throws {
        let text = operations.map { $0.json().text + "\n" }.joined()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.synchronize()
    }
}

extension SQLiteStore {
    /// Enqueues one line of an archive: under its id, key and trace, its principal as it was stored.
    fileprivate func enqueueArchived(_ text: String, _ engine: SyncEngine) async throws(SyncError) -> Receipt {
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: text) } catch {
            throw .validation(field: "operation", constraint: "\(error.constraint) (at byte \(error.offset))")
        }
        let kept = [
            "id", "idempotency_key", "trace_id", "operation_type", "entity_type", "entity_id", "ordering_key", "payload", "base",
            "txn_token", "priority", "schema_version",
        ]
        let entity = EntityKey(type: json["entity_type"]?.string ?? "", id: json["entity_id"]?.string ?? "")
        let inward = JSONValue.object(
            (json.members ?? []).filter { kept.contains($0.name) && ($0.name != "ordering_key" || $0.value.string != entity.orderingKey) })
        var admitted = try engine.admit([try NewOperation(json: inward)])
        admitted[0].principal = json["principal"]?.string
        do { return try await enqueue(admitted)[0] } catch { throw .store(error) }
    }
}
