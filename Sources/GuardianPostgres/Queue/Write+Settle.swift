internal import GuardianCore

/// Settling one by one: for results that need a look at more than the line. Most of it waits for the next round trip.
extension Write {
    /// A claim that is in force.
    struct Held {
        var seq: Int64
        var line: Int64
        var claimedAt: Int64
        var key: UniqueID
        var token: String?
        var entity: EntityKey
        var type: String
        /// Whether it was attempted before.
        var isRetry: Bool

        var labels: Tally.Labels { Tally.Labels(operationType: type, entityType: entity.type) }
    }

    private static let hold = SQL(
        """
        SELECT o.seq, l.line, l.claimed_at, o.idempotency_key, o.txn_token, o.entity_type, o.entity_id, o.operation_type, o.tries
        FROM guardian_operation o JOIN guardian_line l ON l.line = o.line
        WHERE o.seq = ANY($1) AND l.head = o.seq AND l.state = 1 AND l.epoch = $2 ORDER BY l.line FOR UPDATE OF l
        """)
    private static let retry = SQL(
        """
        UPDATE guardian_operation SET due_at = \(Parking.sql(due: "$4")), next_retry_at = $4, backoff_ms = $5, tries = tries + 1,
            attempt_count = attempt_count + $6, failure_mark = $7, updated_at = $3, last_attempt_at = $2, error_class = $8,
            error_code = $9, error_status = $10, error_message = $11, unknown_at = $12, crashes = NULL
        WHERE seq = $1
        """)
    private static let fail = SQL(
        """
        UPDATE guardian_operation SET status = 2, due_at = 0, next_retry_at = NULL, tries = tries + 1, attempt_count = attempt_count + 1,
            updated_at = $3, last_attempt_at = $2, error_class = $4, error_code = $5, error_status = $6, error_message = $7,
            server_state = $8, server_etag = $9, server_gone = $10
        WHERE seq = $1
        """)
    private static let unsent = SQL(
        "UPDATE guardian_operation SET updated_at = $2, due_at = \(Parking.sql(due: "due_at")) WHERE seq = $1")
    private static let putOff = SQL(
        """
        UPDATE guardian_operation SET updated_at = $2, due_at = \(Parking.sql(due: "$3")), next_retry_at = $3, backoff_ms = $4
        WHERE seq = $1
        """)
    private static let returned = SQL(
        """
        UPDATE guardian_operation SET updated_at = $3, last_attempt_at = $2, crashes = NULL,
            unknown_at = CASE WHEN $4 THEN $5 ELSE coalesce(unknown_at, $2) END, due_at = \(Parking.sql(due: "due_at"))
        WHERE seq = $1
        """)
    private static let stopped = SQL(
        "UPDATE guardian_operation SET error_class = $2, error_code = $3, error_status = $4, error_message = $5 WHERE seq = $1")
    private static let recast = SQL(
        """
        UPDATE guardian_operation SET updated_at = $2, due_at = \(Parking.sql(due: "due_at")), payload = $3, base = $4, schema_version = $5,
            idempotency_key = CASE WHEN last_attempt_at IS NULL THEN idempotency_key ELSE $6 END, unknown_at = NULL
        WHERE seq = $1
        """)
    private static let revise = SQL(
        """
        UPDATE guardian_operation SET updated_at = $3, due_at = \(Parking.sql(due: "0")), payload = $4, operation_type = $5,
            base = coalesce($6, base), if_match = $7, idempotency_key = $8, rounds = coalesce(rounds, 0) + $9, tries = tries + $9,
            next_retry_at = NULL, unknown_at = NULL, crashes = NULL,
            last_attempt_at = CASE WHEN $9 = 1 THEN $2 ELSE last_attempt_at END
        WHERE seq = $1
        """)
    static let setAside = SQL(
        """
        UPDATE guardian_operation SET status = 2, due_at = 0, next_retry_at = NULL, updated_at = coalesce($2, updated_at), error_class = $3,
            error_code = $4, error_status = $5, error_message = $6
        WHERE seq = $1
        """)

    private static let states = SQL(
        "SELECT line FROM guardian_entity WHERE line = ANY($1) AND (state IS NOT NULL OR gone OR marks IS NOT NULL)")

    /// Asks for the claims that are to be settled, and holds their lines.
    static func holdCall(_ exchange: Exchange) -> Call {
        Call(hold, [.ints(exchange.settlements.map(\.seq)), .int(exchange.fence.epoch)])
    }

    /// Writes results, each if its claim is still in force (`claims`); says of each whether it was.
    func settle(_ exchange: Exchange, _ claims: Rows, _ result: inout ExchangeResult) throws {
        guard !exchange.settlements.isEmpty else { return }
        var held: [Int64: Held] = [:]
        for row in claims {
            held[row.int(0)] = Held(
                seq: row.int(0), line: row.int(1), claimedAt: row.int(2), key: try row.uuid(3), token: row.text(4),
                entity: EntityKey(type: row.text(5) ?? "", id: row.text(6) ?? ""), type: row.text(7) ?? "", isRetry: row.int(8) > 0)
        }
        // Whose known state is to take in what the upstream accepted without a word: looked up for all at once.
        var stated = Set<Int64>()
        if try uses(.entities) {
            let silent = exchange.settlements.filter { $0.result == .processed && $0.server?.state == nil }
            let lines = silent.compactMap { held[$0.seq].map { Line.of($0.entity) } }
            if !lines.isEmpty { stated = Set(try rows(Self.states, .ints(lines)).map { $0.int(0) }) }
        }
        for settlement in exchange.settlements {
            let claim = held.removeValue(forKey: settlement.seq)
            if let claim { try settle(settlement, claim, folds: stated.contains(Line.of(claim.entity)), exchange.now, &result) }
            result.settled.append(claim != nil)
            try flushIfMany()
        }
    }

    private func settle(
        _ settlement: Settlement, _ held: Held, folds: Bool, _ now: Timestamp, _ result: inout ExchangeResult
    ) throws {
        let seq = Parameter.int(held.seq)
        let (claimedAt, at) = (Parameter.int(held.claimedAt), Parameter.time(now))
        count { $0.processing -= 1 }
        switch settlement.result {
        case .processed, .overruled: return try settleProcessed(settlement, held, folds: folds, now, &result)
        case .revised(let revision):
            later(
                Self.revise, seq, claimedAt, at, .text(revision.payload), .text(revision.type), .text(revision.base),
                .text(revision.ifMatch), .uuid(revision.newKey), .int32(revision.wasRefused ? 1 : 0))
            try hear(settlement.server, of: held.entity, ofOperation: held.seq, now)
        case .retry(let due, let backoffMs, let error, let charged, let mark, let unknownAt):
            if settlement.isTold {
                tally(.backoff, held.labels)
                if held.isRetry { tally(.retry, held.labels) }
            }
            later(
                Self.retry, seq, claimedAt, at, .time(due), .int(backoffMs), .int32(charged ? 1 : 0), .int(mark),
                .text(error.class.rawValue), .text(error.code), .int32(error.httpStatus), .text(error.storedMessage), .time(unknownAt))
        case .failed(let error):
            var labels = held.labels
            if held.isRetry { tally(.retry, labels) }
            labels.errorClass = error.class.rawValue
            tally(.failed, labels)
            try hear(settlement.server, of: held.entity, ofOperation: held.seq, now)
            later(
                Self.fail, seq, claimedAt, at, .text(error.class.rawValue), .text(error.code), .int32(error.httpStatus),
                .text(error.storedMessage), .text(settlement.server?.state), .text(settlement.server?.etag),
                .bool(settlement.server?.isGone))
            count { $0.failed += 1 }
            mend(held.line, now, releases: true)
            if let token = held.token {
                try endOptimistic(token, .failed(error), state: settlement.server?.state, now, &result)
            }
            return
        case .unsent: later(Self.unsent, seq, at)
        case .putOff(let until, let waitMs): later(Self.putOff, seq, at, .time(until), .int(waitMs))
        case .returned:
            later(Self.returned, seq, claimedAt, at, .bool(settlement.standstill != nil), .time(settlement.unknownAt))
            if let standstill = settlement.standstill {
                later(
                    Self.stopped, seq, .text(standstill.class.rawValue), .text(standstill.code), .int32(standstill.httpStatus),
                    .text(standstill.storedMessage))
            }
        case .recast(let payload, let base, let version, let newKey):
            later(Self.recast, seq, at, .text(payload), .text(base), .int32(version), .uuid(newKey))
        }
        mend(held.line, now, releases: true)
    }

    private func settleProcessed(
        _ settlement: Settlement, _ held: Held, folds: Bool, _ now: Timestamp, _ result: inout ExchangeResult
    ) throws {
        var entity = held.entity
        tally(.processed, held.labels)
        if held.isRetry { tally(.retry, held.labels) }
        if let server = settlement.serverID {
            try adopt(held.seq, server, now)
            entity.id = server.text
        }
        let isNews = try settlement.server != nil || folds || settlement.serverID != nil || uses(.feeds)
        if isNews {
            try hear(
                settlement.server, of: entity, ofOperation: held.seq, isApplied: settlement.result == .processed,
                isFirst: settlement.serverID != nil, now)
        }
        try remove(held.seq)
        remember(settlement.id, seq: held.seq, key: held.key, .processed(answer: settlement.answer), now)
        count { $0.processed += 1 }
        mend(held.line, now, releases: true)
        if let token = held.token {
            let departure: Departure = settlement.result == .overruled ? .overruled : .processed
            try endOptimistic(token, departure, state: settlement.server?.state, now, &result)
        }
    }
}
