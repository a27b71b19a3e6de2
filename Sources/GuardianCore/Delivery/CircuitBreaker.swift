/// Stops asking an upstream that keeps failing, and asks it once in a while whether it is back.
///
/// States: *closed* (all may pass) → *open* (none) after `failures` transient or network failures within `windowMs` that make up at
/// least half of the last 2 × `failures` answers; so a healthy upstream with a few per cent of errors at high rate does not trip, and
/// an outage trips at exactly `failures` in a row → *half-open* after the cool-down (±20 % jitter): one probe → closed on success, open
/// again on failure. Answers to attempts sent before the last change of state are ignored. Pattern: M. Nygard, "Release It!", 2007.
public struct CircuitBreaker: Sendable, Equatable {
    /// What lies outside its range is taken as the nearest that is in it.
    public struct Policy: Sendable, Equatable {
        /// 10 by default, 1…100 000.
        public var failures: Int
        /// Milliseconds; 60 s by default, 1 ms…1 year.
        public var windowMs: Int64
        /// Milliseconds; 60 s by default, 1 ms…1 year.
        public var coolDownMs: Int64

        /// The defaults, but for what is given.
        public init(failures: Int = 10, windowMs: Int64 = 60_000, coolDownMs: Int64 = 60_000) {
            self.failures = failures
            self.windowMs = windowMs
            self.coolDownMs = coolDownMs
        }

        /// What a breaker goes by.
        var clamped: Policy {
            Policy(
                failures: min(max(failures, 1), 100_000), windowMs: ProcessorConfiguration.span(windowMs),
                coolDownMs: ProcessorConfiguration.span(coolDownMs))
        }
    }

    package enum State: Sendable, Equatable {
        case closed
        /// Until this steady time.
        case open(until: Int64)
        /// The probe may go, or has gone.
        case halfOpen(probing: Bool)
    }

    package enum Change: Sendable, Equatable {
        case opened(until: Int64)
        case closed
    }

    private struct Sample: Sendable, Equatable {
        var at: Int64
        var failed: Bool
    }

    package let policy: Policy
    package private(set) var state: State = .closed
    /// Raised at each change of state; an attempt carries the one it was sent under.
    package private(set) var generation = 0
    private var samples: [Sample] = []

    package init(policy: Policy) { self.policy = policy.clamped }

    /// As it was saved: open for another `remainingMs`.
    package init(policy: Policy, openForMs remainingMs: Int64, now: Int64) {
        self.policy = policy.clamped
        state = .open(until: now + min(max(remainingMs, 0), self.policy.coolDownMs * 6 / 5))
    }

    package var isHalfOpen: Bool {
        if case .halfOpen = state { return true }
        return false
    }

    /// How many attempts may be on the wire beside `inFlight` others: nil is no limit.
    package func allowance(inFlight: Int) -> Int? {
        switch state {
        case .closed: nil
        case .open: 0
        case .halfOpen(let probing): probing || inFlight > 0 ? 0 : 1
        }
    }

    /// Open becomes half-open when its time has come. Returns whether it did.
    package mutating func advance(now: Int64) -> Bool {
        guard case .open(let until) = state, now >= until else { return false }
        state = .halfOpen(probing: false)
        generation += 1
        return true
    }

    /// An attempt goes out. Returns whether it is the probe.
    package mutating func sent() -> Bool {
        guard case .halfOpen = state else { return false }
        state = .halfOpen(probing: true)
        return true
    }

    /// The probe came to nothing that tells anything: another may go.
    package mutating func probeVoid(generation sentUnder: Int) {
        if sentUnder == generation, case .halfOpen = state { state = .halfOpen(probing: false) }
    }

    /// An answer to an attempt of `generation`. `unit` jitters the cool-down.
    package mutating func record(failed: Bool, generation sentUnder: Int, now: Int64, unit: Double) -> Change? {
        guard sentUnder == generation else { return nil }
        switch state {
        case .open: return nil
        case .halfOpen:
            guard !failed else { return open(now: now, unit: unit) }
            state = .closed
            generation += 1
            samples.removeAll(keepingCapacity: true)
            return .closed
        case .closed:
            if samples.count == policy.failures * 2 { samples.removeFirst() }
            samples.append(Sample(at: now, failed: failed))
            guard failed else { return nil }
            let recent = samples.count { $0.failed && $0.at > now - policy.windowMs }
            return recent >= policy.failures ? open(now: now, unit: unit) : nil
        }
    }

    /// Another processor of the same upstream has seen it fail: open too, for as long. A probe of our own that is out decides for itself.
    package mutating func followOpen(forMs remainingMs: Int64, now: Int64) -> Change? {
        let theirs = now + min(max(remainingMs, 0), policy.coolDownMs * 6 / 5)
        switch state {
        case .halfOpen(probing: true): return nil
        case .open(let until):
            state = .open(until: max(until, theirs))
            return nil
        case .closed, .halfOpen(probing: false):
            guard theirs > now else { return nil }
            state = .open(until: theirs)
            generation += 1
            samples.removeAll(keepingCapacity: true)
            return .opened(until: theirs)
        }
    }

    /// Another processor's probe has succeeded.
    package mutating func followClosed() -> Change? {
        switch state {
        case .closed, .halfOpen(probing: true): return nil
        case .open, .halfOpen(probing: false):
            state = .closed
            generation += 1
            samples.removeAll(keepingCapacity: true)
            return .closed
        }
    }

    private mutating func open(now: Int64, unit: Double) -> Change {
        let until = now + Int64(Double(policy.coolDownMs) * (0.8 + 0.4 * unit))
        state = .open(until: until)
        generation += 1
        samples.removeAll(keepingCapacity: true)
        return .opened(until: until)
    }
}
