internal import GuardianCore

/// What the upstream has told of entities: their ETags, and their states where those are kept.
extension Write {
    private static let upsert = SQL(
        """
        INSERT INTO guardian_entity AS e (line, at, etag, gone, state) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (line) DO UPDATE SET at = $2, etag = $3, gone = $4, state = coalesce($5, CASE WHEN $4 THEN NULL ELSE e.state END)
        """)
    private static let readState = SQL("SELECT state, etag, gone FROM guardian_entity WHERE line = $1")

    /// Keeps what was heard of an entity.
    func save(_ server: ServerState, of entity: EntityKey, _ now: Timestamp) throws {
        try use(.entities)
        later(
            Self.upsert, .int(Line.of(entity)), .time(now), .text(server.etag), .bool(server.isGone), .text(server.state))
    }

    /// What is known of an entity; nil for nothing.
    func known(_ entity: EntityKey) throws -> ServerState? {
        guard try uses(.entities) else { return nil }
        return try first(Self.readState, .int(Line.of(entity))).map { ServerState(state: $0.text(0), etag: $0.text(1), isGone: $0.bool(2)) }
    }
}
