import ArgumentParser
import Foundation
import GuardianCore
import GuardianRuntime

struct MigrateStore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate-store",
        abstract: "Move a queue from one store to another: a file to PostgreSQL, or back. Can be broken off and run again.",
        discussion: """
            Stop `guardian serve` on the old store first; nothing is delivered from it meanwhile. Operations keep their ids, keys, \
            attempts, errors and order; what was processed in the last 24 h, local ids, ETags, feeds and how far they were followed, and \
            open changes go along. Each page is on the new store's disk before the old one lets go of it. Exit 2 when both are the same \
            store, 5 when somebody delivers from the old one. env:NAME takes a URL from the environment, where other users can't see \
            its password. From the environment and --config come seal.*, disk.* and redaction.*: a file is sealed under the key that \
            they name, PostgreSQL seals nothing.
            Example: guardian migrate-store --from ./guardian-data --to env:GUARDIAN_STORE
            """)

    @Option(help: "The old store: a data directory, postgresql://…, or env:NAME.") var from: String
    @Option(help: "The new store: a data directory, postgresql://…, or env:NAME.") var to: String
    @Option(help: "entity or strict: how the new store lines up; without it as it does already, or as the old one where it is empty.")
    var ordering: String?
    @Option(help: "The YAML configuration file, for seal.*, disk.* and redaction.*.") var config: String?
    @Flag(help: "Print JSON.") var json = false

    /// Things in one transaction.
    static let page = 500
    private static let beatEveryMs: Int64 = 5000
    private static let staleAfterMs: Int64 = 60_000
    private static let same = "--from and --to are the same store"

    func run() async throws {
        guard from != to else { throw Failure(.usage, Self.same) }
        guard ordering == nil || ordering.flatMap(Ordering.init(rawValue:)) != nil else {
            throw Failure(.usage, "--ordering: must be entity or strict")
        }
        let configured = try Settings(file: config, environment: Launch.environment)
        let old = try await open(from, isOld: true, configured)
        defer { do { try old.shut() } catch {} }
        let clock = SystemClock()
        let owner = UUID().uuidString.lowercased()
        guard
            case .acquired(let fence, _, _) = try await old.acquireLock(owner: owner, now: clock.now.wall, staleAfterMs: Self.staleAfterMs)
        else { throw Failure(.refused, "somebody delivers from the old store; stop `guardian serve` there first") }
        // Made only when there is something to move into it.
        let new: any OpenedStore
        do { new = try await openNew(configured, owner: owner) } catch {
            try await old.releaseLock(fence)
            throw error
        }
        defer { do { try new.shut() } catch {} }
        if let wanted = try await newOrdering(old, new) { _ = try await new.rebuildIndex(ordering: wanted) }
        let moved = try await move(old, new, fence, clock)
        for pause in try await old.loadControl().pauses { try await new.setPause(pause, to: true) }
        try await old.releaseLock(fence)
        if Terminal.errorIsTerminal { Terminal.write("\n", to: .standardError) }
        let gap = try await new.accountingGap()
        guard gap == 0 else { throw Failure(.failed, "the new store's books do not balance (\(gap)); run `guardian check` on it") }
        Terminal.say(json ? moved.json.text : moved.text)
    }

    /// Refuses two spellings of one store: it would let go of what it has just taken over. `owner` holds the old one's lock.
    private func openNew(_ configured: Settings, owner: String) async throws -> any OpenedStore {
        let new = try await open(to, isOld: false, configured)
        do {
            guard try await new.lockState()?.fence.owner != owner else { throw Failure(.usage, Self.same) }
        } catch {
            do { try new.shut() } catch {}
            throw error
        }
        return new
    }

    /// How the new store is to line up; nil as it does.
    private func newOrdering(_ old: any OpenedStore, _ new: any OpenedStore) async throws -> Ordering? {
        if let ordering { return Ordering(rawValue: ordering) }
        return try await new.books().accepted == 0 ? try await old.ordering() : nil
    }

    /// Page by page, until nothing is left.
    private func move(_ old: any OpenedStore, _ new: any OpenedStore, _ fence: Fence, _ clock: SystemClock) async throws -> Moved {
        var beatAt = clock.now.steady + Self.beatEveryMs
        var moved = Moved()
        while true {
            if clock.now.steady >= beatAt {
                try await old.renewLock(fence, now: clock.now.wall)
                beatAt = clock.now.steady + Self.beatEveryMs
            }
            let page = try await old.transferPage(fence, limit: Self.page)
            if page.isEmpty { return moved }
            try await new.takeOver(page)
            try await old.letGo(page, fence)
            moved.add(page)
            if Terminal.errorIsTerminal { Terminal.write("\r\(moved.operations) operations moved", to: .standardError) }
        }
    }

    private func open(_ given: String, isOld: Bool, _ configured: Settings) async throws -> any OpenedStore {
        let name = try Self.resolved(given)
        let isFile = !name.contains("://")
        var flags: [String: String] = [:]
        if isFile {
            flags["data_dir"] = name
        } else {
            // As the only processor: nobody else may deliver from it.
            flags["store"] = name + (isOld ? (name.contains("?") ? "&" : "?") + "processors=1" : "")
        }
        let settings = try Settings(environment: Self.environment(configured, seals: isFile), flags: flags)
        let assembly = Assembly(settings, adoptsKey: !isOld)
        if isOld, assembly.isStoredInFile, !FileManager.default.fileExists(atPath: assembly.storePath) {
            throw Failure(.storeUnavailable, "there is no store at \(assembly.storePath)")
        }
        return try await assembly.openStore()
    }

    private static func resolved(_ given: String) throws -> String {
        guard given.hasPrefix("env:") else { return given }
        let variable = String(given.dropFirst(4))
        guard let value = Launch.environment[variable] else { throw Failure(.usage, "\(variable) is not set") }
        return value
    }

    /// What is configured for a store, in the form in which keys may be given, too.
    private static func environment(_ configured: Settings, seals: Bool) -> [String: String] {
        var environment: [String: String] = [:]
        for (key, value) in configured.values where value.source != .defaults {
            guard key.hasPrefix("disk.") || key.hasPrefix("redaction.") || (seals && key.hasPrefix("seal.")) else { continue }
            environment[Settings.variable(of: key)] = value.text
        }
        return environment
    }

    private struct Moved {
        var operations = 0
        var remembered = 0
        var others = 0

        mutating func add(_ page: TransferPage) {
            operations += page.operations.count
            remembered += page.remembered.count
            others += page.entities.count + page.feeds.count + page.aliases.count + page.changes.count + page.endings.count
        }

        var json: JSONValue {
            ["operations": JSONValue(operations), "remembered": JSONValue(remembered), "others": JSONValue(others)]
        }

        var text: String { "\(operations) operations moved, \(remembered) ids remembered, \(others) other things; the old store is empty" }
    }
}
