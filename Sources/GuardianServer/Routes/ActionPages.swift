import GuardianCore
import HTTPTypes
import Hummingbird

/// The actions of the overview that ask first.
enum ConsoleAction: String, CaseIterable, Sendable {
    case forceReleaseLock = "force-release-lock"
    case rebuildIndex = "rebuild-index"
    case export
    case clearFailed = "clear-failed"
    case retryAllFailed = "retry-all-failed"

    var role: AdminRole {
        switch self {
        case .forceReleaseLock, .rebuildIndex, .clearFailed: .admin
        case .export, .retryAllFailed: .operator
        }
    }

    /// What is typed to confirm: this word, and the number that the dialog names.
    var word: String? {
        switch self {
        case .forceReleaseLock: "release"
        case .clearFailed: "clear"
        default: nil
        }
    }

    /// A fixed word for the audit log.
    var auditName: String { rawValue.replacing("-", with: "_") }
}

extension ConsolePages {
    func confirm(_ action: ConsoleAction, _ visit: Visit) async throws -> Page {
        var data: [String: Any]
        var set = OperationSearch()
        switch action {
        case .forceReleaseLock: data = try await confirmRelease()
        case .rebuildIndex:
            let entries = try await ask { () async throws(StoreError) in try await store.indexEntries() }
            data = [
                "title": "Rebuild index", "color": "blue", "button": "Rebuild index", "isPossible": true, "hasCount": true,
                "count": Show.number(entries), "rawCount": "\(entries)", "noun": "index entries are computed anew",
                "risk": "Reads every operation and writes what was wrong. Nothing is lost; enqueue and delivery wait until it is done.",
            ]
        case .export:
            let books = try await ask { () async throws(StoreError) in try await store.books() }
            let count = books.pending + books.processing + books.failed
            data = [
                "title": "Export operations", "color": "green", "button": "Download", "isPossible": true, "isExport": true,
                "hasCount": true,
                "count": Show.number(count), "rawCount": "\(count)", "noun": "operations are stored",
                "risk": "Redacted always. It may still say much about people: keep it safe, and delete it when you are done.",
            ]
        case .clearFailed:
            set = try await frozen(OperationSearch(status: .failed))
            data = try await affected(set, noun: "failed operations are removed for good")
            data["title"] = "Clear failed"
            data["color"] = "red"
            data["button"] = "Clear failed"
            data["risk"] =
                "Their changes will never reach the upstream, and optimistic changes are rolled back. This can't be undone: export first."
        case .retryAllFailed:
            set = try await frozen(OperationSearch(status: .failed))
            data = try await affected(set, noun: "failed operations are put back")
            data["title"] = "Retry all failed"
            data["color"] = "purple"
            data["button"] = "Retry all failed"
            data["asksRate"] = true
            data["rate"] = "\(Int(console.configuration.bulkRate))"
            data["risk"] = "They go back to their old places, at the pace below. What failed for a reason that still holds fails again."
        }
        data["action"] = "/admin/actions/" + action.rawValue
        data["back"] = "/admin"
        if let count = data["rawCount"] as? String {
            if let word = action.word { data["phrase"] = "\(word) \(count)" }
            var hidden = [["name": "total", "value": count]] + Self.ends(of: set)
            if let epoch = data["epoch"] as? String { hidden.append(["name": "epoch", "value": epoch]) }
            data["hidden"] = hidden
        }
        return Page(title: data["title"] as? String ?? "", section: "Overview", template: "confirm", data: data)
    }

    /// The set of what has failed, from the form of its dialog, and how many are in it now.
    private func confirmedFailed(_ visit: Visit) async throws -> (set: OperationSearch, total: Int64?) {
        var search = OperationSearch(status: .failed)
        search.through = visit.form["through"].flatMap(SearchQuery.number)
        search.asOf = visit.form["as_of"].flatMap { Timestamp(rfc3339: $0) }
        try Self.checkEnds(of: search)
        return (search, try await countAgain(search, visit))
    }

    private func confirmRelease() async throws -> [String: Any] {
        let holders = try await ask { () async throws(StoreError) in try await store.processors() }
        var data = try await affected(OperationSearch(status: .processing), noun: "operations are on the wire")
        data["title"] = "Force release lock"
        data["color"] = "orange"
        data["button"] = "Force release lock"
        data["isPossible"] = !holders.isEmpty
        // Who comes later than those that are named here is left alone.
        data["epoch"] = "\(holders.map(\.fence.epoch).max() ?? 0)"
        data["risk"] = "Nobody holds the lock."
        if !holders.isEmpty {
            let fences = holders.count == 1 ? " and fences it off" : ", and fences all of them off"
            data["risk"] =
                "Takes the lock from \(Self.words(of: holders))\(fences): what is written under it from now on is refused. Requests that "
                + "are on the wire may be sent again, with the same key."
        }
        return data
    }

    /// Processors by owner and epoch, with their number where there are several.
    private static func words(of holders: [LockState]) -> String {
        let named = holders.prefix(mostProcessors).map { "\($0.fence.owner) (epoch \($0.fence.epoch))" }.joined(separator: ", ")
        let rest = holders.count > mostProcessors ? " and \(holders.count - mostProcessors) more" : ""
        return holders.count == 1 ? "processor \(named)" : "\(holders.count) processors: \(named)\(rest)"
    }

    func perform(_ action: ConsoleAction, _ visit: Visit) async throws -> Response {
        if let word = action.word { try checkPhrase(visit, word) }
        switch action {
        case .forceReleaseLock: return try await releaseLock(visit)
        case .rebuildIndex:
            try ask(visit, action.auditName)
            let changed = try await doing(visit, action.auditName) { () async throws(StoreError) in
                Int64(try await store.rebuildIndex(ordering: nil))
            }
            try ended(visit, action.auditName, count: changed)
            return done(
                visit, changed == 0 ? "The index was right already." : "\(Show.number(changed)) rows were wrong and are mended.",
                to: "/admin")
        case .export: return try await export(visit)
        case .clearFailed: return try await clearFailed(visit)
        case .retryAllFailed:
            let (search, total) = try await confirmedFailed(visit)
            return try start(.retry, search, total, visit, action: action.auditName)
        }
    }

    private func releaseLock(_ visit: Visit) async throws -> Response {
        let name = ConsoleAction.forceReleaseLock.auditName
        guard let epoch = visit.form["epoch"].flatMap(SearchQuery.number) else {
            throw Problem(SyncError.validation(field: "epoch", constraint: "must say whom the dialog has named"))
        }
        try ask(visit, name, "up to epoch \(epoch)")
        let taken: [LockState]
        do throws(StoreError) { taken = try await store.forceReleaseLock(through: epoch) } catch {
            try ended(visit, name, error.description, outcome: error == .stale ? "refused" : "failed")
            guard error == .stale else { throw Problem(SyncError.store(error)) }
            throw Problem(.conflict, "not the same any more", "another processor has taken the lock since; look again, then confirm")
        }
        try ended(visit, name, taken.isEmpty ? "it was free" : Self.words(of: taken))
        engine.wake()
        let sentence =
            switch taken.count {
            case 0: "The lock was free."
            case 1: "The lock is released; its former holder is fenced off."
            default: "The lock is released; its \(taken.count) former holders are fenced off."
            }
        return done(visit, sentence, to: "/admin")
    }

    private func clearFailed(_ visit: Visit) async throws -> Response {
        let name = ConsoleAction.clearFailed.auditName
        let (search, failed) = try await confirmedFailed(visit)
        // What is removed is gone: here even a smaller set is shown again.
        if let failed, "\(failed)" != visit.form["total"] { throw Self.notTheSame(failed) }
        try ask(visit, name, count: failed, Self.words(of: search))
        let count = try await doing(visit, name) { () async throws(StoreError) in
            Int64(try await store.clearFailed(through: search.through ?? 0, asOf: search.asOf))
        }
        try ended(visit, name, count: count)
        console.groups.forget()
        engine.wake()
        return done(visit, "\(Show.number(count)) failed operations are removed.", to: "/admin")
    }

    func pause(_ isPaused: Bool, _ visit: Visit) async throws -> Response {
        let name = isPaused ? "pause" : "resume"
        try ask(visit, name)
        let pauses: Set<Pause>
        do throws(SyncError) { pauses = try await api.setPaused(isPaused) } catch {
            try ended(visit, name, redact(error.description), outcome: "failed")
            throw Problem(error)
        }
        let words = pauses.map(\.rawValue).sorted().joined(separator: ", ")
        try ended(visit, name, words)
        return done(visit, pauses.isEmpty ? "Delivery goes on." : "Delivery is paused: \(words).", to: "/admin")
    }
}
