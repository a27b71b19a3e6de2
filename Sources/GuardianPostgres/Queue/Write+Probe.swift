internal import GuardianCore

/// Who asks whether the upstream is back, while nobody else sends anything: one processor at a time, until it has said what came of it.
extension Write {
    /// The epoch of who asks, and until when (ms since 1970) the others wait for that at most. One who has gone keeps nobody waiting.
    private static let beginProbe = SQL(
        """
        INSERT INTO guardian_setting AS s VALUES ('probe', $1 || ' ' || ($2::bigint + \(probeMs))) ON CONFLICT (name) DO UPDATE
            SET value = EXCLUDED.value
        WHERE split_part(s.value, ' ', 1) = $1 OR split_part(s.value, ' ', 2)::bigint - $2::bigint NOT BETWEEN 1 AND \(probeMs)
            OR NOT EXISTS (SELECT 1 FROM guardian_processor p WHERE p.epoch = split_part(s.value, ' ', 1)::bigint)
        RETURNING 1
        """)
    private static let endProbe = SQL("DELETE FROM guardian_setting WHERE name = 'probe' AND split_part(value, ' ', 1) = $1")

    /// Milliseconds that others wait for the answer to a probe: not as long as it may take, for it may never have been sent.
    private static let probeMs = 10_000

    /// Whether it is ours to ask.
    func beginProbe(_ exchange: Exchange) throws -> Bool {
        try first(Self.beginProbe, .text("\(exchange.fence.epoch)"), .time(exchange.now)) != nil
    }

    /// Another may ask.
    func endProbe(_ exchange: Exchange) { later(Self.endProbe, .text("\(exchange.fence.epoch)")) }
}
