/// What the mode makes of one request.
enum Verdict {
    case serve
    /// Our own server refuses.
    case refuse(status: Int, code: String, message: String, retryAfter: String? = nil)
    /// Words that are not our server's.
    case stranger(Page)
    /// The connection ends, and nothing happened.
    case closeBefore
    /// The connection ends when the work is done.
    case closeAfter
}

extension UpstreamState {
    mutating func setMode(_ new: UpstreamMode, at now: ContinuousClock.Instant) {
        mode = new
        remaining = new.remaining
        if case .rate(let perSecond) = new { bucket = TokenBucket(perSecond: perSecond, at: now) }
    }

    /// Counts a request that the mode strikes.
    mutating func judge(_ call: Call, at now: ContinuousClock.Instant) -> Verdict {
        switch mode {
        case .up: return .serve
        case .status(let status, _, let retryAfter, let body, let type):
            if call.isRead { return .serve }
            strike()
            guard let body else { return .refuse(status: status, code: "FORCED", message: "the mode says so", retryAfter: retryAfter) }
            var page = Page(status: status, contentType: type ?? "application/json", body: body)
            page.fields["Retry-After"] = retryAfter
            return .stranger(page)
        case .portal(let stranger, _):
            strike()
            return .stranger(stranger.page)
        case .gateway(let status, let share, _):
            return draws(share) ? .refuse(status: status, code: "GATEWAY", message: "the gateway lets nothing through") : .serve
        case .drop(let share, _): return draws(share) ? .closeAfter : .serve
        case .dropBefore(let share, _): return draws(share) ? .closeBefore : .serve
        case .rate(let perSecond):
            if bucket.take(at: now) { return .serve }
            rejected += 1
            return .refuse(status: 429, code: "RATE_LIMITED", message: "more than \(perSecond) requests/s", retryAfter: "1")
        case .auth:
            if tokens.admits(call.authorization, at: now) { return .serve }
            return .refuse(status: 401, code: "UNAUTHORIZED", message: "the token is missing, not known, or over")
        case .poison(let entities, let status):
            guard entities.contains(call.entity) || entities.contains(call.path) else { return .serve }
            return .refuse(status: status, code: "POISON", message: "\(call.entity) is refused")
        }
    }

    private mutating func draws(_ share: Double) -> Bool {
        guard chance() < share else { return false }
        strike()
        return true
    }

    private mutating func strike() {
        guard let left = remaining else { return }
        remaining = left - 1
        if left <= 1 { mode = .up }
    }
}

/// Lets so many through per second, and a second's worth at once (never less than one).
struct TokenBucket {
    private let perSecond: Double
    private let capacity: Double
    private var tokens: Double
    private var filledAt: ContinuousClock.Instant

    /// Full at first.
    init(perSecond: Double, at now: ContinuousClock.Instant) {
        self.perSecond = perSecond
        capacity = max(1, perSecond)
        tokens = capacity
        filledAt = now
    }

    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        tokens = min(capacity, tokens + max(0, (now - filledAt) / .seconds(1)) * perSecond)
        filledAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
