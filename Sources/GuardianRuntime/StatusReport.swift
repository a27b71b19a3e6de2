package import GuardianCore

/// How the queue stands, on one screen: what matters most first, and at the top whether it moves, why not, and what to do next.
///
/// ``lines(width:)`` never makes more than 23 lines, so that with the prompt below it fits a terminal of 24 rows.
package struct StatusReport: Sendable {
    /// Alerts older than this say nothing of now: they are evaluated every second by the process that delivers, and saved twice a minute.
    /// Nor do those that lie ahead by as much: the clock was set back since.
    package static let staleAfterMs: Int64 = 120_000

    package var situation: Explanation.Situation
    package var books: Books
    package var queue: QueueExplanation
    package var oldest: Timestamp?
    /// As the process that evaluates them has saved them; nil when none has.
    package var alerts: (at: Timestamp, alerts: [Alert])?

    package init(
        situation: Explanation.Situation, books: Books, queue: QueueExplanation, oldest: Timestamp? = nil,
        alerts: (at: Timestamp, alerts: [Alert])? = nil
    ) {
        self.situation = situation
        self.books = books
        self.queue = queue
        self.oldest = oldest
        self.alerts = alerts
    }

    var now: Timestamp { situation.now }
    var health: OriginHealth? { situation.control.health }
    var areAlertsStale: Bool { alerts.map { abs(now.milliseconds - $0.at.milliseconds) > Self.staleAfterMs } ?? true }
    /// The gravest first.
    var raised: [Alert] { (alerts?.alerts ?? []).filter { $0.state != .quiet }.sorted { ($0.severity, $1.name) > ($1.severity, $0.name) } }

    /// The room where the store lives, when it is too little for some of the work that comes.
    var tight: DiskRoom? { situation.room.flatMap { $0.level == .room ? nil : $0 } }

    /// Whether a processor holds the lock and is heard of.
    var isDelivered: Bool { situation.holder != nil }

    /// What stands still, in a word or two.
    package enum State: String, Sendable {
        case paused, held, waiting, idle, delivering
        case breakerOpen = "breaker_open"
        case diskFull = "disk_full"
        case notDelivered = "not_delivered"
    }

    package var state: State {
        if !situation.control.pauses.isEmpty { return .paused }
        if queue.reasons[.disk] != nil { return .diskFull }
        if health?.plagueSince != nil { return .held }
        if let until = health?.openUntil, until > now { return .breakerOpen }
        if let until = health?.holdUntil, until > now { return .held }
        if !isDelivered, books.pending + books.processing > 0 { return .notDelivered }
        if books.pending + books.processing == 0 { return .idle }
        return queue.claimable == 0 && books.processing == 0 ? .waiting : .delivering
    }

    /// What is to be done, as a command where there is one.
    package var nextStep: String {
        let pauses = situation.control.pauses
        if pauses.contains(.operator) { return "guardian resume" }
        if pauses.contains(.rollout) { return "take the last change back or mend it, then guardian resume" }
        if pauses.contains(.tls) { return "guardian doctor shows what is wrong with the certificate; mend it, then guardian resume" }
        if pauses.contains(.auth) { return "log in again: a new token lets it go on; guardian doctor tries it" }
        if pauses.contains(.upgrade) { return "upgrade this program: delivery goes on with the first run of another version" }
        switch state {
        case .diskFull: return "make room where the store lives; it goes on by itself"
        case .held where health?.plagueSince != nil: return "look at the upstream's gateway and its last deploy; it goes on by itself"
        case .breakerOpen: return "guardian doctor says whether the upstream is up; it goes on by itself"
        case .notDelivered: return "guardian serve"
        default: break
        }
        if tight != nil { return "make room where the store lives: new work is refused" }
        if let alert = raised.first(where: { $0.state == .firing }), !areAlertsStale { return "\(alert.action) (\(alert.name))" }
        if books.failed > 0 { return "guardian list --status failed, then guardian retry ID or --all-failed" }
        return state == .waiting || state == .held ? "none: it goes on by itself; guardian explain ID says when" : "none"
    }

    /// Of what was settled lately, or ever when nobody measures.
    var successRate: (percent: Double, isLately: Bool)? {
        if !areAlertsStale, let value = alerts?.alerts.first(where: { $0.name == "success_rate" })?.value { return (value, true) }
        let (done, failed) = (Double(books.processed), Double(books.failed + books.cleared))
        return done + failed > 0 ? (done / (done + failed) * 100, false) : nil
    }

    /// Milliseconds; nil when nobody measures, or there is too little to say.
    package var p95Ms: Double? { areAlertsStale ? nil : alerts?.alerts.first { $0.name == "latency" }?.value }

    /// What `status --json` says beside the books.
    package var json: [JSONValue.Member] {
        [
            .init("state", .string(state.rawValue)), .init("detail", .string(queue.detail)), .init("next_step", .string(nextStep)),
            .init("explanation", queue.json), .init("breaker", .string(breaker)),
            .init("success_rate_percent", successRate.map { JSONValue(number: $0.percent) } ?? .null),
            .init("p95_ms", JSONValue(number: p95Ms)), .init("disk", situation.room?.json ?? .null),
        ]
    }

    var breaker: String {
        guard let until = health?.openUntil else { return "closed" }
        return until > now ? "open, probe in \((until.milliseconds - now.milliseconds) / 1000 + 1) s" : "half-open"
    }
}
