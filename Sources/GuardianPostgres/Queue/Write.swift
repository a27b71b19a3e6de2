internal import GuardianCore

/// One transaction: statements whose answers are not needed travel with the next one that is, and counters are written once.
final class Write {
    /// What the transaction adds to each counter.
    struct BooksChange: Equatable {
        var accepted: Int64 = 0
        var processed: Int64 = 0
        var coalesced: Int64 = 0
        var cancelled: Int64 = 0
        var expired: Int64 = 0
        var cleared: Int64 = 0
        var failed: Int64 = 0
        var processing: Int64 = 0
    }

    /// Statements that wait for company at most.
    private static let mostWaiting = 256
    private static let begin = SQL("BEGIN")
    private static let look = SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    private static let bounds = SQL(
        """
        SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true),
            set_config('idle_in_transaction_session_timeout', '5000', true)
        """)
    private static let commit = SQL("COMMIT")
    private static let undo = SQL("ROLLBACK")
    private static let readSettings = SQL("SELECT name, value FROM guardian_setting")
    private static let use = SQL("INSERT INTO guardian_setting VALUES ($1, '1') ON CONFLICT (name) DO NOTHING")
    private static let saveBooks = SQL(
        """
        UPDATE guardian_books SET accepted = accepted + $2, processed = processed + $3, coalesced = coalesced + $4,
            cancelled = cancelled + $5, expired = expired + $6, cleared = cleared + $7, failed = failed + $8, processing = processing + $9
        WHERE stripe = $1
        """)

    private static let saveTally = SQL(
        """
        INSERT INTO guardian_tally AS t (stripe, kind, operation_type, entity_type, error_class, count) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (stripe, kind, operation_type, entity_type, error_class) DO UPDATE SET count = t.count + EXCLUDED.count
        """)

    let connection: Connection
    private var waiting: [Call]
    private var settings: [String: String]?
    private var change = BooksChange()
    private var tallies: [TallyRow: Int64] = [:]

    private struct TallyRow: Hashable {
        var kind: Tally.Kind
        var labels: Tally.Labels

        /// As the key of the table: its texts are compared byte by byte, and so are those that are ASCII here.
        var order: (Int, String, String, String) { (kind.rawValue, labels.operationType, labels.entityType, labels.errorClass) }
    }

    private init(_ connection: Connection, _ begin: SQL, lockMs: Int) {
        self.connection = connection
        waiting = [Call(begin), Self.bounds(lockMs: lockMs, on: connection)]
    }

    /// Milliseconds that a statement waits for a lock that somebody's open transaction has. Short, for what waits behind it is not to.
    static let lockMs = 1000

    /// Begins each transaction and each look: how long it waits for a lock, how long a statement may take, and how long the server waits
    /// for the next one, after which one that was frozen in the middle of it holds nothing any more. They stand above what the role and the
    /// database have set, and end with the transaction: a pooler may give the session to somebody else.
    static func bounds(lockMs: Int = Write.lockMs, on connection: Connection) -> Call {
        // The server ends a statement a little before the client would give up the session.
        Call(bounds, [.text("\(lockMs)"), .text("\(connection.patienceMs / 10 * 9)")])
    }

    /// Runs `body` in a transaction and commits it.
    static func run<Value>(on connection: Connection, lockMs: Int = Write.lockMs, _ body: (Write) throws -> Value) throws -> Value {
        try run(Write(connection, begin, lockMs: lockMs), body)
    }

    /// Looks in one snapshot.
    static func look<Value>(on connection: Connection, _ body: (Write) throws -> Value) throws -> Value {
        try run(Write(connection, look, lockMs: lockMs), body)
    }

    private static func run<Value>(_ write: Write, _ body: (Write) throws -> Value) throws -> Value {
        do {
            let value = try body(write)
            try write.end()
            return value
        } catch {
            // A session that has ended has rolled back by itself.
            if !write.connection.isBroken { do { _ = try write.connection.run([Call(undo)], commits: false) } catch {} }
            throw error
        }
    }

    private func end() throws {
        // In the order of `guardian_settle`, books last, so that two that count the same do not wait for each other crosswise.
        for (row, count) in tallies.sorted(by: { $0.key.order < $1.key.order }) {
            later(
                Self.saveTally, .int32(connection.stripe), .int32(row.kind.rawValue), .text(row.labels.operationType),
                .text(row.labels.entityType), .text(row.labels.errorClass), .int(count))
        }
        if change != BooksChange() {
            later(
                Self.saveBooks, .int32(connection.stripe), .int(change.accepted), .int(change.processed), .int(change.coalesced),
                .int(change.cancelled), .int(change.expired), .int(change.cleared), .int(change.failed), .int(change.processing))
        }
        _ = try connection.run(waiting + [Call(Self.commit)])
        waiting = []
    }

    /// Counts an outcome for metrics that survive a restart.
    func tally(_ kind: Tally.Kind, _ labels: Tally.Labels) { tallies[TallyRow(kind: kind, labels: labels), default: 0] += 1 }

    func count(_ apply: (inout BooksChange) -> Void) { apply(&change) }

    /// Runs a statement, and those that wait before it.
    @discardableResult
    func rows(_ sql: SQL, _ values: Parameter...) throws -> Rows { try rows(Call(sql, values)) }

    /// One that is not worth preparing.
    @discardableResult
    func rows(text: String, _ values: Parameter...) throws -> Rows { try rows(Call(SQL(text), values, isPrepared: false)) }

    func rows(_ call: Call) throws -> Rows {
        let calls = waiting + [call]
        waiting = []
        let answers = try connection.run(calls, commits: false)
        return answers[answers.count - 1]
    }

    func first(_ sql: SQL, _ values: Parameter...) throws -> Row? { try rows(Call(sql, values)).first }

    /// Runs several statements in one round trip; the settings of the store come with them.
    func all(_ calls: [Call]) throws -> [Rows] {
        let before = waiting.count
        let answers = try connection.run(waiting + calls + [Call(Self.readSettings)], commits: false)
        waiting = []
        keepSettings(answers[answers.count - 1])
        return Array(answers[before..<before + calls.count])
    }

    /// Runs a statement some time before the commit, in order.
    func later(_ sql: SQL, _ values: Parameter...) { waiting.append(Call(sql, values)) }

    /// To be called in loops, so that what waits stays small.
    func flushIfMany() throws {
        guard waiting.count >= Self.mostWaiting else { return }
        let calls = waiting
        waiting = []
        _ = try connection.run(calls, commits: false)
    }

    private static let savepoint = SQL("SAVEPOINT guardian_attempt")
    private static let keepAttempt = SQL("RELEASE SAVEPOINT guardian_attempt")
    private static let undoAttempt = SQL("ROLLBACK TO SAVEPOINT guardian_attempt")
    private static let waitForLocks = SQL("SELECT set_config('lock_timeout', $1, true)")

    /// Does a part of the transaction, or nothing of it when a lock is not to be had within `lockMs`; returns whether it was done. What
    /// `body` changes elsewhere is the caller's to take back.
    func attempt(lockMs: Int, _ body: () throws -> Void) throws -> Bool {
        try rows(Self.savepoint)
        let (countedBefore, talliedBefore, knownBefore) = (change, tallies, settings)
        later(Self.waitForLocks, .text("\(lockMs)"))
        do {
            try body()
            later(Self.keepAttempt)
            try rows(Self.waitForLocks, .text("\(Self.lockMs)"))
            return true
        } catch let failure as ServerFailure where failure.state == ServerFailure.busy {
            (change, tallies, settings) = (countedBefore, talliedBefore, knownBefore)
            waiting = [Call(Self.undoAttempt), Call(Self.keepAttempt)]
            return false
        }
    }

    // MARK: What is known of the store as a whole

    func setting(_ name: String) throws -> String? {
        if settings == nil { try readSettings() }
        return settings?[name]
    }

    /// Reads them anew: they may have changed while a lock was waited for.
    func readSettings() throws { keepSettings(try rows(Self.readSettings)) }

    /// How operations line up, as the store has it.
    func ordering() throws -> Ordering { try setting("ordering").flatMap(Ordering.init(rawValue:)) ?? .entity }

    private func keepSettings(_ rows: Rows) {
        var found: [String: String] = [:]
        for row in rows { found[row.text(0) ?? ""] = row.text(1) }
        settings = found
    }

    func remember(setting name: String, _ value: String?) { settings?[name] = value }

    enum Feature: String { case entities, feeds, optimistic, localIDs = "local_ids" }

    /// Whether it was ever used, by anyone.
    func uses(_ feature: Feature) throws -> Bool { try setting("uses_" + feature.rawValue) != nil }

    func use(_ feature: Feature) throws {
        guard try !uses(feature) else { return }
        later(Self.use, .text("uses_" + feature.rawValue))
        settings?["uses_" + feature.rawValue] = "1"
    }

    // MARK: Rows that leave

    private static let mend = SQL("SELECT guardian_mend($1, $2, $3)")
    private static let delete = SQL("DELETE FROM guardian_operation WHERE seq = $1")
    private static let rememberID = SQL(
        """
        INSERT INTO guardian_ledger (id, seq, idempotency_key, at, ending, merged_into, answer) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO NOTHING
        """)

    /// Finds the head of a line anew. `releases`: a claim of it is over.
    func mend(_ line: Int64, _ now: Timestamp?, releases: Bool = false) { later(Self.mend, .int(line), .time(now), .bool(releases)) }

    /// Deletes an operation. Its line is for the caller to mend.
    func remove(_ seq: Int64) throws {
        later(Self.delete, .int(seq))
        try forgetReferences(seq)
    }

    /// Keeps the id of an operation that leaves the queue for the ledger's window: enqueued again, it adds nothing.
    func remember(_ id: OperationID, seq: Int64, key: UniqueID, _ ending: Ending, _ now: Timestamp) {
        let columns = EndingColumns(ending)
        later(
            Self.rememberID, .id(id), .int(seq), .uuid(key), .time(now), .int32(columns.kind), .id(columns.mergedInto),
            .text(columns.answer))
    }
}

extension Connection {
    /// Looks with one statement, within the bounds of a transaction.
    func look(_ call: Call) throws -> Rows { try run([Write.bounds(on: self), call], commits: false)[1] }
}
