package import GuardianCore

/// What the store and the engine say of themselves at one instant; the source of the gauges.
package struct StoreReading: Sendable, Equatable {
    package var at: Timestamp
    package var books: Books
    /// When the operation that has waited longest was enqueued.
    package var oldestPending: Timestamp?
    package var pauses: Set<Pause>
    package var health: OriginHealth?
    /// Whether this process holds the lock.
    package var holdsLock: Bool
    /// How many deliver from the store.
    package var processors: Int
    package var accountingGap: Int
    /// Where the store lives; nil when nobody knows.
    package var freeBytes: Int64?

    package init(
        at: Timestamp, books: Books, oldestPending: Timestamp? = nil, pauses: Set<Pause> = [], health: OriginHealth? = nil,
        holdsLock: Bool = false, processors: Int = 0, accountingGap: Int = 0, freeBytes: Int64? = nil
    ) {
        self.at = at
        self.books = books
        self.oldestPending = oldestPending
        self.pauses = pauses
        self.health = health
        self.holdsLock = holdsLock
        self.processors = processors
        self.accountingGap = accountingGap
        self.freeBytes = freeBytes
    }

    /// Whether any process delivers from the store.
    package var isDelivered: Bool { processors > 0 }

    var oldestAgeSeconds: Double {
        guard let oldestPending, books.pending + books.processing > 0 else { return 0 }
        return Double(max(0, at.milliseconds - oldestPending.milliseconds)) / 1000
    }

    /// The circuit breaker; one whose time is up waits for its probe.
    var circuit: ProductionMetrics.Circuit {
        guard let until = health?.openUntil else { return .closed }
        return until > at ? .open : .halfOpen
    }

    /// Whether the upstream asked to wait, or a plague holds delivery.
    var isHeld: Bool { health?.plagueStatus != nil || (health?.holdUntil).map { $0 > at } ?? false }
}

extension StoreReading {
    /// Asks `store`: a few rows by their keys, whatever the length of the queue.
    package init(
        of store: any Store, at now: Timestamp, holdsLock: Bool = false, staleAfterMs: Int64 = 120_000, accountingGap: Int = 0,
        freeBytes: Int64? = nil
    ) async throws(StoreError) {
        let control = try await store.loadControl()
        let seats = try await store.processors()
        let fresh = seats.count { abs(now.milliseconds - $0.heartbeatAt.milliseconds) < staleAfterMs }
        self.init(
            at: now, books: try await store.books(), oldestPending: try await store.oldestPending(), pauses: control.pauses,
            health: control.health, holdsLock: holdsLock, processors: max(fresh, holdsLock ? 1 : 0), accountingGap: accountingGap,
            freeBytes: freeBytes)
    }
}
