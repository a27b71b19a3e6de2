import ArgumentParser
import Foundation
import GuardianCore
import GuardianHTTP
import GuardianPrivacy
import GuardianRuntime
import GuardianSQLite

struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put failed operations back into the queue, at their old place.", discussion: "Example: guardian retry --all-failed")
    @OptionGroup var options: StoreOptions
    @Argument(help: "The id of one that failed.") var id: String?
    @Flag(help: "Every failed operation, oldest first.") var allFailed = false
    @Option(help: "So many a second, such as 50 or 50/s; all at once without it.") var rate: String?

    func run() async throws {
        guard (id != nil) != allFailed else { throw Failure(.usage, "give an ID, or --all-failed") }
        if let rate {
            let number = rate.hasSuffix("/s") ? String(rate.dropLast(2)) : rate
            guard allFailed, let perSecond = Double(number), (0.001...1e6).contains(perSecond) else {
                throw Failure(.usage, "--rate: must be from 0.001 to 1000000 operations a second, with --all-failed")
            }
            return try await retryPaced(perSecond)
        }
        let one = try id.map { try operationID($0) }
        let store = try await options.existingStore()
        let count = try await store.retry(one.map { [$0] }, now: SystemClock().now.wall)
        if let one, count == 0 {
            guard let found = try await store.operation(one) else { throw SyncError.notFound(id: one.description) }
            throw Failure(.refused, "operation \(one) is \(found.status.name), not failed; see guardian explain \(one)")
        }
        Terminal.say(options.json ? "{\"retried\":\(count)}" : "\(count) put back")
    }

    /// Those that are failed now, a few at a time; one that fails again meanwhile is not taken twice.
    private func retryPaced(_ perSecond: Double) async throws {
        let store = try await options.existingStore()
        let set = try await FrozenFailed(store)
        let total = Int(set.count)
        var search = set.search
        search.includesPayload = false
        search.limit = min(max(1, Int(perSecond / 10)), OperationFilter.longestPage)
        let start = ContinuousClock.now
        var (taken, done) = (0, 0)
        repeat {
            let page = try await store.search(search)
            if !page.operations.isEmpty { done += try await store.retry(page.operations.map(\.id), now: SystemClock().now.wall) }
            taken += page.operations.count
            search.cursor = page.next
            if Terminal.errorIsTerminal { Terminal.write("\r\(taken) of \(total) put back", to: .standardError) }
            let due = start + .seconds(Double(taken) / perSecond)
            if search.cursor != nil { try await Task.sleep(until: due, clock: .continuous) }
        } while search.cursor != nil
        if Terminal.errorIsTerminal { Terminal.write("\n", to: .standardError) }
        Terminal.say(options.json ? "{\"retried\":\(done)}" : "\(done) put back")
    }
}

struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take an operation out of the queue; says whether it may have been sent.", discussion: "Example: guardian cancel ID --yes"
    )
    @OptionGroup var options: StoreOptions
    @Argument(help: "The operation's id.") var id: String
    @Flag(help: "Don't ask before it is taken out.") var yes = false

    func run() async throws {
        let id = try operationID(id)
        let store = try await options.existingStore()
        guard let before = try await store.operation(id) else { throw SyncError.notFound(id: id.description) }
        try Terminal.confirm("Cancel operation \(id)? It will not be delivered.", yes: yes)
        let answer = try await store.cancel(id, now: SystemClock().now.wall)
        switch answer {
        case .notFound: throw SyncError.notFound(id: id.description)
        case .inFlight: throw Failure(.refused, "operation \(id) is on the wire now; ask again when it has settled")
        case .neverSent: Terminal.say(options.json ? "{\"cancelled\":\"\(answer.rawValue)\"}" : answer.rawValue)
        case .mayHaveApplied:
            let undo = before.undo()?.json
            let object: JSONValue = ["cancelled": .string(answer.rawValue), "undo": undo ?? .null]
            let advice = undo.map { "this would take it back: \($0.text)" } ?? "what would take it back is not known, or its user's to send"
            Terminal.say(options.json ? object.text : "\(answer.rawValue); \(advice)")
        }
    }
}

struct ClearFailed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove all failed operations for good.", discussion: "Example: guardian clear-failed --yes")
    @OptionGroup var options: StoreOptions
    @Flag(help: "Don't ask before they are removed.") var yes = false

    func run() async throws {
        let store = try await options.existingStore()
        let set = try await FrozenFailed(store)
        try Terminal.confirm("Remove \(set.count) failed operations (numbers up to \(set.through)) for good?", yes: yes)
        let now = try await set.countNow(store)
        guard yes || now == set.count else {
            throw Failure(.refused, "\(now) operations of this set have failed now, not \(set.count): look again; nothing was removed")
        }
        // Whoever was not asked means all that has failed, whatever the clocks said when it did.
        let count = try await store.clearFailed(through: set.through, asOf: yes ? nil : set.asOf)
        Terminal.say(options.json ? "{\"cleared\":\(count)}" : "\(count) removed")
    }
}

/// What has failed when a person is asked about it: nothing that is enqueued, or fails, later joins it.
struct FrozenFailed {
    /// The greatest number that is in it.
    let through: Int64
    let asOf: Timestamp
    let count: Int64

    init(_ store: any OpenedStore) async throws {
        through = try await store.newestSeq()
        asOf = SystemClock().now.wall
        count = try await store.count(Self.search(through, asOf))
    }

    var search: OperationSearch { Self.search(through, asOf) }

    func countNow(_ store: any OpenedStore) async throws -> Int64 { try await store.count(Self.search(through, asOf)) }

    private static func search(_ through: Int64, _ asOf: Timestamp) -> OperationSearch {
        var search = OperationSearch(status: .failed)
        search.through = through
        search.asOf = asOf
        return search
    }
}

struct PauseDelivery: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop delivery, for every processor of the store, until resumed.",
        discussion: "Example: guardian pause")
    @OptionGroup var options: StoreOptions

    func run() async throws {
        try await options.existingStore().setPause(.operator, to: true)
        Terminal.say(options.json ? "{\"paused\":true}" : "paused")
    }
}

struct ResumeDelivery: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on after a pause, whatever its reason.", discussion: "Example: guardian resume")
    @OptionGroup var options: StoreOptions

    func run() async throws {
        let store = try await options.existingStore()
        for pause in Pause.allCases { try await store.setPause(pause, to: false) }
        Terminal.say(options.json ? "{\"paused\":false}" : "resumed")
    }
}

struct Lock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at the processing lock, or take it from its holder.", discussion: "Example: guardian lock status",
        subcommands: [State.self, Release.self])

    struct State: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Say who delivers.", discussion: "Example: guardian lock status")
        @OptionGroup var options: StoreOptions

        func run() async throws {
            try await options.look { Terminal.say(words(of: try await $0.processors())) }
        }

        private func words(of holders: [LockState]) -> String {
            guard options.json else {
                let lines = holders.map { "held by \($0.fence.owner), epoch \($0.fence.epoch), heartbeat \($0.heartbeatAt)" }
                return lines.isEmpty ? "free" : lines.joined(separator: "\n")
            }
            let all = holders.map { holder -> JSONValue in
                [
                    "owner": .string(holder.fence.owner), "epoch": JSONValue(holder.fence.epoch),
                    "heartbeat_at": .string(holder.heartbeatAt.rfc3339),
                ]
            }
            var members = [JSONValue.Member("held", .bool(!all.isEmpty))]
            members += all.first?.members ?? []
            members.append(JSONValue.Member("processors", .array(all)))
            return JSONValue.object(members).text
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Raise the epoch, so that the holder's writes are refused from now on.",
            discussion: """
                Example: guardian lock release --yes

                Where several processors share a PostgreSQL, it fences off all of them. Without --yes it \
                takes the lock from those that it has named, and not from who has come since.
                """)
        @OptionGroup var options: StoreOptions
        @Flag(help: "Don't ask before it is taken from its holder.") var yes = false

        func run() async throws {
            let store = try await options.existingStore()
            let holders = try await store.processors()
            let whom = holders.isEmpty ? "its holder" : Self.words(of: holders)
            try Terminal.confirm("Take the lock from \(whom)? Requests on the wire may be repeated, with the same key.", yes: yes)
            let epoch: Int64? = yes ? nil : (holders.map(\.fence.epoch).max() ?? 0)
            let taken: [LockState]
            do throws(StoreError) { taken = try await store.forceReleaseLock(through: epoch) } catch {
                guard error == .stale else { throw error }
                throw Failure(.refused, "another processor has taken the lock since; look again: guardian lock status")
            }
            let answer = "{\"released\":\(!taken.isEmpty),\"processors\":\(taken.count)}"
            Terminal.say(options.json ? answer : taken.isEmpty ? "it was free" : "taken from \(Self.words(of: taken))")
        }

        /// Processors that are named at most.
        private static let most = 20

        /// One by its owner; several with their number.
        private static func words(of holders: [LockState]) -> String {
            let named = holders.prefix(most).map(\.fence.owner).joined(separator: ", ")
            let rest = holders.count > most ? " and \(holders.count - most) more" : ""
            return holders.count == 1 ? named : "\(holders.count) processors: \(named)\(rest)"
        }
    }
}

struct RebuildIndex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild-index", abstract: "Compute lines and heads anew from the operations.",
        discussion: "Example: guardian rebuild-index")
    @OptionGroup var options: StoreOptions

    func run() async throws {
        let count = try await options.existingStore().rebuildIndex(ordering: nil)
        Terminal.say(options.json ? "{\"changed\":\(count)}" : "\(count) rows were wrong and are mended")
    }
}

struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check or print the configuration.", discussion: "Example: guardian config check --config guardian.yaml",
        subcommands: [Print.self, Verify.self])

    struct Print: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every key, its value, and where it came from.", discussion: "Example: guardian config print --config guardian.yaml")
        @OptionGroup var options: StoreOptions

        func run() async throws {
            let lines = try options.checkedSettings().lines
            guard options.json else { return lines.forEach { Terminal.say("\($0.key) = \($0.value)  (\($0.source))") } }
            let settings = lines.map { line -> JSONValue in
                ["key": .string(line.key), "value": .string(line.value), "source": .string(line.source)]
            }
            Terminal.say(JSONValue.object([.init("settings", .array(settings))]).text)
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Say whether the configuration can be used, and everything that is wrong with it.",
            discussion: """
                One line on standard error for each thing: its key, what it must be, and what it is. With --json they are listed on \
                standard output too, as {"ok", "errors": [{"field", "message"}]}.
                Example: guardian config check --config guardian.yaml
                Exit codes: 0 it can be used, 2 it can't.
                """)
        @OptionGroup var options: StoreOptions

        func run() async throws {
            let defects = options.defects()
            guard let last = defects.last else {
                // As serve begins.
                _ = try Daemon(try options.checkedSettings())
                return Terminal.say(options.json ? "{\"ok\":true,\"errors\":[]}" : "the configuration can be used")
            }
            if options.json {
                let errors = defects.map { defect -> JSONValue in
                    ["field": .string(defect.key), "message": .string(Redactor.standard.redact(defect.message))]
                }
                Terminal.say(JSONValue.object([.init("ok", false), .init("errors", .array(errors))]).text)
            }
            for defect in defects.dropLast() { Terminal.complain(defect.description) }
            throw Failure(.usage, last.description)
        }
    }
}
