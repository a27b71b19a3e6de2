import Synchronization

extension SyncEngine.Optimistic {
    /// Follows a feed of remote changes until this task is cancelled, from where it was left the last time.
    ///
    /// Each batch and its cursor are kept in one transaction, so that after a crash no change is missed and none is taken twice. Changes
    /// that are older than what an answer has already told are passed over. Operations that wait are replayed on top.
    ///
    /// - Parameters:
    ///   - feed: Who tells of the changes.
    ///   - name: Which feed it is, for a store that follows several.
    ///   - entity: Which entity a change is of; nil for one that is none of ours. By default what the upstream names.
    ///   - reread: Called when changes may be missing, because the feed no longer knows our cursor or a change could not be read. It gets
    ///     what the upstream has now of all that the app shows; the feed goes on when that is kept. By default nothing is read, and what is
    ///     known stands until the next change.
    ///
    /// Throws `CancellationError`, what `entity` or `reread` throw, or ``SyncError``. Where several processes follow one feed in one store,
    /// each batch is taken from whoever comes first.
    public func follow(
        _ feed: any ChangeFeed, named name: String = "changes",
        entity: @escaping @Sendable (RemoteChange) throws -> EntityKey? = { $0.entity },
        reread: @escaping @Sendable (ChangeBatch.Reset) async throws -> [RemoteState] = { _ in [] }
    ) async throws {
        let pulse = FeedPulse()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await takePassed(pulse) }
            defer { group.cancelAll() }
            while true {
                let cursor: String?
                do throws(StoreError) {
                    cursor = try await engine.store.feedCursor(of: name)
                    // An answer may come before the feed tells anything; the feed is behind it then.
                    if cursor == nil {
                        let mark = FeedMark(feed: name, after: nil, cursor: nil)
                        _ = try await engine.store.saveRemote([], mark: mark, now: engine.clock.now.wall)
                    }
                } catch .stale {
                    continue
                } catch {
                    throw SyncError.store(error)
                }
                let follower = FeedFollower(engine: engine, name: name, cursor: cursor, pulse: pulse, entity: entity, reread: reread)
                // Somebody else has followed it further than we have: on from there.
                do { try await feed.run(from: cursor, into: follower) } catch is FeedFollower.Passed { continue }
                return
            }
        }
    }

    /// Milliseconds between looks for what was passed over too long ago.
    private static let everyMs: Int64 = 10_000

    private func takePassed(_ pulse: FeedPulse) async throws {
        while true {
            try await engine.clock.wait(untilSteady: engine.clock.now.steady + Self.everyMs)
            guard pulse.beats(for: EntityKnowledge.patienceMs, at: engine.clock.now.steady) else { continue }
            let now = engine.clock.now.wall
            do throws(StoreError) {
                for entity in try await engine.store.takePassed(now: now, limit: 1000) { engine.hub.tell(.remoteChanged(entity), at: now) }
            } catch {
                engine.hub.tell(.storeError(error), at: now)
            }
        }
    }
}

/// Since when a feed works.
private final class FeedPulse: Sendable {
    private let since = Mutex<Int64?>(nil)

    func feedIs(_ state: FeedState, at steady: Int64) {
        since.withLock { since in
            switch state {
            case .streaming, .polling: since = since ?? steady
            case .connecting, .waiting: since = nil
            }
        }
    }

    /// Whether it has worked without a break for so long.
    func beats(for milliseconds: Int64, at steady: Int64) -> Bool { since.withLock { $0.map { steady - $0 >= milliseconds } ?? false } }
}

/// Keeps what a feed tells.
private final class FeedFollower: ChangeConsumer {
    /// The cursor that is kept is no longer ours.
    struct Passed: Error {}

    private let engine: SyncEngine
    private let name: String
    private let pulse: FeedPulse
    private let entity: @Sendable (RemoteChange) throws -> EntityKey?
    private let reread: @Sendable (ChangeBatch.Reset) async throws -> [RemoteState]
    /// A feed hands over one batch at a time.
    private let cursor: Mutex<String?>

    init(
        engine: SyncEngine, name: String, cursor: String?, pulse: FeedPulse,
        entity: @escaping @Sendable (RemoteChange) throws -> EntityKey?,
        reread: @escaping @Sendable (ChangeBatch.Reset) async throws -> [RemoteState]
    ) {
        (self.engine, self.name, self.pulse, self.entity, self.reread) = (engine, name, pulse, entity, reread)
        self.cursor = Mutex(cursor)
    }

    func feedIs(_ state: FeedState) { pulse.feedIs(state, at: engine.clock.now.steady) }

    func take(_ batch: ChangeBatch) async throws {
        var states: [RemoteState] = []
        if let reset = batch.reset { states = try await reread(reset) }
        for change in batch.changes { if let entity = try entity(change) { states.append(RemoteState(change, of: entity)) } }
        let mark = FeedMark(feed: name, after: cursor.withLock { $0 }, cursor: batch.cursor, isReset: batch.reset != nil)
        let now = engine.clock.now.wall
        let taken: [Bool]
        do throws(StoreError) {
            taken = try await engine.store.saveRemote(states, mark: mark, now: now)
        } catch .stale {
            throw Passed()
        } catch {
            throw SyncError.store(error)
        }
        cursor.withLock { $0 = batch.cursor }
        for (remote, isTaken) in zip(states, taken) where isTaken { engine.hub.tell(.remoteChanged(remote.entity), at: now) }
    }
}

extension RemoteState {
    /// What a change leaves of its entity.
    public init(_ change: RemoteChange, of entity: EntityKey) {
        self.init(
            entity, ServerState(state: change.body?.text, etag: change.etag, isGone: change.isDelete), version: change.version,
            key: change.idempotencyKey.flatMap { UniqueID($0.lowercased()) })
    }
}
