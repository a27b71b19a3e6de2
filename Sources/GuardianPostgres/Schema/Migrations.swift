internal import GuardianCore

/// The store's schema, as append-only named migrations: one that has been released is never changed. Everything is named `guardian…`, so
/// that an app may keep its own tables in the same database.
///
/// **The invariants of the queue**, which every transaction keeps and `check` verifies:
/// 1. A *line* is the set of operations with the same `line` and `status = 0`. The table `guardian_line` has one row for each line in which
///    anybody stands: its *head*, the number of its last (`tail`: the greatest of those behind the head, the head where there is none), whether
///    anybody stands behind the head (`joined`), and whether the head is claimed (`state = 1`), by which epoch and since when. Numbers of
///    writers that overlap may come in any order: who stands behind a head may have a smaller one. The primary key sees to it that a line has one head, and so never two in flight, on however many machines.
/// 2. An operation that is not the head of its line has `follows = true`, and the index `guardian_operation_follow` finds the next head. A
///    head may have it too. A claim writes the narrow row of the line only; an operation's row is written at enqueue, when an attempt has
///    failed, and when it leaves.
/// 3. Whoever adds to a line or takes from it holds the lock of its row in `guardian_line`, and looks for the next head in a statement that
///    begins after it has the lock: a snapshot taken earlier would not see who came meanwhile.
/// 4. Locks are taken in one order: the processor's own row, open creates, lines by rising numbers, then everything else. What breaks the
///    order (the rare paths) may meet a deadlock; PostgreSQL ends one of the two, and it is repeated.
/// 5. Heads are the oldest of their line, but for one in flight, and one that was written at the same time as another of its line on
///    another machine: between writes that overlap there is no order.
/// 6. `due_at` is 0 for what waits for no time; see ``Parking``. While the setting `signing_in` stands, some do not know yet who is signed
///    in.
/// 7. The rows of `guardian_books`, one for each of 64 stripes, change in the transaction of what they count; what an app's own transaction
///    adds stands in rows of its own, `guardian_books_app`, until it is carried over. The sum of both is the truth.
///    accepted = operations + processed + coalesced + cancelled + expired + cleared.
/// 8. Settings named `uses_…` say that something was used once: local ids, optimistic changes, feeds, what is known of entities. They are
///    never taken back. Where none is set but the last, settling and claiming are two statements for any number of lines, ETags included;
///    of an entity of which more is known than its ETag, settling is for that exchange one by one.
/// 9. Nobody waits long for a lock (`lock_timeout`), for any app may leave a transaction open that holds a line, and a processor may be
///    frozen that holds a row of the books too: what they are in the way of is left for later, and the rest goes on.
/// 10. Each table has a primary key or a replica identity: where an app publishes all tables, rows of one without can't be deleted.
enum Migrations {
    /// Names and scripts, in order.
    static let all: [(name: String, script: String)] = [
        ("guardian-0001-queue", tables + enqueueFunctions + exchangeFunctions),
        ("guardian-0002-app-transaction", appFunctions),
        ("guardian-0003-feeds", feedTables),
        ("guardian-0004-refusals", refusalFunctions),
        ("guardian-0005-due-tenants", dueFunctions),
        ("guardian-0006-etags", settleFunctions),
        ("guardian-0007-enqueue-again", againFunctions),
        ("guardian-0008-overlaps", overlapFunctions),
        ("guardian-0009-app-books", appBooksFunctions),
        ("guardian-0010-sign-in-pages", signInFunctions),
        ("guardian-0011-ended-changes", endedChangesIndex),
        ("guardian-0012-tally-order", tallyOrderFunctions),
        ("guardian-0013-stalls", stallFunctions),
        ("guardian-0014-ledger-identity", ledgerIdentity),
    ]

    private static let feedTables = """
        ALTER TABLE guardian_entity ADD COLUMN marks text, ADD COLUMN passed_at bigint;
        CREATE INDEX guardian_entity_passed ON guardian_entity (passed_at) WHERE passed_at IS NOT NULL;
        CREATE TABLE guardian_feed (name text PRIMARY KEY, cursor text, at bigint NOT NULL);
        """

    /// Rows of the ledger are known by their id where an app publishes all tables (`guardian-0014-ledger-identity`).
    private static let ledgerIdentity = "ALTER TABLE guardian_ledger REPLICA IDENTITY USING INDEX guardian_ledger_id;"

    /// The lock under which schemas are changed, so that processors that start together do it once.
    private static let advisoryLock: Int64 = 0x4755_4152_4449_414E

    private static let exists = SQL("SELECT to_regclass('guardian_migration') IS NOT NULL")
    private static let names = SQL("SELECT name FROM guardian_migration ORDER BY name")

    /// Brings the schema up to date in one transaction, or leaves it as it was.
    static func migrate(_ connection: Connection, mayWrite: Bool) throws {
        let found = try found(connection)
        let known = Set(all.map(\.name))
        if let newer = found.last(where: { !known.contains($0) }) { throw StoreError.newerVersion(found: newer) }
        if found.count == all.count { return }
        guard mayWrite else { throw StoreError.unavailable("the database has no store yet, or one of an older version") }
        connection.patienceMs = 600_000
        // What the role and the database allow a statement is meant for others.
        let free = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;"
        try connection.script("BEGIN; \(free) SELECT pg_advisory_xact_lock(\(advisoryLock));")
        do {
            // Another one may have done it meanwhile. The table is made or opened first: to ask whether it is there would be answered from what
            // this session has remembered, for waiting for an advisory lock tells it nothing new.
            try connection.script(
                "CREATE TABLE IF NOT EXISTS guardian_migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())")
            let done = Set(try connection.run([Call(names)])[0].map { $0.text(0) ?? "" })
            for migration in all where !done.contains(migration.name) {
                try connection.script(migration.script)
                try connection.script("INSERT INTO guardian_migration (name) VALUES ('\(migration.name)')")
            }
            try connection.script("COMMIT")
        } catch {
            if !connection.isBroken { try connection.script("ROLLBACK") }
            throw error
        }
    }

    private static func found(_ connection: Connection) throws -> [String] {
        guard try connection.look(Call(exists)).first?.bool(0) == true else { return [] }
        return try connection.look(Call(names)).map { $0.text(0) ?? "" }
    }
}
