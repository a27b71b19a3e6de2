extension SyncEngine {
    /// Ends a conflict by a person's choice (see ``ConflictChoice``), durably, and tells it. Returns false when the operation is none that
    /// failed as a conflict, or somebody else was faster.
    ///
    /// `ifUpdatedAt` is the ``Operation/updatedAt`` of the conflict that the person has seen: one that has come since is left alone, for
    /// what was chosen knows nothing of its other side. nil, the default, takes any.
    @discardableResult
    public func resolve(_ id: OperationID, _ choice: ConflictChoice, ifUpdatedAt: Timestamp? = nil) async throws(SyncError) -> Bool {
        if case .payload(let text) = choice { try check(text, "payload", isStrict: true) }
        let now = clock.now.wall
        do throws(StoreError) {
            guard let operation = try await store.operation(id), operation.status == .failed, operation.lastError?.class == .conflict,
                ifUpdatedAt == nil || operation.updatedAt == ifUpdatedAt
            else { return false }
            let revision = operation.revision(for: choice, newKey: newKey())
            guard try await store.resolve(id, revision, now: now) else { return false }
            hub.tell(
                .conflictResolved(id: id, strategy: ConflictPolicy.manual.name, resolution: revision == nil ? "server" : "sent_again"),
                at: now)
            if revision == nil { hub.tell(.processed(id: id, latencyMs: 0, httpStatus: nil), at: now) }
        } catch {
            throw .store(error)
        }
        endingHandlers.ring()
        wake()
        return true
    }
}
