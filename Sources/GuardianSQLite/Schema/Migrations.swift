internal import GRDB
internal import GuardianCore

/// The store's schema, as append-only named migrations: one that has been released is never changed. Everything is named `guardian…`, so that
/// an app may keep its own tables, and its own migrations, in the same file.
///
/// **The invariants of the queue**, which every transaction keeps and `check` verifies:
/// 1. A *line* is the set of rows with the same `line` and `status < 2`, a doubly linked list: `next` of one is the number of the row
///    behind it (NULL at the end), `previous` that of the row before it. Exactly one row of each line, the first, has `head = 1`; what its
///    `previous` says has no meaning.
/// 2. Only heads are claimed, so never two of a line are in flight. A claim stands in `guardian_claim`, its row has `status = 0` meanwhile;
///    `status = 1` and `claim_epoch` are written and gone within one transaction (``Claims``).
/// 3. Numbers rise along a line, but for one in flight, which older ones that a person retried stand behind.
/// 4. Failed rows (`status = 2`) stand in no line and have `head = 0`.
/// 5. The table `line` names the last row of each line. An entry whose row has left its line says that nobody stands in it.
/// 6. `due_at` is 0 for a row that waits for no time, `not_before` for one that never failed, `next_retry_at` for one that did or whose
///    route is held, and `Parking.due` for a pending one whose principal is not signed in, and `Parking.awaiting` for a pending one that
///    has rows in `reference`, whoever is signed in.
/// 7. The one row of `books` changes in the transaction of what it counts: accepted = rows + processed + coalesced + cancelled +
///    expired + cleared, and `failed` is the number of rows with status 2.
/// 8. `entity_line` is the hash of the entity where `line` is that of another key, NULL elsewhere: finding an entity costs the others nothing.
/// 9. `next_seq` is greater than every `seq` ever given; a number is never given twice.
/// 10. `guardian_open_create` names the stored creates whose entities may still get another id, failed ones too. `reference` names what other stored
///     operations, pending or failed, point to one of them that is older. Both are empty where no route assigns ids. An `alias` is written
///     when such a create is settled and no younger one of the same local id is stored.
/// 11. `guardian_seal` names every key that a value of the store may be sealed under. The one with `active = 1`, if there is one, is what is
///     written under; without one values are written in clear. A sealed value is a BLOB where a clear one is TEXT, bound to its row
///     (``SealedKind``).
/// 12. `error_shape` of a failed row is the hash of its cause (`FailureShape`). Only failed rows stand in its index.
/// 13. `guardian_entity` holds an `EntityKnowledge`: the newest state, and in `marks` what orders statements about it; `passed_at` repeats
///     since when something told is passed over. A row of `guardian_feed` is written in the transaction of what the feed told.
///
/// The cost of a claim does not grow with the queue: `operation_head` holds heads only, in the order in which they are claimed, and each row
/// knows the next of its line. Claim and settle write near the oldest rows only; an index by line would make them write all over the file.
enum Migrations {
    static var all: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("guardian-0001-queue") { db in
            try db.execute(
                sql: """
                    CREATE TABLE guardian_operation (
                        seq INTEGER PRIMARY KEY,
                        id NOT NULL UNIQUE,
                        line INTEGER NOT NULL,
                        previous INTEGER,
                        next INTEGER,
                        status INTEGER NOT NULL,
                        head INTEGER NOT NULL,
                        priority INTEGER NOT NULL,
                        due_at INTEGER NOT NULL,
                        claim_epoch INTEGER,
                        idempotency_key BLOB NOT NULL,
                        trace_id BLOB NOT NULL,
                        operation_type TEXT NOT NULL,
                        entity_type TEXT NOT NULL,
                        entity_id TEXT NOT NULL,
                        ordering_key TEXT,
                        txn_token TEXT,
                        principal TEXT,
                        schema_version INTEGER NOT NULL,
                        not_before INTEGER,
                        expires_at INTEGER,
                        enqueued_at INTEGER NOT NULL,
                        updated_at INTEGER NOT NULL,
                        attempt_count INTEGER NOT NULL,
                        tries INTEGER NOT NULL,
                        last_attempt_at INTEGER,
                        attempted_before INTEGER,
                        next_retry_at INTEGER,
                        backoff_ms INTEGER NOT NULL,
                        failure_mark INTEGER,
                        error_class TEXT,
                        error_code TEXT,
                        error_status INTEGER,
                        error_message TEXT,
                        base TEXT,
                        payload TEXT,
                        entity_line INTEGER,
                        crashes INTEGER,
                        unknown_at INTEGER
                    );
                    CREATE TABLE guardian_line (line INTEGER PRIMARY KEY, last INTEGER NOT NULL);
                    CREATE INDEX guardian_operation_head ON guardian_operation(status, priority, due_at, seq) WHERE head = 1;
                    CREATE INDEX guardian_operation_failed ON guardian_operation(seq) WHERE status = 2;
                    CREATE INDEX guardian_operation_failed_line ON guardian_operation(line, seq) WHERE status = 2;
                    CREATE INDEX guardian_operation_entity ON guardian_operation(entity_line, seq) WHERE entity_line IS NOT NULL;
                    CREATE INDEX guardian_operation_principal ON guardian_operation(principal, seq) WHERE principal IS NOT NULL;
                    CREATE TABLE guardian_ledger (
                        number INTEGER PRIMARY KEY,
                        id NOT NULL UNIQUE,
                        seq INTEGER NOT NULL,
                        idempotency_key BLOB NOT NULL,
                        at INTEGER NOT NULL,
                        ending INTEGER NOT NULL,
                        merged_into,
                        answer TEXT
                    );
                    CREATE TABLE guardian_books (
                        only INTEGER PRIMARY KEY CHECK (only = 1),
                        accepted INTEGER NOT NULL, processed INTEGER NOT NULL, coalesced INTEGER NOT NULL, cancelled INTEGER NOT NULL,
                        expired INTEGER NOT NULL, cleared INTEGER NOT NULL, failed INTEGER NOT NULL, next_seq INTEGER NOT NULL
                    );
                    INSERT INTO guardian_books VALUES (1, 0, 0, 0, 0, 0, 0, 0, 1);
                    CREATE TABLE guardian_lock (
                        only INTEGER PRIMARY KEY CHECK (only = 1),
                        epoch INTEGER NOT NULL, owner TEXT, heartbeat_at INTEGER NOT NULL, acquired_at INTEGER NOT NULL
                    );
                    INSERT INTO guardian_lock VALUES (1, 0, NULL, 0, 0);
                    CREATE TABLE guardian_upstream (
                        only INTEGER PRIMARY KEY CHECK (only = 1), open_until INTEGER, hold_until INTEGER, trips INTEGER NOT NULL,
                        plague_since INTEGER, plague_status INTEGER
                    );
                    CREATE TABLE guardian_pause (reason TEXT PRIMARY KEY) WITHOUT ROWID;
                    CREATE TABLE guardian_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("guardian-0002-two-sides") { db in
            try db.execute(
                sql: """
                    ALTER TABLE guardian_operation ADD COLUMN rounds INTEGER;
                    ALTER TABLE guardian_operation ADD COLUMN if_match TEXT;
                    ALTER TABLE guardian_operation ADD COLUMN server_etag TEXT;
                    ALTER TABLE guardian_operation ADD COLUMN server_gone INTEGER;
                    ALTER TABLE guardian_operation ADD COLUMN server_state TEXT;
                    CREATE INDEX guardian_operation_token ON guardian_operation(txn_token, seq) WHERE txn_token IS NOT NULL;
                    CREATE TABLE guardian_entity (line INTEGER PRIMARY KEY, at INTEGER NOT NULL, etag TEXT, gone INTEGER NOT NULL, state TEXT);
                    CREATE TABLE guardian_optimistic (
                        number INTEGER PRIMARY KEY,
                        token TEXT NOT NULL UNIQUE,
                        entity_type TEXT NOT NULL,
                        entity_id TEXT NOT NULL,
                        original TEXT,
                        depends_on TEXT,
                        registered_at INTEGER NOT NULL,
                        standing INTEGER NOT NULL
                    );
                    CREATE INDEX guardian_optimistic_entity ON guardian_optimistic(entity_type, entity_id);
                    CREATE INDEX guardian_optimistic_dependent ON guardian_optimistic(depends_on) WHERE depends_on IS NOT NULL;
                    CREATE TABLE guardian_optimistic_ending (
                        number INTEGER PRIMARY KEY AUTOINCREMENT,
                        token TEXT NOT NULL,
                        entity_type TEXT NOT NULL,
                        entity_id TEXT NOT NULL,
                        original TEXT,
                        depends_on TEXT,
                        at INTEGER NOT NULL,
                        error_class TEXT,
                        error_code TEXT,
                        error_status INTEGER,
                        error_message TEXT,
                        state TEXT
                    );
                    CREATE TABLE guardian_alias (
                        entity_type TEXT NOT NULL, local_id TEXT NOT NULL, server_id TEXT NOT NULL, is_number INTEGER NOT NULL,
                        at INTEGER NOT NULL, PRIMARY KEY (entity_type, local_id)
                    ) WITHOUT ROWID;
                    CREATE INDEX guardian_alias_age ON guardian_alias(at);
                    CREATE TABLE guardian_open_create (
                        entity_type TEXT NOT NULL, entity_id TEXT NOT NULL, seq INTEGER NOT NULL,
                        PRIMARY KEY (entity_type, entity_id, seq)
                    ) WITHOUT ROWID;
                    CREATE UNIQUE INDEX guardian_open_create_seq ON guardian_open_create(seq);
                    CREATE TABLE guardian_reference (
                        entity_type TEXT NOT NULL, entity_id TEXT NOT NULL, seq INTEGER NOT NULL, field TEXT NOT NULL,
                        PRIMARY KEY (entity_type, entity_id, seq, field)
                    ) WITHOUT ROWID;
                    CREATE INDEX guardian_reference_seq ON guardian_reference(seq);
                    """)
        }
        migrator.registerMigration("guardian-0003-tallies") { db in
            try db.execute(
                sql: """
                    CREATE TABLE guardian_tally (
                        kind INTEGER NOT NULL, operation_type TEXT NOT NULL, entity_type TEXT NOT NULL, error_class TEXT NOT NULL,
                        count INTEGER NOT NULL, PRIMARY KEY (kind, operation_type, entity_type, error_class)
                    ) WITHOUT ROWID;
                    INSERT INTO guardian_tally SELECT 0, 'other', 'other', '', processed FROM guardian_books WHERE processed > 0;
                    INSERT INTO guardian_tally SELECT 1, operation_type, entity_type, coalesce(error_class, 'permanent'), count(*)
                        FROM guardian_operation WHERE status = 2 GROUP BY 2, 3, 4 LIMIT 100;
                    """)
        }
        migrator.registerMigration("guardian-0004-sealing") { db in
            try db.execute(
                sql: "CREATE TABLE guardian_seal (key_id BLOB PRIMARY KEY, at INTEGER NOT NULL, active INTEGER NOT NULL) WITHOUT ROWID")
        }
        migrator.registerMigration("guardian-0005-search") { db in
            try db.execute(
                sql: """
                    ALTER TABLE guardian_operation ADD COLUMN error_shape INTEGER;
                    CREATE INDEX guardian_operation_error ON guardian_operation(error_class, seq) WHERE error_class IS NOT NULL;
                    CREATE INDEX guardian_operation_shape ON guardian_operation(error_shape, seq) WHERE status = 2;
                    """)
            try shapeFailures(db)
        }
        migrator.registerMigration("guardian-0006-feeds") { db in
            try db.execute(
                sql: """
                    ALTER TABLE guardian_entity ADD COLUMN marks TEXT;
                    ALTER TABLE guardian_entity ADD COLUMN passed_at INTEGER;
                    CREATE INDEX guardian_entity_passed ON guardian_entity(passed_at) WHERE passed_at IS NOT NULL;
                    CREATE TABLE guardian_feed (name TEXT PRIMARY KEY, cursor TEXT, at INTEGER NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("guardian-0007-ended-changes") { db in
            try db.execute(
                sql: "CREATE INDEX guardian_optimistic_ended ON guardian_optimistic(registered_at, number) WHERE standing <> 0")
        }
        migrator.registerMigration("guardian-0008-claims") { db in
            try db.execute(
                sql: """
                    CREATE TABLE guardian_claim (operation INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, claimed_at INTEGER NOT NULL);
                    \(movingClaims)
                    """)
        }
        return migrator
    }

    /// Takes claims out of the rows, where they stood up to 0007.
    static let movingClaims = """
        INSERT OR IGNORE INTO guardian_claim SELECT seq, coalesce(claim_epoch, 0), coalesce(last_attempt_at, updated_at)
            FROM guardian_operation INDEXED BY guardian_operation_head WHERE head = 1 AND status = 1;
        UPDATE guardian_operation SET status = 0, claim_epoch = NULL, last_attempt_at = attempted_before
            WHERE seq IN (SELECT seq FROM guardian_operation INDEXED BY guardian_operation_head WHERE head = 1 AND status = 1);
        """

    /// The names of all migrations that this build knows.
    static let known = Set(all.migrations)

    /// Gives every failed row the cause that it shares with others.
    private static func shapeFailures(_ db: Database) throws {
        let update = try db.makeStatement(sql: "UPDATE guardian_operation SET error_shape = ? WHERE seq = ?")
        let rows = try Row.fetchCursor(
            db,
            sql: "SELECT seq, error_class, error_code, error_status, error_message FROM guardian_operation WHERE status = 2 ORDER BY seq")
        while let row = try rows.next() {
            let name: String? = row[1]
            let error = LastError(
                class: name.flatMap(ErrorClass.init(rawValue:)) ?? .permanent, code: row[2] ?? "", httpStatus: row[3], message: row[4] ?? ""
            )
            try update.execute(arguments: [FailureShape(of: error).id, row[0] as Int64])
        }
    }
}
