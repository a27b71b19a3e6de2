extension Explanation {
    /// What concerns every operation of a store at one moment.
    package struct Situation: Sendable, Equatable {
        /// Free bytes below which a claim can't be written down: 1 MiB.
        package static let leastFreeBytes: Int64 = 1 << 20

        package var now: Timestamp
        package var control: Control
        /// nil when nobody holds the lock.
        package var lock: LockState?
        /// Where the store lives; nil when it is not known.
        package var room: DiskRoom?
        /// Milliseconds that the upstream remembers idempotency keys.
        package var idempotencyWindowMs: Int64
        /// Milliseconds without a heartbeat after which the lock may be taken over.
        package var staleAfterMs: Int64

        package init(
            now: Timestamp, control: Control = Control(), lock: LockState? = nil, room: DiskRoom? = nil,
            idempotencyWindowMs: Int64 = 86_400_000, staleAfterMs: Int64 = 120_000
        ) {
            self.now = now
            self.control = control
            self.lock = lock
            self.room = room
            self.idempotencyWindowMs = idempotencyWindowMs
            self.staleAfterMs = staleAfterMs
        }

        /// As it stands in a store, for processors that are configured like this; what is out of its range is taken as they take it.
        package init(
            of store: any DeliveryStore & LockStore, at now: Timestamp, room: DiskRoom? = nil, for processor: ProcessorConfiguration
        ) async throws(StoreError) {
            let processor = processor.clamped
            self.init(
                now: now, control: try await store.loadControl(), lock: try await store.lockState(), room: room,
                idempotencyWindowMs: processor.idempotencyWindowMs, staleAfterMs: processor.lease.staleAfterMs)
        }
    }
}

extension Explanation.Situation {
    private var pauses: Set<Pause> { control.pauses }

    /// What holds up every head, whosever it is: a pause, or a full disk.
    var standstill: Explanation.Obstacle? {
        if pauses.contains(.operator) {
            return .init(reason: .paused, detail: "delivery was paused by a person; `guardian resume` lets it go on")
        }
        if pauses.contains(.rollout) {
            return .init(
                reason: .paused,
                detail: "delivery is paused (\(Pause.rollout.rawValue)): too many answers after the last change were errors; take the "
                    + "change back or mend it, then `guardian resume`")
        }
        if pauses.contains(.tls) {
            return .init(
                reason: .paused,
                detail: "delivery is paused (\(Pause.tls.rawValue)): no safe connection to the upstream could be made; mend its "
                    + "certificate or the trust in it, then run `guardian resume`")
        }
        if pauses.contains(.auth) {
            return .init(
                reason: .authRequired, detail: "the upstream refuses the token; delivery goes on by itself with a new one, so log in again")
        }
        if pauses.contains(.upgrade) {
            return .init(
                reason: .upgradeRequired,
                detail: "the upstream asks for a newer version of this program; upgrade it: delivery goes on with the first run of another "
                    + "version, or with `guardian resume`")
        }
        guard let usable = room?.usableBytes, usable < Self.leastFreeBytes else { return nil }
        return .init(
            reason: .disk,
            detail: "only \(usable) bytes are free where the store lives, too few to write a claim (it takes \(Self.leastFreeBytes)); "
                + "make room")
    }

    /// What holds up every head that is not parked: the upstream is not to be asked now.
    var upstreamObstacle: Explanation.Obstacle? {
        guard let health = control.health else { return nil }
        if let since = health.plagueSince {
            let status = health.plagueStatus.map { " with HTTP \($0)" } ?? ""
            return .init(
                reason: .plagueHold,
                detail: "the upstream refuses everyone\(status) since \(since), so delivery is held and nothing fails; a probe now and "
                    + "then ends this by itself; look at its gateway and its last deploy")
        }
        if let until = health.openUntil, until > now {
            return .init(
                reason: .breaker, until: until,
                detail: "the circuit breaker is open after many failures; a probe goes at \(until) by itself; see whether the upstream "
                    + "is up (`guardian doctor`)")
        }
        if let until = health.holdUntil, until > now {
            return .init(
                reason: .originHold, until: until,
                detail: "the upstream asked everyone to wait (Retry-After) until \(until); delivery goes on then by itself")
        }
        return nil
    }

    /// Who holds the lock and has been heard of lately.
    package var holder: LockState? {
        guard let lock else { return nil }
        // A heartbeat from the far future is one of a clock that has been set back since.
        let (silenceMs, isFar) = now.milliseconds.subtractingReportingOverflow(lock.heartbeatAt.milliseconds)
        return !isFar && silenceMs.magnitude < staleAfterMs.magnitude ? lock : nil
    }

    /// Who takes what may go.
    var whoDelivers: String {
        guard let lock else { return "but nobody delivers now: start `guardian serve`" }
        guard let holder else {
            return "but processor \(lock.fence.owner) is silent since \(lock.heartbeatAt); the next one takes over: start `guardian serve`"
        }
        // Half-open: one is sent, and the others wait for what becomes of it.
        let isProbing = control.health?.openUntil != nil
        return isProbing
            ? "processor \(holder.fence.owner) sends one probe first, to see whether the upstream is back"
            : "processor \(holder.fence.owner) takes it when a worker is free"
    }
}
