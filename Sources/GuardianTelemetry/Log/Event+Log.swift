package import GuardianCore

extension Event {
    /// How much it matters to people.
    package var logLevel: LogLevel {
        switch self {
        case .enqueued, .coalesced, .cancelledOut, .claimed, .processed, .breakerProbing, .remoteChanged: .debug
        case .retryScheduled, .conflict, .expired, .rolledBack, .endingNotTaken, .breakerOpened, .originHeld, .routeHeld, .plagueHeld,
            .lockTakenOver, .lockLost, .clockStepped, .notDelivering:
            .warning
        case .paused(let pause): pause == .operator ? .info : .warning
        case .tokenRefreshed(let success, _): success ? .info : .warning
        case .failed, .stalled, .booksUnbalanced, .storeError, .storeSalvaged, .rolloutHalted: .error
        case .alertFired(let alert): alert.severity == .medium ? .warning : .error
        case .upstreamDistrusted: .fatal
        default: .info
        }
    }

    /// What is said of it: the same words each time; those of its name, where they say enough.
    package var logMessage: String {
        if case .tokenRefreshed(false, _) = self { return "token not refreshed" }
        return Self.logWords[name] ?? name.replacing("_", with: " ")
    }

    private static let logWords: [String: String] = [
        "enqueued": "operation enqueued",
        "coalesced": "operation folded into another",
        "cancelled_out": "operation cancelled out",
        "claimed": "attempt begun",
        "retry_scheduled": "attempt failed, retry scheduled",
        "processed": "operation processed",
        "failed": "operation given up on",
        "conflict": "conflict left to a person",
        "conflict_resolved": "conflict settled",
        "expired": "operation expired",
        "cancelled": "operation cancelled",
        "retried": "failed operations put back",
        "rolled_back": "optimistic change rolled back",
        "ending_not_taken": "ending not taken by the app",
        "remote_changed": "entity changed at the upstream",
        "breaker_opened": "circuit breaker opened",
        "breaker_probing": "circuit breaker probing",
        "breaker_closed": "circuit breaker closed",
        "origin_held": "upstream asked to wait",
        "route_held": "upstream asked one route to wait",
        "upstream_distrusted": "upstream not to be trusted, nothing sent",
        "plague_held": "delivery held, upstream refuses all",
        "plague_released": "delivery released",
        "paused": "delivery paused",
        "resumed": "delivery resumed",
        "stalled": "delivery stalled",
        "rollout_halted": "delivery halted, too many errors after a change",
        "drained": "delivery drained",
        "store_salvaged": "damaged store set aside, what is readable brought over",
    ]

    /// What went wrong, where it is about that.
    package var lastError: LastError? {
        switch self {
        case .retryScheduled(_, _, _, let error), .failed(_, let error), .conflict(_, let error), .rolledBack(_, let error): error
        default: nil
        }
    }

    /// The bounded word of the error.
    package var errorClass: String? {
        switch self {
        case .storeError(let error): "store_" + error.name
        case .upstreamDistrusted: ErrorClass.tls.rawValue
        default: lastError?.class.rawValue
        }
    }
}

extension LogLine {
    /// The line of an event.
    package init(_ event: Event, about subject: Event.Subject?, at time: Timestamp) {
        var fields: [JSONValue.Member] = [.init("event", .string(event.name))]
        fields += event.facts.map { .init($0.0, $0.1) }
        if let subject {
            fields.append(.init("entity_type", .string(subject.entity.type)))
            if event.lastError != nil { fields.append(.init("attempt", JSONValue(subject.attempt))) }
        }
        self.init(
            timestamp: time, level: event.logLevel, message: event.logMessage, traceID: subject?.traceID.description,
            operationType: subject?.operationType, errorClass: event.errorClass, fields: fields)
    }
}
