extension SyncEngine {
    /// Why an operation is not moving, or that it may go. `freeBytes` are those where the store lives, if they are known.
    /// Throws ``SyncError/notFound(id:)`` when none of that id is stored.
    public func explain(_ id: OperationID, freeBytes: Int64? = nil) async throws(SyncError) -> Explanation {
        let found: (standing: Standing?, situation: Explanation.Situation)
        do throws(StoreError) {
            found = (try await store.standing(of: id), try await situation(freeBytes))
        } catch {
            throw .store(error)
        }
        guard let standing = found.standing else { throw .notFound(id: id.description) }
        return .of(standing, found.situation)
    }

    /// What holds up the queue as a whole, in numbers.
    public func explainQueue(freeBytes: Int64? = nil) async throws(SyncError) -> QueueExplanation {
        do throws(StoreError) {
            let situation = try await situation(freeBytes)
            return .of(try await store.census(at: situation.now), situation)
        } catch {
            throw .store(error)
        }
    }

    private func situation(_ freeBytes: Int64?) async throws(StoreError) -> Explanation.Situation {
        try await .init(of: store, at: clock.now.wall, freeBytes: freeBytes, for: configuration.processor)
    }
}
