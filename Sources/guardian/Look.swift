import ArgumentParser
import GuardianCore
import GuardianHTTP
import GuardianPrivacy
import GuardianRuntime
import GuardianSQLite

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say on one screen how the queue is doing, what holds it up, and what to do.",
        discussion: """
            Reads the store, so it works beside a running sidecar and without one. What is measured (success, latency, alerts) is what the \
            sidecar of this data directory has saved, twice a minute.
            Example: guardian status --data-dir ./guardian-data
            """)
    @OptionGroup var options: StoreOptions

    func run() async throws {
        let store = try await options.existingStore()
        let assembly = Assembly(try options.settings())
        let report = try await assembly.status(of: store)
        guard options.json else { return report.lines(width: Terminal.size.width).forEach { Terminal.say($0) } }
        let (control, lock) = (report.situation.control, report.situation.lock)
        let holder: JSONValue = lock.map { ["owner": .string($0.fence.owner), "epoch": JSONValue($0.fence.epoch)] } ?? .null
        let known: [JSONValue.Member] = [
            .init("books", report.books.json), .init("pauses", .array(control.pauses.map(\.rawValue).sorted().map { .string($0) })),
            .init("lock", holder), .init("oldest_pending", JSONValue(report.oldest?.rfc3339)),
            .init("breaker_trips", JSONValue(control.health?.trips ?? 0)),
            .init(
                "plague",
                control.health?.plagueStatus.map {
                    ["http_status": JSONValue($0), "since": JSONValue(control.health?.plagueSince?.rfc3339)]
                } ?? .null),
            .init("alerts", .array(report.alerts?.alerts.map(\.json) ?? [])), .init("alerts_at", JSONValue(report.alerts?.at.rfc3339)),
        ]
        Terminal.say(JSONValue.object(report.json + known).text)
    }
}

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List stored operations, a page at a time.",
        discussion: """
            Example: guardian list --status failed --limit 20 --json
            Where more follow, the call for the next page is said on standard error.
            """)
    @OptionGroup var options: StoreOptions
    @Option(help: "pending, processing or failed.") var status: String?
    @Option(help: "Only operations on entities of that type, such as room.") var entityType: String?
    @Option(help: "Only operations on entities with that id.") var entityID: String?
    @Option(help: "1 to 1000.") var limit = 50
    @Option(help: "Only operations after this seq.") var after: Int64 = 0

    func run() async throws {
        guard (1...OperationFilter.longestPage).contains(limit) else {
            throw Failure(.usage, "--limit: must be from 1 to \(OperationFilter.longestPage)")
        }
        var filter = OperationFilter(afterSeq: after, limit: limit)
        if let status {
            guard let known = Operation.Status(name: status) else {
                throw Failure(.usage, "--status: must be pending, processing or failed")
            }
            filter.status = known
        }
        filter.entityType = entityType
        filter.entityID = entityID
        let store = try await options.existingStore()
        let found = try await store.list(filter)
        if options.json { Terminal.say(JSONValue.array(found.map { $0.json() }).text) }
        for operation in found where !options.json {
            let trouble = operation.lastError.map { "  \($0.class.rawValue): \($0.code)" } ?? ""
            Terminal.say(
                "\(operation.seq)  \(operation.id)  \(operation.status.name)  \(operation.type) \(operation.entity.orderingKey)  tries \(operation.tries)\(trouble)"
                    .printableLine)
        }
        guard found.count == limit, let last = found.last else { return }
        filter.afterSeq = last.seq
        filter.limit = 1
        if try await !store.list(filter).isEmpty { Terminal.complain("there are more: --after \(last.seq)") }
    }
}

struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one stored operation.", discussion: "Example: guardian show 0192f7c4-…")
    @OptionGroup var options: StoreOptions
    @Argument(help: "The operation's id.") var id: String

    func run() async throws {
        guard let found = try await options.existingStore().operation(try operationID(id)) else { throw SyncError.notFound(id: id) }
        if options.json { return Terminal.say(found.json().text) }
        for member in found.json().members ?? [] {
            Terminal.say("\(member.name): \(member.value.string ?? member.value.text)".printableLine)
        }
    }
}
