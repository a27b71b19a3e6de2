/// What is known of one entity at the upstream, told by two sides that do not know of each other: answers to requests of our own, and
/// whoever tells of remote changes, such as a feed.
///
/// **Which of two statements is the newer.** Each side speaks in order: a feed in the order in which the upstream made its changes, answers
/// in the order of the entity's line. Between the two nothing is ordered by time, for an answer may be late, and so may the feed. Three
/// facts order them:
/// 1. Where both states have a number `version`, or both were told by a feed with versions, the smaller is the older.
/// 2. An answer is *overtaken* when the feed has told of that very write (by its idempotency key, or by an ETag that has been superseded
///    since): what the feed told is then at least as new, and stays.
/// 3. An answer that the feed has not told of is newer than all that the feed has told so far, for the feed tells in order. Until the feed
///    gets there (*awaited*), what it tells is older, and is passed over.
///
/// **Nobody is passed over for ever.** Not every feed tells every write: some tell only the latest state of an entity, some leave out
/// writes that changed nothing, some tell neither keys nor ETags. What was passed over last, or stood there before the answer, is therefore
/// kept, and taken after all when a feed that works has not told of the answer for ``patienceMs``. So whatever a feed leaves out, what is
/// known ends as the feed says; and where it tells all, what is known never goes back.
package struct EntityKnowledge: Sendable, Equatable {
    /// A write of ours, or a state that was fetched, that the feed has not told of yet.
    package struct Awaited: Sendable, Equatable {
        package var etag: String?
        package var key: UniqueID?
        package var at: Timestamp
        /// What was told meanwhile, and passed over.
        package var passed: RemoteState?

        package init(etag: String?, key: UniqueID?, at: Timestamp, passed: RemoteState? = nil) {
            self.etag = etag
            self.key = key
            self.at = at
            self.passed = passed
        }
    }

    /// The ETag that operations up to a number were made on, because a remote change came after them.
    ///
    /// It is what their `If-Match` names: the ETag of the change would hide from the upstream that they did not know it.
    package struct MadeOn: Sendable, Equatable {
        package var etag: String?
        /// The greatest number of an operation that did not know the change.
        package var seq: Int64
        /// The same by the numbers of the store that this one was handed over from, where not all operations may have come yet.
        package var before: Int64?

        package init(etag: String?, seq: Int64, before: Int64? = nil) {
            self.etag = etag
            self.seq = seq
            self.before = before
        }
    }

    /// A stored operation of the entity that was attempted, so that its effect may stand already.
    package struct Attempted: Sendable, Equatable {
        package var seq: Int64
        package var key: UniqueID

        package init(seq: Int64, key: UniqueID) {
            self.seq = seq
            self.key = key
        }
    }

    /// Milliseconds that an answer may be ahead of a feed that works; 60 s, longer than from one poll to the next.
    package static let patienceMs: Int64 = 60_000
    /// ETags, and keys, that are remembered of one entity at most, while operations of it are stored.
    package static let mostTold = 32

    /// The newest state.
    package var server: ServerState?
    /// The key of the write that made it, where that is known.
    package var key: UniqueID?
    /// The version of the newest change that a feed told; nil when it told none, or the entity was gone since.
    package var version: Int64?
    package var awaited: Awaited?
    /// ETags that were superseded since operations of the entity are stored; oldest first.
    package var told: [String] = []
    /// Keys of writes that a feed has told of since then; oldest first. Those of operations that may be answered yet are never forgotten.
    package var keys: [UniqueID] = []
    /// The greatest number of an operation that had been attempted when an ETag was forgotten: whether the feed has told of the effects of
    /// those up to it can't be told by their ETags.
    package var forgotten: Int64?
    package var madeOn: MadeOn?

    package init(server: ServerState? = nil) { self.server = server }

    /// The ETag for the `If-Match` of an operation; nil when none is known that it was made on.
    package func ifMatch(for seq: Int64) -> String? {
        if let madeOn, seq <= madeOn.seq { return madeOn.etag }
        return server?.etag
    }

    /// Whether a feed has told of the effect of an operation that still waits for its answer.
    package func hasReached(_ operation: Operation) -> Bool { keys.contains(operation.idempotencyKey) }
}

extension EntityKnowledge {
    /// Somebody tells of a remote change. `newest` is the greatest number of an operation of the entity that is stored; nil when there is
    /// none. `attempted` finds those of them that were attempted; it is asked now and then, when there is more to remember than room for
    /// it. Returns whether the change was taken.
    package mutating func tell(_ remote: RemoteState, newest: Int64?, attempted: () throws -> [Attempted]) rethrows -> Bool {
        if let server, remote.server.isOlder(than: server) || isStale(remote) { return false }
        if newest != nil { try makeRoom(attempted) }
        if let key = remote.key, newest != nil, !keys.contains(key) { keys.append(key) }
        guard let waiting = awaited else {
            take(remote, newest: newest)
            return true
        }
        if waiting.isAhead(of: remote) {
            awaited?.passed = remote
            return false
        }
        awaited = nil
        take(remote, newest: newest)
        // What waits was made on that write.
        if waiting.is(remote) { madeOn = nil }
        return true
    }

    /// Takes what was passed over too long ago; to be called while the feed works. Returns of which entity, if there was something.
    package mutating func takePassed(newest: Int64?, at now: Timestamp) -> EntityKey? {
        guard let waiting = awaited, let passed = waiting.passed, !waiting.isPatient(at: now) else { return nil }
        awaited = nil
        take(passed, newest: newest)
        return passed.entity
    }

    /// The feed begins anew: what it tells from now on stands beside nothing that it told before.
    package mutating func beginAnew() {
        awaited = nil
        version = nil
    }

    /// Known, or older than what is known. A delete bears the last version that there was.
    private func isStale(_ remote: RemoteState) -> Bool {
        guard let told = remote.version, let version else { return false }
        return told < version || told == version && !(remote.server.isGone && server?.isGone != true)
    }

    private mutating func take(_ remote: RemoteState, newest: Int64?) {
        if let newest {
            if let before = server?.etag, before != remote.server.etag { remember(before) }
            if madeOn.map({ newest > $0.seq }) ?? true { madeOn = MadeOn(etag: server?.etag, seq: newest) }
        } else if madeOn?.before == nil {
            (told, keys, forgotten, madeOn) = ([], [], nil, nil)
        }
        var taken = remote.server
        if taken.state == nil, !taken.isGone { taken.state = server?.state }
        server = taken
        key = remote.key
        // What is made again may begin at 1 again.
        version = taken.isGone ? nil : remote.version
    }

    /// Before another change is told: others' keys are of no use, and half of the ETags are forgotten at once.
    private mutating func makeRoom(_ attempted: () throws -> [Attempted]) rethrows {
        guard keys.count >= Self.mostTold || told.count >= Self.mostTold else { return }
        let own = try attempted()
        if keys.count >= Self.mostTold {
            let ownKeys = Set(own.map(\.key))
            keys.removeAll { !ownKeys.contains($0) }
            keys.removeFirst(max(0, keys.count - Self.mostTold + 1))
        }
        if told.count >= Self.mostTold { forgetOldest(upTo: own.map(\.seq).max()) }
    }

    private mutating func forgetOldest(upTo seq: Int64?) {
        told.removeFirst(told.count / 2)
        if let seq { forgotten = max(forgotten ?? seq, seq) }
    }

    private mutating func remember(_ etag: String) {
        guard !told.contains(etag) else { return }
        told.append(etag)
    }
}

extension EntityKnowledge {
    /// What an answer, or a fetch, says.
    package struct Statement: Sendable {
        /// What the upstream said of the entity; nil when it said nothing.
        package var server: ServerState?
        /// The operation as it was sent.
        package var operation: Operation
        /// Whether the upstream has taken it: without a state in the answer, the known one takes the operation in.
        package var isApplied: Bool
        /// Set when the operation made the entity, under an id of the upstream's own: the greatest number of an operation of that entity
        /// that is stored. Whatever a feed has told of it then is at least as new as this answer.
        package var firstUpTo: Int64?

        package init(server: ServerState?, of operation: Operation, isApplied: Bool = false, firstUpTo: Int64? = nil) {
            self.server = server
            self.operation = operation
            self.isApplied = isApplied
            self.firstUpTo = firstUpTo
        }

        fileprivate var key: UniqueID? { isApplied ? operation.idempotencyKey : nil }
    }

    /// The upstream has answered. `isFollowed` says whether the store follows a feed, which will tell of it too.
    package mutating func answered(_ statement: Statement, isFollowed: Bool, at now: Timestamp) {
        let said = statement.server
        guard said != nil || statement.isApplied else { return }
        if isOvertaken(statement) {
            if madeOn == nil, let newest = statement.firstUpTo { madeOn = MadeOn(etag: said?.etag, seq: newest) }
            if let etag = said?.etag { madeOn?.etag = etag }
            return
        }
        let isHeard = isFollowed || !told.isEmpty || !keys.isEmpty || key != nil || madeOn != nil
        let before = server?.etag
        let passed = awaited?.passed ?? whatWasTold(of: statement.operation.entity)
        let isKnown = isHeard && (before != nil && said?.etag == before || statement.key != nil && key == statement.key)
        if var said {
            if said.state == nil, !said.isGone { said.state = server?.state }
            said.etag = said.etag ?? (isKnown ? before : nil)
            server = said
        }
        if statement.isApplied, said?.state == nil, !isKnown, let next = server?.after(statement.operation) { server = next }
        madeOn = nil
        guard isHeard, !isKnown else { return }
        // Those behind it have not been attempted yet.
        if told.count >= Self.mostTold { forgetOldest(upTo: statement.operation.seq) }
        if let before { remember(before) }
        key = statement.key
        awaited = isFollowed ? Awaited(etag: said?.etag, key: key, at: now, passed: passed) : nil
    }

    /// Whether a feed has told of it before, and of what came after.
    private func isOvertaken(_ statement: Statement) -> Bool {
        if statement.firstUpTo != nil, server != nil { return key != statement.key || statement.key == nil }
        if let said = statement.server, let server, said.isOlder(than: server) { return true }
        if let etag = statement.server?.etag {
            if etag == server?.etag { return false }
            if told.contains(etag) { return true }
        }
        if let own = statement.key {
            if own == key { return false }
            if keys.contains(own) { return true }
            // A feed that tells keys has not told this one.
            if !keys.isEmpty { return false }
        }
        return forgotten.map { statement.operation.seq <= $0 } ?? false
    }

    /// What a feed has told since the operations that are stored; nil when it told nothing.
    private func whatWasTold(of entity: EntityKey) -> RemoteState? {
        guard madeOn != nil, let server else { return nil }
        return RemoteState(entity, server, version: version, key: key)
    }
}

extension EntityKnowledge.Awaited {
    fileprivate func isPatient(at now: Timestamp) -> Bool {
        abs(now.milliseconds - at.milliseconds) < EntityKnowledge.patienceMs
    }

    /// Whether a change that is told is the very one.
    fileprivate func `is`(_ remote: RemoteState) -> Bool {
        key != nil && key == remote.key || etag != nil && etag == remote.server.etag
    }

    /// Whether a change that is told is older than what is awaited, as far as the two can be told apart.
    fileprivate func isAhead(of remote: RemoteState) -> Bool {
        let isComparable = key != nil && remote.key != nil || etag != nil && remote.server.etag != nil
        return isComparable && !self.is(remote)
    }
}
