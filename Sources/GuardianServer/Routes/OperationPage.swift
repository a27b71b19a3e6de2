import GuardianCore
import HTTPTypes
import Hummingbird

extension ConsolePages {
    func operation(_ id: OperationID, _ visit: Visit) async throws -> Page {
        guard let standing = try await ask({ () async throws(StoreError) in try await store.standing(of: id) }) else {
            return try await gone(id)
        }
        let operation = standing.operation
        var data = row(operation)
        data.merge(facts(operation)) { $1 }
        do throws(SyncError) {
            data.merge(explain(try await engine.explain(id, room: api.configuration.room()))) { $1 }
        } catch {
            data["explainReason"] = ""
            data["explainDetail"] = redact(error.description)
        }
        data["payload"] = shown(operation.payload)
        data["base"] = shown(operation.base)
        data["isFailed"] = operation.status == .failed
        data["isProcessing"] = operation.status == .processing
        data["steps"] = steps(operation)
        data["note"] = reach(operation)
        if operation.status == .pending { data["asRequest"] = await asRequest(standing) }
        if operation.status == .failed, operation.lastError?.class == .conflict { data.merge(conflict(operation)) { $1 } }
        return Page(
            title: redact("\(operation.type) \(operation.entity.orderingKey)"), section: "Operations", template: "operation", data: data,
            fragments: [("facts", "facts"), ("timeline", "timeline")])
    }

    private func gone(_ id: OperationID) async throws -> Page {
        let ending = try await ask { () async throws(StoreError) in try await store.ending(of: id) }
        let trail = console.trail(of: id)
        guard ending != nil || !trail.isEmpty else { throw Problem(SyncError.notFound(id: id.description)) }
        let text =
            ending.map { "It has left the queue: \($0.explanation)." } ?? "It has left the queue, and the ledger does not name it any more."
        let data: [String: Any] = [
            "id": id.description, "text": redact(text), "steps": trail.map { step($0) },
            "note": "What this process has seen and still knows.",
        ]
        return Page(
            title: "No longer stored", section: "Operations", template: "gone", data: data, fragments: [("timeline", "timeline")],
            status: .ok)
    }

    private func facts(_ operation: Operation) -> [String: Any] {
        var data: [String: Any] = [
            "seq": "\(operation.seq)", "orderingKey": redact(operation.orderingKey), "trace": operation.traceID.description,
            "key": operation.idempotencyKey.description, "priority": "\(operation.priority)", "tries": "\(operation.tries)",
            "attempts": "\(operation.attemptCount)", "backoff": operation.backoffMs > 0 ? Show.duration(operation.backoffMs) : "none",
        ]
        data["principal"] = operation.principal.map { String($0.prefix(12)) + "…" }
        data["txnToken"] = operation.txnToken.map { redact($0) }
        data["notBefore"] = Show.time(operation.notBefore)
        data["expires"] = Show.time(operation.expiresAt)
        data["lastAttempt"] = Show.time(operation.lastAttemptAt)
        data["nextRetry"] = operation.status == .pending ? Show.time(operation.nextRetryAt) : nil
        if let error = operation.lastError { data["error"] = self.error(error) }
        return data
    }

    private func explain(_ explanation: Explanation) -> [String: Any] {
        var data: [String: Any] = [
            "explainReason": explanation.reason.map { "Not moving: \($0.rawValue)." } ?? "It may go.",
            "explainTone": explanation.reason == nil ? "good" : explanation.reason == .failed ? "bad" : "warning",
            "explainDetail": Show.words(redact(explanation.detail)),
        ]
        if let until = explanation.until { data["explainUntil"] = until.rfc3339 }
        if let by = explanation.by { data["explainBy"] = ["href": Self.path(of: by), "shortID": Self.short(by)] }
        return data
    }

    /// The request that it would become, or why there is none.
    private func asRequest(_ standing: Standing) async -> [String: Any] {
        var data: [String: Any] = [:]
        var notes: [String] = []
        switch await console.configuration.preview(standing.operation, store) {
        case .request(let text, let note):
            data["text"] = text
            notes += [note].compactMap(\.self)
        case .impossible(let reason): data["reason"] = redact(reason)
        }
        if standing.isAwaiting {
            notes.append("It points to an entity that is not made yet: the ids that the app has given stand in here.")
        }
        data["notes"] = notes
        return data
    }

    /// What the store knows and what the process has seen, oldest first.
    private func steps(_ operation: Operation) -> [[String: Any]] {
        let trail = console.trail(of: operation.id)
        var steps: [[String: Any]] = [
            ["at": Show.time(operation.enqueuedAt), "name": "Enqueued", "text": "number \(operation.seq)", "tone": ""]
        ]
        let isLastSeen = trail.contains { entry in
            guard let last = operation.lastAttemptAt else { return true }
            return entry.at >= last
        }
        if !isLastSeen, let last = operation.lastAttemptAt {
            let why = operation.lastError.map { "\($0.class.rawValue): \(redact($0.code))" } ?? ""
            steps.append([
                "at": Show.time(last), "name": "Last attempt", "text": why, "tone": operation.status == .failed ? "bad" : "warning",
            ])
        }
        steps += trail.map { step($0) }
        if operation.status == .pending, let next = operation.nextRetryAt, next > now {
            steps.append(["at": Show.time(next), "name": "Next attempt", "text": "by itself", "tone": ""])
        }
        return steps
    }

    /// Whether all of its attempts stand in the timeline.
    private func reach(_ operation: Operation) -> String {
        let seen = console.trail(of: operation.id).count { entry in
            switch entry.event {
            case .retryScheduled, .failed, .conflict, .conflictResolved: true
            default: false
            }
        }
        guard seen < operation.tries else { return "What this process has seen; the store itself keeps the last attempt." }
        return "This does not reach back to the beginning: \(operation.tries) attempts have failed, and this process knows of \(seen). The "
            + "others were made before it began, or on another machine, or gave way to newer ones; the store itself keeps the last attempt."
    }

    private func step(_ entry: AttemptTrail.Entry) -> [String: Any] {
        var step: [String: Any] = ["at": Show.time(entry.at), "tone": "", "text": ""]
        func say(_ name: String, _ text: String = "", _ tone: String = "") {
            step["name"] = name
            step["text"] = text
            step["tone"] = tone
        }
        func summary(_ error: LastError) -> String {
            let status = error.httpStatus.map { "HTTP \($0) · " } ?? ""
            return "\(status)\(error.class.rawValue): \(redact(error.code)) \(redact(error.message))"
        }
        switch entry.event {
        case .claimed(_, let attempt): say("Attempt \(attempt)", "claimed")
        case .retryScheduled(_, _, let backoffMs, let error):
            say("Answer", summary(error), "warning")
            step["waits"] = Show.duration(backoffMs)
        case .processed(_, let latencyMs, let status):
            say("Delivered", "\(status.map { "HTTP \($0) " } ?? "")in \(Show.duration(latencyMs))", "good")
        case .failed(_, let error): say("Given up on", summary(error), "bad")
        case .conflict(_, let error): say("Conflict", summary(error), "bad")
        case .conflictResolved(_, let strategy, let resolution): say("Conflict settled", "\(strategy): \(resolution)", "good")
        case .expired: say("Expired", "it left the queue, undelivered", "bad")
        case .coalesced(_, let into): say("Folded", "into \(Self.short(into))")
        case .cancelledOut(_, let with): say("Cancelled out", "with \(Self.short(with))")
        default: say(entry.event.name)
        }
        return step
    }
}
