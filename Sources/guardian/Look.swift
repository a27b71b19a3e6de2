import ArgumentParser
import GuardianCore
import GuardianHTTP
import GuardianRuntime
import GuardianSQLite

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how the queue is doing.", discussion: "Example: guardian status --data-dir ./guardian-data")
    @OptionGroup var options: StoreOptions

    func run() async throws {
        let store = try options.existingStore()
        let (books, control, lock) = (try await store.books(), try await store.loadControl(), try await store.lockState())
        let oldest = try await store.oldestPending()
        let pauses = control.pauses.map(\.rawValue).sorted()
        if options.json {
            let holder: JSONValue = lock.map { ["owner": .string($0.fence.owner), "epoch": JSONValue($0.fence.epoch)] } ?? .null
            let answer: JSONValue = [
                "books": books.json, "pauses": .array(pauses.map { .string($0) }), "lock": holder,
                "oldest_pending": JSONValue(oldest?.rfc3339), "breaker_trips": JSONValue(control.health?.trips ?? 0),
                "plague": control.health?.plagueStatus.map {
                    ["http_status": JSONValue($0), "since": JSONValue(control.health?.plagueSince?.rfc3339)]
                } ?? .null,
            ]
            return Terminal.say(answer.text)
        }
        Terminal.say("pending \(books.pending)  processing \(books.processing)  failed \(books.failed)  processed \(books.processed)")
        if let oldest { Terminal.say("oldest pending since \(oldest)") }
        Terminal.say(
            lock.map { "delivered by \($0.fence.owner), epoch \($0.fence.epoch), heartbeat \($0.heartbeatAt)" } ?? "nobody delivers now")
        if let status = control.health?.plagueStatus {
            Terminal.say("held: the upstream answers \(status) to everything; nothing fails, one probe at a time asks again")
        }
        if !pauses.isEmpty { Terminal.say("paused: \(pauses.joined(separator: ", "))") }
    }
}

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List stored operations.", discussion: "Example: guardian list --status failed --limit 20 --json")
    @OptionGroup var options: StoreOptions
    @Option(help: "pending, processing or failed.") var status: String?
    @Option var entityType: String?
    @Option var entityID: String?
    @Option(help: "1 to 1000.") var limit = 50
    @Option(help: "Only operations after this seq.") var after: Int64 = 0

    func run() async throws {
        var filter = OperationFilter(afterSeq: after, limit: limit)
        if let status {
            guard let known = Operation.Status(name: status) else {
                throw Failure(.usage, "--status: must be pending, processing or failed")
            }
            filter.status = known
        }
        filter.entityType = entityType
        filter.entityID = entityID
        let found = try await options.existingStore().list(filter)
        if options.json { return Terminal.say(JSONValue.array(found.map { $0.json() }).text) }
        for operation in found {
            let trouble = operation.lastError.map { "  \($0.class.rawValue): \($0.code)" } ?? ""
            Terminal.say(
                "\(operation.seq)  \(operation.id)  \(operation.status.name)  \(operation.type) \(operation.entity.orderingKey)  tries \(operation.tries)\(trouble)"
            )
        }
    }
}

struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one stored operation.", discussion: "Example: guardian show 0192f7c4-…")
    @OptionGroup var options: StoreOptions
    @Argument var id: String

    func run() async throws {
        guard let found = try await options.existingStore().operation(try operationID(id)) else { throw SyncError.notFound(id: id) }
        if options.json { return Terminal.say(found.json().text) }
        for member in found.json().members ?? [] { Terminal.say("\(member.name): \(member.value.string ?? member.value.text)") }
    }
}
