public import GuardianCore

extension PostgresStore {
    private static let readCursor = SQL("SELECT cursor FROM guardian_feed WHERE name = $1")
    private static let lockCursor = SQL("SELECT cursor FROM guardian_feed WHERE name = $1 FOR UPDATE")
    private static let saveCursor = SQL(
        "INSERT INTO guardian_feed (name, cursor, at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET cursor = $2, at = $3")

    public func saveRemote(_ states: [RemoteState], mark: FeedMark?, now: Timestamp) async throws(StoreError) -> [Bool] {
        try await write { write in
            if let mark {
                let stored = try write.first(Self.lockCursor, .text(mark.feed)).flatMap { $0.text(0) }
                guard stored == mark.after else { throw StoreError.stale }
                try write.use(.feeds)
                write.later(Self.saveCursor, .text(mark.feed), .text(mark.cursor), .time(now))
            }
            return try states.map { remote in
                let entity = try Self.resolve(remote.entity, write)
                var known = try write.known(entity) ?? EntityKnowledge()
                if mark?.isReset == true { known.beginAnew() }
                let before = known
                let isTaken = try known.tell(remote, newest: try write.newest(of: entity)) { try write.attempted(of: entity) }
                if isTaken || known != before { try write.save(known, line: Line.of(entity), now) }
                return isTaken
            }
        }
    }

    public func feedCursor(of feed: String) async throws(StoreError) -> String? {
        try await look { write in try write.first(Self.readCursor, .text(feed)).flatMap { $0.text(0) } }
    }

    public func takePassed(now: Timestamp, limit: Int) async throws(StoreError) -> [EntityKey] {
        try await write { write in try write.takePassed(now, limit: limit) }
    }
}
