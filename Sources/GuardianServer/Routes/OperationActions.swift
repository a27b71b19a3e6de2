import GuardianCore
import Hummingbird

extension ConsolePages {
    func retry(_ id: OperationID, _ visit: Visit) async throws -> Response {
        try ask(visit, "retry", count: 1, id.description)
        let count = try await doing(visit, "retry", id.description) { () async throws(StoreError) in
            try await store.retry([id], now: now)
        }
        try ended(visit, "retry", count: Int64(count), id.description, outcome: count == 1 ? "done" : "refused")
        engine.wake()
        console.groups.forget()
        return done(visit, count == 1 ? "It is back in its old place." : "It is not among the failed ones.", to: Self.path(of: id))
    }

    func confirmCancel(_ id: OperationID) async throws -> Page {
        guard let operation = try await ask({ () async throws(StoreError) in try await store.operation(id) }) else {
            throw Problem(SyncError.notFound(id: id.description))
        }
        let data: [String: Any] = [
            "title": "Cancel this operation", "color": "red", "button": "Cancel operation", "isPossible": operation.status != .processing,
            "hasCount": true, "count": "1", "rawCount": "1", "noun": "operation is taken out of the queue", "hasSample": true,
            "sample": [row(operation)], "action": Self.path(of: id) + "/cancel", "back": Self.path(of: id),
            "risk": operation.lastAttemptAt == nil
                ? "It was never sent: it will have no effect."
                : "It was sent before, and may have had its effect. What takes that back is named afterwards.",
        ]
        return Page(title: "Cancel", section: "Operations", template: "confirm", data: data)
    }

    func cancel(_ id: OperationID, _ visit: Visit) async throws -> Response {
        let before = try await ask { () async throws(StoreError) in try await store.operation(id) }
        try ask(visit, "cancel", count: 1, id.description)
        let answer = try await doing(visit, "cancel", id.description) { () async throws(StoreError) in
            try await store.cancel(id, now: now)
        }
        let isDone = answer == .neverSent || answer == .mayHaveApplied
        try ended(visit, "cancel", count: isDone ? 1 : 0, "\(id): \(answer.rawValue)", outcome: isDone ? "done" : "refused")
        engine.wake()
        console.groups.forget()
        switch answer {
        case .neverSent: return done(visit, "Cancelled. It was never sent, so it had no effect.", to: "/admin/operations")
        case .mayHaveApplied:
            let undo = before?.undo().map { " This would take it back: \(redact($0.json).text)" } ?? ""
            return done(visit, "Cancelled. It may have had its effect.\(undo)", to: "/admin/operations")
        case .inFlight: return done(visit, "It is on the wire now; ask again when it has settled.", to: Self.path(of: id))
        case .notFound: throw Problem(SyncError.notFound(id: id.description))
        }
    }

    /// Ends a conflict by what was chosen.
    func resolve(_ id: OperationID, _ visit: Visit) async throws -> Response {
        guard let operation = try await ask({ () async throws(StoreError) in try await store.operation(id) }) else {
            throw Problem(SyncError.notFound(id: id.description))
        }
        guard operation.updatedAt.rfc3339 == visit.form["updated"] else {
            throw Problem(.conflict, "not the same any more", "the operation has changed since the page was loaded; look again")
        }
        let choice: ConflictChoice
        switch visit.form["take"] {
        case "local": choice = .local
        case "server": choice = .server
        case "fields":
            guard let payload = Self.merged(operation, visit.form) else {
                throw Problem(.conflict, "nothing to choose from", "one of the sides is not known")
            }
            choice = .payload(payload)
        default: throw Problem(SyncError.validation(field: "take", constraint: "must be fields, local or server"))
        }
        let take = visit.form["take"] ?? ""
        try ask(visit, "resolve", count: 1, "\(id): \(take)")
        let isDone: Bool
        do throws(SyncError) { isDone = try await engine.resolve(id, choice, ifUpdatedAt: operation.updatedAt) } catch {
            try ended(visit, "resolve", "\(id): \(take): \(error.description)", outcome: "failed")
            throw Problem(error)
        }
        try ended(visit, "resolve", count: isDone ? 1 : 0, "\(id): \(take)", outcome: isDone ? "done" : "refused")
        console.groups.forget()
        return done(visit, isDone ? "The conflict is settled." : "It is not that conflict any more; look again.", to: Self.path(of: id))
    }
}
