extension SyncEngine {
    /// What the app shows before the upstream has taken it.
    public var optimistic: Optimistic { Optimistic(engine: self) }

    /// The optimistic store of an engine: changes that are shown at once, their commit or undo, and what to show meanwhile.
    ///
    /// Handlers are called while ``SyncEngine/run()`` runs, whichever process delivers. One process of a store should take endings; where
    /// several attach, each may be called.
    public struct Optimistic: Sendable {
        let engine: SyncEngine

        /// Keeps a change, on disk when this returns. Enqueue its operations after that, with the same token.
        ///
        /// It is committed when the last of them has reached the upstream, and rolled back as soon as one fails for good, is cancelled,
        /// cleared, has expired, or loses a conflict; the others of the change stay as they are. Rolled back, it takes along the open
        /// changes that depend on it, newest first; of those, operations that were never attempted step out into `failed` with the class
        /// `dependency`, so that nothing is lost. A person may retry what has failed: when all of it then succeeds, a second ending says
        /// that it was committed after all, and goes to the attached handler.
        ///
        /// `commit` and `rollback` live as long as this process. Without them, and after a restart, the handler of ``attach(_:)`` is
        /// called. Where the upstream gave the entity its own id, the change that is told has that one.
        ///
        /// A token that is registered already keeps its change as it was: the snapshot is of before the first edit. Handlers given with it
        /// take the place of both that it had, so that each ending is told once; without any, those stay. When this throws, nothing has
        /// changed, and the handlers of before are in force.
        public func register(
            _ change: OptimisticChange, commit: (@Sendable (OptimisticEnding) async throws -> Void)? = nil,
            rollback: (@Sendable (OptimisticEnding) async throws -> Void)? = nil
        ) async throws(SyncError) {
            try engine.check(change)
            var kept: (number: Int, before: EndingHandlers.Numbered?)?
            if commit != nil || rollback != nil {
                kept = engine.endingHandlers.keep(
                    { _, ending in
                        if ending.result == .committed { try await commit?(ending) } else { try await rollback?(ending) }
                    }, for: change.txnToken)
            }
            do throws(StoreError) {
                try await engine.store.register(change, now: engine.clock.now.wall)
            } catch {
                if let kept { engine.endingHandlers.drop(change.txnToken, number: kept.number, before: kept.before) }
                throw .store(error)
            }
            if kept != nil { engine.endingHandlers.ring() }
        }

        /// Takes every ending of a change without handlers of its own: those that this process missed first, oldest first, then each as it
        /// comes. At least once: an ending whose handling a crash cut short comes again, so handle it by its token.
        public func attach(_ handler: @escaping EndingHandler) { engine.endingHandlers.attach(handler) }

        /// Rolls back an open change of which no operation is stored: the app died before it enqueued, or thinks otherwise. Returns whether
        /// there was such a change.
        @discardableResult
        public func withdraw(txnToken: String) async throws(SyncError) -> Bool {
            let found: Bool
            do throws(StoreError) {
                found = try await engine.store.withdraw(txnToken: txnToken, now: engine.clock.now.wall)
            } catch {
                throw .store(error)
            }
            if found { engine.endingHandlers.ring() }
            return found
        }

        /// What the user should see of an entity now.
        ///
        /// The server's side is what remote changes and, where the configuration keeps states, answers have told, whichever is the newer;
        /// without either it is the snapshot of the oldest open change, or the base of the oldest edit that waits. What nothing was heard
        /// of for 90 days is forgotten, unless a feed keeps it up to date.
        public func overlay(of entity: EntityKey) async throws(SyncError) -> Overlay {
            do throws(StoreError) { return try await engine.store.view(of: entity).overlay } catch { throw .store(error) }
        }

        /// The overlays of an entity, from now on: the present one at once, then each that differs, within a second also where another
        /// process has changed it. A slow reader gets the newest.
        public func overlays(of entity: EntityKey) -> AsyncThrowingStream<Overlay, any Error> {
            engine.watch { try await overlay(of: entity) }
        }

        /// Says what entities have become at the upstream; on disk when this returns. Operations that wait stay as they are, and are
        /// replayed on top. Returns for each whether it was taken: older versions than the known one are not.
        @discardableResult
        public func remote(_ states: [RemoteState]) async throws(SyncError) -> [Bool] {
            for (index, remote) in states.enumerated() {
                guard let state = remote.server.state else { continue }
                try engine.check(state, "states[\(index)].state")
            }
            let now = engine.clock.now.wall
            let taken: [Bool]
            do throws(StoreError) { taken = try await engine.store.saveRemote(states, now: now) } catch { throw .store(error) }
            for (remote, isTaken) in zip(states, taken) where isTaken { engine.hub.tell(.remoteChanged(remote.entity), at: now) }
            return taken
        }

        /// Says what one entity has become: a JSON object as text, or nil when it is gone.
        @discardableResult
        public func remote(_ entity: EntityKey, state: String?, etag: String? = nil) async throws(SyncError) -> Bool {
            try await remote([RemoteState(entity, ServerState(state: state, etag: etag, isGone: state == nil))])[0]
        }
    }

    fileprivate func check(_ change: OptimisticChange) throws(SyncError) {
        for (field, token) in [("txn_token", change.txnToken), ("depends_on", change.dependsOn ?? change.txnToken)] {
            guard (1...128).contains(token.utf8.count), token.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw .validation(field: field, constraint: "must be 1–128 bytes long, without control characters")
            }
        }
        guard change.dependsOn != change.txnToken else {
            throw .validation(field: "depends_on", constraint: "must name another change")
        }
        if let original = change.original { try check(original, "original") }
    }

    func check(_ text: String, _ field: String, isStrict: Bool = false) throws(SyncError) {
        guard text.utf8.count <= configuration.limits.payloadBytes else {
            throw .validation(field: field, constraint: "is too long; at most \(configuration.limits.payloadBytes) bytes are allowed")
        }
        do throws(JSONScanner.Defect) {
            try JSONScanner.checkObject(text, isStrict: isStrict)
        } catch {
            throw .validation(field: field, constraint: "\(error.constraint) (at byte \(error.offset))")
        }
    }
}
