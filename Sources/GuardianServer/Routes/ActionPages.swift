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
            data = try await affected(try await frozenFailed(), noun: "failed operations are removed for good")
            data["title"] = "Clear failed"
            data["color"] = "red"
            data["button"] = "Clear failed"
            data["risk"] =
                "Their changes will never reach the upstream, and optimistic changes are rolled back. This can't be undone: export first."
        case .retryAllFailed:
            data = try await affected(try await frozenFailed(), noun: "failed operations are put back")
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
            var hidden = [["name": "total", "value": count]]
            if let through = data["through"] as? String { hidden.append(["name": "through", "value": through]) }
            data["hidden"] = hidden
        }
        return Page(title: data["title"] as? String ?? "", section: "Overview", template: "confirm", data: data)
    }

    /// What has failed, as a set that nothing enqueued later joins.
    private func frozenFailed() async throws -> OperationSearch {
        var search = OperationSearch(status: .failed)
        search.through = try await ask { () async throws(StoreError) in try await store.newestSeq() }
        return search
    }

    /// The same set again, from the form of its dialog, and how many are in it now.
    private func confirmedFailed(_ visit: Visit) async throws -> (set: OperationSearch, total: Int64) {
        var search = OperationSearch(status: .failed)
        guard let through = visit.form["through"].flatMap(SearchQuery.number) else {
            throw Problem(SyncError.validation(field: "through", constraint: "must say where the set ends"))
        }
        search.through = through
        return (search, try await ask { () async throws(StoreError) in try await store.count(search) })
    }

    private func confirmRelease() async throws -> [String: Any] {
        let lock = try await ask { () async throws(StoreError) in try await store.lockState() }
        var data = try await affected(OperationSearch(status: .processing), noun: "operations are on the wire")
        data["title"] = "Force release lock"
        data["color"] = "orange"
        data["button"] = "Force release lock"
        data["isPossible"] = lock != nil
        data["risk"] =
            lock.map {
                "Takes the lock from processor \($0.fence.owner) (epoch \($0.fence.epoch)) and fences it off: what it writes from now on is "
                    + "refused. Requests that it has on the wire may be sent again, with the same key."
            } ?? "Nobody holds the lock."
        return data
    }

    func perform(_ action: ConsoleAction, _ visit: Visit) async throws -> Response {
        if let word = action.word { try checkPhrase(visit, word) }
        switch action {
        case .forceReleaseLock: return try await releaseLock(visit)
        case .rebuildIndex:
            try ask(visit, action.auditName)
            let ordering = console.configuration.ordering
            let changed = try await doing(visit, action.auditName) { () async throws(StoreError) in
                Int64(try await store.rebuildIndex(ordering: ordering))
            }
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

    /// Runs what was asked for and writes down how it ended.
    private func doing(_ visit: Visit, _ name: String, _ work: () async throws(StoreError) -> Int64) async throws -> Int64 {
        let count: Int64
        do throws(StoreError) { count = try await work() } catch {
            try ended(visit, name, redact(error.description), outcome: "failed")
            throw Problem(SyncError.store(error))
        }
        try ended(visit, name, count: count)
        return count
    }

    private func releaseLock(_ visit: Visit) async throws -> Response {
        let name = ConsoleAction.forceReleaseLock.auditName
        let before = try await ask { () async throws(StoreError) in try await store.lockState() }
        try ask(visit, name, before.map { "owner \($0.fence.owner), epoch \($0.fence.epoch)" } ?? "free")
        _ = try await doing(visit, name) { () async throws(StoreError) in try await store.forceReleaseLock() == nil ? 0 : 1 }
        engine.wake()
        return done(visit, before == nil ? "The lock was free." : "The lock is released; its former holder is fenced off.", to: "/admin")
    }

    private func clearFailed(_ visit: Visit) async throws -> Response {
        let name = ConsoleAction.clearFailed.auditName
        let (search, failed) = try await confirmedFailed(visit)
        // What is removed is gone: here even a smaller set is shown again.
        guard "\(failed)" == visit.form["total"] else { throw Self.notTheSame(failed) }
        try ask(visit, name, count: failed, Self.words(of: search))
        let count = try await doing(visit, name) { () async throws(StoreError) in
            Int64(try await store.clearFailed(through: search.through ?? 0))
        }
        console.groups.forget()
        engine.wake()
        return done(visit, "\(Show.number(count)) failed operations are removed.", to: "/admin")
    }

    func pause(_ isPaused: Bool, _ visit: Visit) async throws -> Response {
        let name = isPaused ? "pause" : "resume"
        try ask(visit, name)
        do throws(SyncError) {
            if isPaused {
                try await engine.pause()
            } else {
                for pause in Pause.allCases { try await engine.resume(pause) }
            }
        } catch {
            try ended(visit, name, redact(error.description), outcome: "failed")
            throw Problem(error)
        }
        try ended(visit, name)
        return done(visit, isPaused ? "Delivery is paused." : "Delivery goes on.", to: "/admin")
    }
}
