extension SyncEngine {
    /// Takes an operation out of the queue, durably, and tells it; one that is on the wire stays. The answer says whether it may have had
    /// an effect: ``Operation/undo(as:)`` of what was stored takes that back.
    ///
    /// One that has another status than `status` stays, as if it were not found; nil, the default, takes any.
    public func cancel(_ id: OperationID, ifStill status: Operation.Status? = nil) async throws(SyncError) -> CancelAnswer {
        let now = clock.now.wall
        let answer: CancelAnswer
        do throws(StoreError) { answer = try await store.cancel(id, ifStill: status, now: now) } catch { throw .store(error) }
        guard answer == .neverSent || answer == .mayHaveApplied else { return answer }
        hub.tell(.cancelled(id: id, mayHaveApplied: answer == .mayHaveApplied), at: now)
        endingHandlers.ring()
        wake()
        return answer
    }

    /// Puts failed operations back into their lines, at their old places, durably, and tells it; all of them without `ids`. Returns how
    /// many.
    @discardableResult
    public func retry(_ ids: [OperationID]? = nil) async throws(SyncError) -> Int {
        let now = clock.now.wall
        let count: Int
        do throws(StoreError) { count = try await store.retry(ids, now: now) } catch { throw .store(error) }
        guard count > 0 else { return 0 }
        hub.tell(.retried(count: count), at: now)
        wake()
        return count
    }
}
