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
            sidecar of this data directory has saved, twice a minute. A store that can't be written, as on a read-only volume, is looked \
            at too; list, show, explain, check and lock status do so as well.
            Example: guardian status --data-dir ./guardian-data
            """)
    @OptionGroup var options: StoreOptions

    func run() async throws { try await options.look { try await say($0) } }

    private func say(_ store: any OpenedStore) async throws {
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
        var search = OperationSearch()
        if let status {
            guard let known = Operation.Status(name: status) else {
                throw Failure(.usage, "--status: must be pending, processing or failed")
            }
            search.status = known
        }
        search.entityType = entityType
        search.entityID = entityID
        search.cursor = after
        // Nobody reads a payload that is not printed.
        search.includesPayload = options.json
        try await options.look { [search] in try await list(search, $0) }
    }

    private func list(_ search: OperationSearch, _ store: any OpenedStore) async throws {
        var search = search
        var (left, last, opening) = (limit, after, "[")
        // A page of a search is bounded in what it carries, so that a thousand large operations are never held at once.
        repeat {
            search.limit = left
            let page = try await store.search(search)
            for operation in page.operations {
                guard options.json else {
                    Terminal.say(Self.line(operation))
                    continue
                }
                Terminal.sayPart(opening + operation.json().text)
                opening = ","
            }
            left -= page.operations.count
            last = page.operations.last?.seq ?? last
            search.cursor = page.next
        } while left > 0 && search.cursor != nil
        if options.json { Terminal.say(opening == "[" ? "[]" : "]") }
        if try await Self.hasMore(search, store) { Terminal.complain("there are more: --after \(last)") }
    }

    private static func line(_ operation: Operation) -> String {
        let trouble = operation.lastError.map { "  \($0.class.rawValue): \($0.code)" } ?? ""
        let what = "\(operation.status.name)  \(operation.type) \(operation.entity.orderingKey)"
        return "\(operation.seq)  \(operation.id)  \(what)  tries \(operation.tries)\(trouble)".printableLine
    }

    /// Whether anything fits behind the last page.
    private static func hasMore(_ search: OperationSearch, _ store: any OpenedStore) async throws -> Bool {
        var search = search
        (search.limit, search.includesPayload) = (1, false)
        while search.cursor != nil {
            let page = try await store.search(search)
            if !page.operations.isEmpty { return true }
            search.cursor = page.next
        }
        return false
    }
}

struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one stored operation.", discussion: "Example: guardian show 0192f7c4-…")
    @OptionGroup var options: StoreOptions
    @Argument(help: "The operation's id.") var id: String

    func run() async throws { try await options.look { try await show($0) } }

    private func show(_ store: any OpenedStore) async throws {
        guard let found = try await store.operation(try operationID(id)) else { throw SyncError.notFound(id: id) }
        if options.json { return Terminal.say(found.json().text) }
        for member in found.json().members ?? [] {
            Terminal.say("\(member.name): \(member.value.string ?? member.value.text)".printableLine)
        }
    }
}
