extension Event {
    /// One flat object: `event`, then the facts.
    public func json(at time: Timestamp) -> JSONValue {
        .object([.init("at", .string(time.rfc3339)), .init("event", .string(name))] + facts.map { .init($0.0, $0.1) })
    }

    /// The operation that the event is about.
    public var operationID: OperationID? {
        switch self {
        case .enqueued(let id, _), .coalesced(let id, _), .cancelledOut(let id, _), .claimed(let id, _), .retryScheduled(let id, _, _, _),
            .processed(let id, _, _), .failed(let id, _), .conflict(let id, _), .expired(let id), .conflictResolved(let id, _, _),
            .cancelled(let id, _):
            id
        default: nil
        }
    }

    /// The facts by name.
    public var facts: [(String, JSONValue)] {
        switch self {
        case .enqueued(let id, let seq): [("id", .string(id.description)), ("seq", JSONValue(seq))]
        case .coalesced(let id, let into): [("id", .string(id.description)), ("into", .string(into.description))]
        case .cancelledOut(let id, let with): [("id", .string(id.description)), ("with", .string(with.description))]
        case .claimed(let id, let attempt): [("id", .string(id.description)), ("attempt", JSONValue(attempt))]
        case .retryScheduled(let id, let due, let backoffMs, let error):
            [("id", .string(id.description)), ("due", .string(due.rfc3339)), ("backoff_ms", JSONValue(backoffMs)), ("error", error.json)]
        case .processed(let id, let latencyMs, let status):
            [("id", .string(id.description)), ("latency_ms", JSONValue(latencyMs)), ("http_status", status.map { JSONValue($0) } ?? .null)]
        case .failed(let id, let error), .conflict(let id, let error): [("id", .string(id.description)), ("error", error.json)]
        case .conflictResolved(let id, let strategy, let resolution):
            [("id", .string(id.description)), ("strategy", .string(strategy)), ("resolution", .string(resolution))]
        case .expired(let id): [("id", .string(id.description))]
        case .cancelled(let id, let mayHaveApplied):
            [("id", .string(id.description)), ("may_have_applied", .bool(mayHaveApplied))]
        case .retried(let count): [("count", JSONValue(count))]
        case .rolledBack(let token, let reason): [("txn_token", .string(token)), ("error", reason.json)]
        case .endingNotTaken(let token, let error): [("txn_token", .string(token)), ("error", .string(error))]
        case .remoteChanged(let entity): [("entity_type", .string(entity.type)), ("entity_id", .string(entity.id))]
        case .breakerOpened(let forMs): [("for_ms", JSONValue(forMs))]
        case .originHeld(let milliseconds), .clockStepped(let milliseconds): [("milliseconds", JSONValue(milliseconds))]
        case .routeHeld(let route, let milliseconds): [("route", .string(route)), ("milliseconds", JSONValue(milliseconds))]
        case .plagueHeld(let status): [("http_status", JSONValue(status))]
        case .plagueReleased(let afterMs): [("after_ms", JSONValue(afterMs))]
        case .lockAcquired(let epoch), .lockLost(let epoch): [("epoch", JSONValue(epoch))]
        case .lockTakenOver(let from, let epoch): [("from", .string(from)), ("epoch", JSONValue(epoch))]
        case .paused(let pause), .resumed(let pause): [("reason", .string(pause.rawValue))]
        case .rolloutHalted(let errors, let answers): [("errors", JSONValue(errors)), ("answers", JSONValue(answers))]
        case .tokenRefreshed(let success, let reason): [("success", .bool(success)), ("reason", JSONValue(reason))]
        case .upstreamDistrusted(let detail): [("detail", .string(detail))]
        case .stalled(let due, let repair): [("due", JSONValue(due)), ("repair", .string(repair))]
        case .booksUnbalanced(let gap): [("gap", JSONValue(gap))]
        case .alertFired(let alert), .alertCleared(let alert):
            [
                ("alert", .string(alert.name)), ("severity", .string(alert.severity.rawValue)), ("value", JSONValue(number: alert.value)),
                ("threshold", JSONValue(number: alert.threshold)), ("condition", .string(alert.condition)),
                ("action", .string(alert.action)),
            ]
        case .storeError(let error): [("error", .string(error.description))]
        case .notDelivering(let reason): [("reason", .string(reason))]
        case .storeSalvaged(let aside, let recovered, let lost, let isLossKnown, let unreadBytes):
            [
                ("aside", .string(aside)), ("recovered", JSONValue(recovered)), ("lost", JSONValue(lost)),
                ("loss_known", .bool(isLossKnown)), ("unread_bytes", JSONValue(unreadBytes)),
            ]
        case .breakerProbing, .breakerClosed, .drained: []
        }
    }
}
