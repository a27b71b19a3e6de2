/// How one operation came to its end.
public enum Conclusion: Sendable, Equatable {
    /// The upstream took it; the body of its answer when that is known.
    case processed(answer: String?)
    /// Given up on; it stands in `failed` until a person retries, cancels or clears it.
    case failed(LastError)
    case cancelled
    case expired
    case cleared
}

/// What a user interface shows of one entity.
public enum EntityState: Sendable, Equatable {
    /// Nothing of it waits.
    case synced
    /// So many operations wait or are on their way.
    case pending(Int)
    /// The first of them has failed and is tried again then.
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
        let changes = hub.subscribe()
        return try await withThrowingTaskGroup(of: Conclusion?.self) { group in
            group.addTask { [self] in
                for await _ in changes { if let end = try await conclusion(of: id) { return end } }
                return nil
            }
            group.addTask { [self] in
                while true {
                    if let end = try await conclusion(of: id) { return end }
                    try await clock.wait(untilSteady: clock.now.steady + Self.askEveryMs)
                }
            }
            defer { group.cancelAll() }
            while let end = try await group.next() { if let end { return end } }
            throw CancellationError()
        }
    }

    /// How it ended; nil while it waits.
    private func conclusion(of id: OperationID) async throws(SyncError) -> Conclusion? {
        var id = id
        // Merged operations make a chain, as long as the user kept editing.
        for _ in 0..<Self.mostOfEntity {
            do throws(StoreError) {
                if let stored = try await store.operation(id) {
                    return stored.status == .failed ? stored.lastError.map { .failed($0) } : nil
                }
                switch try await store.ending(of: id) {
                case .processed(let answer): return .processed(answer: answer)
                case .merged(let into): id = into
                case .cancelled: return .cancelled
                case .expired: return .expired
                case .cleared: return .cleared
                case nil: throw .unavailable(Self.unknown)
                }
            } catch {
                if error == .unavailable(Self.unknown) { throw .notFound(id: id.description) }
                throw .store(error)
            }
        }
        throw .notFound(id: id.description)
    }

    private static var unknown: String { "no such id" }

    /// Where an entity stands now.
    public func state(of entity: EntityKey) async throws(SyncError) -> EntityState {
        let operations: [Operation]
        do throws(StoreError) { operations = try await store.operations(of: entity, limit: Self.mostOfEntity) } catch {
            throw .store(error)
        }
        for operation in operations where operation.status == .failed {
            guard let error = operation.lastError else { continue }
            return error.class == .conflict ? .conflict(error) : .failed(error)
        }
        guard let first = operations.first else { return .synced }
        if first.status == .pending, let until = first.nextRetryAt, let error = first.lastError { return .retrying(until: until, error) }
        return .pending(operations.count)
    }

    /// The states of an entity, from now on: the present one at once, then each that differs. A slow reader gets the newest.
    public func states(of entity: EntityKey) -> AsyncThrowingStream<EntityState, any Error> {
        let changes = hub.subscribe()
        return AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            // Ends with the stream, which cancels it.
            let watch = Task { [self] in
                do {
                    var last: EntityState?
                    func tell() async throws {
                        let state = try await self.state(of: entity)
                        if state != last { continuation.yield(state) }
                        last = state
                    }
                    try await tell()
                    for await _ in changes { try await tell() }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in watch.cancel() }
        }
    }

    /// What a logout of `principal` would leave behind, in `seq` order after `afterSeq`, 1000 at most: everything of that principal that has
    /// not been delivered, failed ones included.
    public func unsent(for principal: String, afterSeq: Int64 = 0, limit: Int = 1000) async throws(SyncError) -> [Operation] {
        let hash = try hash(principal)
        do throws(StoreError) {
            return try await store.unsent(for: hash, afterSeq: afterSeq, limit: min(max(limit, 1), 1000))
        } catch {
            throw .store(error)
        }
    }
}
