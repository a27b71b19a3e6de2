internal import GRDB

/// The store's schema, as append-only named migrations: one that has been released is never changed.
///
/// **The invariants of the queue**, which every transaction keeps and `check` verifies:
/// 1. A *line* is the set of rows with the same `line` and `status < 2`, a doubly linked list: `next` of one is the number of the row
///    behind it (NULL at the end), `previous` that of the row before it. Exactly one row of each line, the first, has `head = 1`; what its
///    `previous` says has no meaning.
/// 2. Only heads are claimed, so never two of a line are in flight.
/// 3. Numbers rise along a line, but for one in flight, which older ones that a person retried stand behind.
/// 4. Failed rows (`status = 2`) stand in no line and have `head = 0`.
/// 5. The table `line` names the last row of each line. An entry whose row has left its line says that nobody stands in it.
/// 6. `due_at` is 0 for a row that waits for no time, `not_before` for one that never failed, `next_retry_at` for one that did, and
///    `Parking.due` for a pending one whose principal is not signed in.
/// 7. The one row of `books` changes in the transaction of what it counts: accepted = rows + processed + coalesced + cancelled +
///    expired + cleared, and `failed` is the number of rows with status 2.
/// 8. `entity_line` is the hash of the entity where `line` is that of another key, NULL elsewhere: finding an entity costs the others nothing.
/// 9. `next_seq` is greater than every `seq` ever given; a number is never given twice.
///
/// The cost of a claim does not grow with the queue: `operation_head` holds heads only, in the order in which they are claimed, and each row
/// knows the next of its line. Claim and settle write near the oldest rows only; an index by line would make them write all over the file.
enum Migrations {
    static var all: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("0001-queue") { db in
            try db.execute(
                sql: """
                    CREATE TABLE operation (
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
                    CREATE TABLE line (line INTEGER PRIMARY KEY, last INTEGER NOT NULL);
                    CREATE INDEX operation_head ON operation(status, priority, due_at, seq) WHERE head = 1;
                    CREATE INDEX operation_failed ON operation(seq) WHERE status = 2;
                    CREATE INDEX operation_failed_line ON operation(line, seq) WHERE status = 2;
                    CREATE INDEX operation_entity ON operation(entity_line, seq) WHERE entity_line IS NOT NULL;
                    CREATE INDEX operation_principal ON operation(principal, seq) WHERE principal IS NOT NULL;
                    CREATE TABLE ledger (
                        number INTEGER PRIMARY KEY,
                        id NOT NULL UNIQUE,
                        seq INTEGER NOT NULL,
                        idempotency_key BLOB NOT NULL,
                        at INTEGER NOT NULL,
                        ending INTEGER NOT NULL,
                        merged_into,
                        answer TEXT
                    );
                    CREATE TABLE books (
                        only INTEGER PRIMARY KEY CHECK (only = 1),
                        accepted INTEGER NOT NULL, processed INTEGER NOT NULL, coalesced INTEGER NOT NULL, cancelled INTEGER NOT NULL,
                        expired INTEGER NOT NULL, cleared INTEGER NOT NULL, failed INTEGER NOT NULL, next_seq INTEGER NOT NULL
                    );
                    INSERT INTO books VALUES (1, 0, 0, 0, 0, 0, 0, 0, 1);
                    CREATE TABLE lock (
                        only INTEGER PRIMARY KEY CHECK (only = 1),
                        epoch INTEGER NOT NULL, owner TEXT, heartbeat_at INTEGER NOT NULL, acquired_at INTEGER NOT NULL
                    );
                    INSERT INTO lock VALUES (1, 0, NULL, 0, 0);
                    CREATE TABLE upstream (
                        only INTEGER PRIMARY KEY CHECK (only = 1), open_until INTEGER, hold_until INTEGER, trips INTEGER NOT NULL,
                        plague_since INTEGER, plague_status INTEGER
                    );
                    CREATE TABLE pause (reason TEXT PRIMARY KEY) WITHOUT ROWID;
                    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}
