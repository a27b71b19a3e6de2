import ArgumentParser
import GuardianCore
import GuardianPrivacy
import GuardianRuntime

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write stored operations to a file, redacted.",
        discussion: """
            Examples:
              guardian export --out ops.csv --format csv --failed-only
              guardian export --out - --format ndjson --include-payload --since 24h | jq .
            The file appears whole or not at all; an old one of that name is replaced, a device or a pipe is written to as it is. \
            Payloads are redacted too. All operations are shown as they stood at one instant. A reader that pauses holds nothing up in \
            the store: what it has not read yet waits in memory, then in a temporary file (SQLITE_TMPDIR, TMPDIR, /var/tmp, /tmp).
            Exit codes: 0 written, 1 the file can't be written, 2 usage, 4 store unavailable, 5 the file is guardian's own or a database.
            """)
    @OptionGroup var options: StoreOptions
    @Option(help: "The file, or - for standard output.") var out: String
    @Option(help: "csv, json or ndjson; by default what the file's name ends with, or csv.") var format: String?
    @Flag(help: "Only operations that were given up on.") var failedOnly = false
    @Flag(help: "Payloads too, redacted.") var includePayload = false
    @Option(help: "Only those enqueued since: RFC 3339, a date, or so long ago, such as 90s, 24h or 7d.") var since: String?
    @Option(help: "Only those enqueued before this; the same forms as --since.") var until: String?
    @Option(help: "pending, processing or failed.") var status: String?
    @Option(help: "Only operations of that kind, such as create.") var operation: String?
    @Option(help: "Only operations on entities of that type, such as room.") var entityType: String?
    @Option(help: "Only operations on entities with that id.") var entityID: String?

    func run() async throws {
        let now = SystemClock().now.wall
        let format = try chosenFormat()
        let filter = try filter(now)
        if out != "-" { try options.checkNotOwn(out, flag: "--out") }
        let store = try await options.existingStore()
        // Before there is anything to leave behind. What is written to as it is leaves nothing, and a pipe that nobody reads from keeps
        // this process where it could not answer a signal: such a one ends it by itself.
        let endings = ExportFile.isStream(out) ? nil : await Launch.endings()
        let file = try ExportFile(out, spools: true)
        let part = file.part
        let run = ExportRun(
            ExportWriter(format: format, includingPayload: includePayload, exportedAt: now), to: file)
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let endings { group.addTask { await Launch.end(on: endings, without: part.map { [$0] } ?? []) } }
            defer { group.cancelAll() }
            do {
                try await store.export(filter, includingPayload: includePayload, to: run)
                try run.finish()
            } catch {
                file.discard()
                throw error
            }
        }
        guard out != "-" else { return }
        let answer: JSONValue = ["file": .string(out), "format": .string(format.rawValue), "exported": JSONValue(run.count)]
        Terminal.say(options.json ? answer.text : "\(run.count) operations written to \(out)")
    }

    private func chosenFormat() throws -> ExportFormat {
        let ending = out.split(separator: ".").last.map { $0.lowercased() } ?? ""
        guard let format else { return ending == "jsonl" ? .ndjson : ExportFormat(rawValue: ending) ?? .csv }
        guard let known = ExportFormat(rawValue: format) else { throw Failure(.usage, "--format: must be csv, json or ndjson") }
        return known
    }

    private func filter(_ now: Timestamp) throws -> OperationFilter {
        var filter = OperationFilter()
        if let status {
            guard let known = Operation.Status(name: status) else {
                throw Failure(.usage, "--status: must be pending, processing or failed")
            }
            filter.status = known
        }
        if failedOnly {
            guard filter.status ?? .failed == .failed else {
                throw Failure(.usage, "--failed-only and --status \(status ?? "") exclude each other")
            }
            filter.status = .failed
        }
        filter.operationType = operation
        filter.entityType = entityType
        filter.entityID = entityID
        filter.since = try since.map { try pointInTime($0, "--since", .past, of: now) }
        filter.until = try until.map { try pointInTime($0, "--until", .past, of: now) }
        return filter
    }
}

/// Takes operations from the store and writes them. The store calls from one thread at a time, so what it keeps needs no lock.
private final class ExportRun: OperationReader, @unchecked Sendable {
    private static let pieceSize = 256 << 10

    private var writer: ExportWriter
    private let file: ExportFile
    private let progress = ProgressBar()
    private var total = 0
    private var piece: [UInt8] = []
    private var failure: (any Error)?
    private(set) var count = 0

    init(_ writer: ExportWriter, to file: ExportFile) {
        self.writer = writer
        self.file = file
    }

    func begin(count: Int) {
        total = count
        writer.begin(total: count)
    }

    func take(_ operation: Operation) -> Bool {
        writer.append(operation)
        count += 1
        guard writer.waiting >= Self.pieceSize else { return true }
        do { try flush() } catch { failure = error }
        progress.show("exported", done: count, of: total)
        return failure == nil
    }

    func finish() throws {
        if let failure { throw failure }
        writer.finish()
        try flush()
        try file.commit()
        progress.clear()
    }

    private func flush() throws {
        writer.drain(into: &piece)
        try file.write(piece)
        piece.removeAll(keepingCapacity: true)
    }
}
