package import GuardianCore

/// What is worth an event at Sentry, and what led to it. A value: it knows no clock and sends nothing.
package struct SentryJudge: Sendable {
    /// Breadcrumbs kept.
    package static let trail = 50

    /// Something that happened, as it was told.
    private struct Step: Sendable {
        var event: Event
        var subject: Event.Subject?
        var at: Timestamp
    }

    /// How many events of one type came in the minute that began at `since`.
    private struct Allowance: Sendable {
        var since: Int64
        var count: Int
    }

    private let eventsPerMinute: Int
    private let breakerOpenTooLongMs: Int64
    private var steps: [Step] = []
    /// Where the oldest step stands once there are ``trail`` of them.
    private var oldest = 0
    private var breakerOpenSince: Timestamp?
    /// Steady time of the first tick that has found it open: how long it is open does not hang on who sets the wall clock.
    private var breakerSeenOpenAt: Int64?
    private var isBreakerTold = false
    private var allowances: [String: Allowance] = [:]
    private var random: Xoshiro256
    /// Events that came too often, since ``takeHeldBack()`` was last asked.
    private var heldBack = 0

    package init(eventsPerMinute: Int, breakerOpenTooLongMs: Int64, random: Xoshiro256) {
        self.eventsPerMinute = eventsPerMinute
        self.breakerOpenTooLongMs = breakerOpenTooLongMs
        self.random = random
    }

    /// Remembers what happened; returns the event to send when it is critical (spec section 8).
    package mutating func heard(_ event: Event, about subject: Event.Subject?, at: Timestamp) -> SentryEvent? {
        watchBreaker(event, at)
        defer { remember(Step(event: event, subject: subject, at: at)) }
        guard let (level, type, value) = Self.critical(event), allows(type, at) else { return nil }
        var sent = make(level: level, type: type, value: value, at: at)
        sent.tags["event"] = event.name
        sent.tags["error_class"] = event.errorClass
        sent.extra = event.facts.map { .init($0.0, $0.1) }
        if case .failed(_, let error) = event { sent.tags["error_code"] = error.code }
        if let subject {
            sent.tags["operation_type"] = subject.operationType
            sent.tags["entity_type"] = subject.entity.type
            sent.trace = .init(traceID: subject.traceID.hex, spanID: subject.traceID.lowHex)
            sent.extra.append(.init("attempt", JSONValue(subject.attempt)))
        }
        return sent
    }

    /// An event of no engine's telling, with what led to it.
    package mutating func make(level: SentryEvent.Level, type: String, value: String, at: Timestamp) -> SentryEvent {
        var event = SentryEvent(id: .v4(using: &random), at: at, level: level, type: type, value: value)
        event.breadcrumbs = crumbs
        return event
    }

    /// Looks whether the breaker has been open for too long; tells of it once. To be called about once a second.
    package mutating func tick(_ now: Moment) -> SentryEvent? {
        guard let since = breakerOpenSince else { return nil }
        let seenAt = breakerSeenOpenAt ?? now.steady
        breakerSeenOpenAt = seenAt
        guard !isBreakerTold, now.steady - seenAt >= breakerOpenTooLongMs else { return nil }
        isBreakerTold = true
        var event = make(
            level: .error, type: "breaker_open_too_long",
            value: "the circuit breaker is open for \((now.steady - seenAt) / 1000) s; operations wait", at: now.wall)
        event.tags["event"] = "breaker_opened"
        event.extra = [.init("open_since", .string(since.rfc3339))]
        return event
    }

    package mutating func takeHeldBack() -> Int {
        defer { heldBack = 0 }
        return heldBack
    }

    private mutating func watchBreaker(_ event: Event, _ at: Timestamp) {
        switch event {
        case .breakerOpened: breakerOpenSince = breakerOpenSince ?? at
        // From here on it is another processor's breaker.
        case .breakerClosed, .lockLost:
            (breakerOpenSince, breakerSeenOpenAt) = (nil, nil)
            isBreakerTold = false
        default: break
        }
    }

    /// Level, type and words of what a person has to see; nil for everything else.
    private static func critical(_ event: Event) -> (SentryEvent.Level, type: String, value: String)? {
        switch event {
        case .failed(_, let error):
            return (.error, "operation_failed.\(error.class.rawValue).\(error.code)", error.message)
        case .storeSalvaged(_, let recovered, let lost, let isLossKnown, let unreadBytes):
            let loss = "\(lost) lost\(isLossKnown ? "" : ", and how many more is not known"), \(unreadBytes) bytes not readable"
            return (.fatal, "store_salvaged", "a damaged store was set aside: \(recovered) operations brought over, \(loss)")
        case .storeError(let error):
            guard case .corrupt = error else { return nil }
            return (.fatal, "store_corrupt", error.description)
        case .rolloutHalted(let errors, let answers):
            return (.error, "rollout_halted", "delivery is paused: \(errors) of \(answers) answers after a change were errors")
        case .upstreamDistrusted(let detail): return (.fatal, "tls_or_pin_failure", detail)
        case .paused(.tls): return (.fatal, "tls_or_pin_pause", "delivery is paused: the upstream's certificate is refused")
        case .booksUnbalanced(let gap): return (.error, "books_unbalanced", "\(gap) operations are not accounted for; run `guardian check`")
        case .alertFired(let alert) where alert.severity >= .high:
            return (alert.severity == .critical ? .fatal : .error, "alert.\(alert.name)", "\(alert.condition): \(alert.action)")
        default: return nil
        }
    }

    private mutating func allows(_ type: String, _ at: Timestamp) -> Bool {
        var allowance = allowances[type] ?? Allowance(since: at.milliseconds, count: 0)
        let age = at.milliseconds - allowance.since
        if age >= 60_000 || age < 0 { allowance = Allowance(since: at.milliseconds, count: 0) }
        allowance.count += 1
        // Codes are the upstream's own, so that there could be any number of types.
        if allowances.count >= 1000 { allowances.removeAll() }
        allowances[type] = allowance
        guard allowance.count > eventsPerMinute else { return true }
        heldBack += 1
        return false
    }

    private mutating func remember(_ step: Step) {
        guard steps.count == Self.trail else { return steps.append(step) }
        steps[oldest] = step
        oldest = (oldest + 1) % Self.trail
    }

    private var crumbs: [SentryEvent.Breadcrumb] {
        (steps[oldest...] + steps[..<oldest]).map { step in
            var data = step.event.facts.map { JSONValue.Member($0.0, $0.1) }
            if let subject = step.subject { data.append(.init("trace_id", .string(subject.traceID.description))) }
            return .init(at: step.at, level: step.event.logLevel, message: step.event.logMessage, data: data)
        }
    }
}
