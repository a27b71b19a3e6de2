extension SyncEngine {
    /// Why an operation is not moving, or that it may go. `room` is that where the store lives, if it is known.
    /// Throws ``SyncError/notFound(id:)`` when none of that id is stored.
    public func explain(_ id: OperationID, room: DiskRoom? = nil) async throws(SyncError) -> Explanation {
        let found: (standing: Standing?, situation: Explanation.Situation)
        do throws(StoreError) {
            found = (try await store.standing(of: id), try await situation(room))
        } catch {
            throw .store(error)
        }
        guard let standing = found.standing else { throw .notFound(id: id.description) }
        return .of(standing, found.situation)
    }

    /// What holds up the queue as a whole, in numbers.
    public func explainQueue(room: DiskRoom? = nil) async throws(SyncError) -> QueueExplanation {
        do throws(StoreError) {
            let situation = try await situation(room)
            return .of(try await store.census(at: situation.now), situation)
        } catch {
            throw .store(error)
        }
    }

    private func situation(_ room: DiskRoom?) async throws(StoreError) -> Explanation.Situation {
        try await .init(of: store, at: clock.now.wall, room: room, for: configuration.processor)
    }
}
