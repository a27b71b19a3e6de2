/// How one operation came to its end.
public enum Conclusion: Sendable, Equatable {
    /// The upstream took it; the body of its answer when that was kept (``ProcessorConfiguration/keptAnswers``).
    case processed(answer: String?)
    /// Given up on; it stands in `failed` until a person retries, cancels or clears it.
    case failed(LastError)
    /// Taken out by a person or the app, or the create and the delete that cancelled each other out.
    case cancelled
    /// Its `expiresAt` had passed when its turn came, and it had no effect.
    case expired
    /// It had failed, and was removed for good.
    case cleared
}

/// What a user interface shows of one entity.
public enum EntityState: Sendable, Equatable {
    /// Nothing of it waits.
    case synced
    /// So many operations wait or are on their way. That the first of them is only held up, by a route that is to wait or a login that is
    /// missing, is no other state.
    case pending(Int)
    /// The first of them has failed and is tried again then; where that time has passed, as soon as a worker is free and nothing else holds
    /// delivery up.
    case retrying(until: Timestamp, LastError)
    /// One was given up on.
    case failed(LastError)
    /// One met another version at the upstream.
    case conflict(LastError)
}

extension SyncEngine {
    /// Milliseconds between looks at the store while an end is awaited: other processes settle, cancel and clear too.
    static var askEveryMs: Int64 { 1000 }
    /// Operations of one entity that are looked at, at most.
    static var mostOfEntity: Int { 10_000 }

    /// Waits for the end of an operation, also of one that ended before the call, in another process, or before a restart.
    ///
    /// One that was merged into another has that one's outcome. Throws ``SyncError/notFound(id:)`` for an id that neither the queue nor the
    /// ledger knows, and `CancellationError` when the task is cancelled.
    public func outcome(of id: OperationID) async throws -> Conclusion {
        for try await end in watch({ try await self.conclusion(of: id) }) { if let end { return end } }
        throw CancellationError()
    }

    /// How it ended; nil while it waits.
    private func conclusion(of id: OperationID) async throws(SyncError) -> Conclusion? {
        var id = id
        // Merged operations make a chain, as long as the user kept editing.
        for _ in 0..<Self.mostOfEntity {
            let ending: Ending?
            do throws(StoreError) {
                if let stored = try await store.operation(id) {
                    return stored.status == .failed ? stored.lastError.map { .failed($0) } : nil
                }
                ending = try await store.ending(of: id)
            } catch {
                throw .store(error)
            }
            switch ending {
            case .processed(let answer): return .processed(answer: answer)
            case .merged(let into): id = into
            case .cancelled: return .cancelled
            case .expired: return .expired
            case .cleared: return .cleared
            case nil: throw .notFound(id: id.description)
            }
        }
        throw .notFound(id: id.description)
    }

    /// All stored operations of an entity, those that wait and those that have failed, in the order in which they were enqueued; 10 000
    /// at most.
    public func operations(of entity: EntityKey) async throws(SyncError) -> [Operation] {
        do throws(StoreError) { return try await store.operations(of: entity, limit: Self.mostOfEntity) } catch { throw .store(error) }
    }

    /// Why a stored operation is not delivered, with its trace id: the answer to its last failed attempt, or the 401, 426 or TLS refusal
    /// that it has met since. nil when there is none, or it has left the queue.
    public func deliveryError(of id: OperationID) async throws(SyncError) -> DeliveryError? {
        do throws(StoreError) { return try await store.operation(id)?.deliveryError } catch { throw .store(error) }
    }

    /// What has brought delivery to a stand (`auth`, `upgrade`, `tls`), such as which version of the app the upstream asks for: the answer
    /// to the operation that was enqueued last of those that have met it, also after a restart. nil when delivery does not stand for that
    /// reason, or no answer of the upstream's is behind it.
    public func deliveryError(behind pause: Pause) async throws(SyncError) -> DeliveryError? {
        guard let errorClass = pause.errorClass else { return nil }
        do throws(StoreError) {
            guard try await store.loadControl().pauses.contains(pause) else { return nil }
            var search = OperationSearch(status: .pending, limit: 1)
            search.errorClass = errorClass
            search.includesPayload = false
            search.isNewestFirst = true
            repeat {
                let page = try await store.search(search)
                if let found = page.operations.first { return found.deliveryError }
                search.cursor = page.next
            } while search.cursor != nil
            return nil
        } catch {
            throw .store(error)
        }
    }

    /// Where an entity stands now.
    public func state(of entity: EntityKey) async throws(SyncError) -> EntityState {
        let operations = try await operations(of: entity)
        for operation in operations where operation.status == .failed {
            guard let error = operation.lastError else { continue }
            return error.class == .conflict ? .conflict(error) : .failed(error)
        }
        guard let first = operations.first else { return .synced }
        // One that never failed may have both all the same: its route is held, and its last error is a standstill that is over.
        if first.status == .pending, first.tries > 0, let until = first.nextRetryAt, let error = first.lastError {
            return .retrying(until: until, error)
        }
        return .pending(operations.count)
    }

    /// The states of an entity, from now on: the present one at once, then each that differs, within a second also where another process
    /// has changed it. A slow reader gets the newest.
    public func states(of entity: EntityKey) -> AsyncThrowingStream<EntityState, any Error> {
        watch { try await self.state(of: entity) }
    }

    /// What `look` finds, from now on: the present at once, then each that differs from the one before. A slow reader gets the newest.
    ///
    /// It looks when something has happened here, once for all that happens meanwhile, and every ``askEveryMs``.
    func watch<Found: Equatable & Sendable>(
        _ look: @escaping @Sendable () async throws -> Found
    ) -> AsyncThrowingStream<Found, any Error> {
        let (bell, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let changes = hub.subscribe(backlog: 1)
        return AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            // Ends with the stream, which cancels it.
            let watch = Task { [self] in
                do {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        defer { group.cancelAll() }
                        group.addTask { for await _ in changes { ring.yield() } }
                        group.addTask { [self] in
                            while true {
                                ring.yield()
                                try await clock.wait(untilSteady: clock.now.steady + Self.askEveryMs)
                            }
                        }
                        var last: Found?
                        for await _ in bell {
                            let found = try await look()
                            if found != last { continuation.yield(found) }
                            last = found
                        }
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in watch.cancel() }
        }
    }

    /// What a logout of `principal` would leave behind, in `seq` order after `afterSeq`, 1000 at most: everything of that principal that
    /// has not been delivered, failed ones included.
    public func unsent(for principal: String, afterSeq: Int64 = 0, limit: Int = 1000) async throws(SyncError) -> [Operation] {
        let hash = try hash(principal)
        do throws(StoreError) {
            return try await store.unsent(for: hash, afterSeq: afterSeq, limit: min(max(limit, 1), 1000))
        } catch {
            throw .store(error)
        }
    }
}

extension Pause {
    /// What an answer is stored as that brings delivery to a stand for this reason.
    fileprivate var errorClass: ErrorClass? {
        switch self {
        case .auth: .auth
        case .upgrade: .upgrade
        case .tls: .tls
        case .operator, .rollout: nil
        }
    }
}
