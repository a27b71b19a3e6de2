internal import GuardianCore

extension Migrations {
    /// What an app's own transaction adds is booked in rows of its own, so that nobody waits for one that is left open
    /// (`guardian-0009-app-books`).
    static let appBooksFunctions = appBooksTable + appBooksPut + appBooksEnqueue + appBooksRefuse + appBooksCarry

    /// Whoever may write the books may write these: a role of an app has its rights from before there were any.
    private static let appBooksTable = #"""
        CREATE TABLE IF NOT EXISTS guardian_books_app (
            number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, accepted bigint NOT NULL, failed bigint NOT NULL
        ) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
        DO $$
        DECLARE
            v_right record;
        BEGIN
            FOR v_right IN SELECT a.grantee, a.privilege_type FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
                WHERE c.oid = 'guardian_books'::regclass AND a.grantee <> c.relowner
            LOOP
                EXECUTE format('GRANT %s ON guardian_books_app TO %s', v_right.privilege_type,
                    CASE WHEN v_right.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(v_right.grantee)) END);
            END LOOP;
        END $$;

        """#

    /// Without a stripe it is an app's.
    private static let appBooksPut = overlapPut.replacing(
        "UPDATE guardian_books SET accepted = accepted + v_count WHERE stripe = p_stripe;",
        with: """
            IF p_stripe IS NULL THEN
                INSERT INTO guardian_books_app (accepted, failed) VALUES (v_count, 0);
            ELSE
                UPDATE guardian_books SET accepted = accepted + v_count WHERE stripe = p_stripe;
            END IF;
            """)

    private static let appBooksEnqueue = overlapEnqueue.replacing(
        "guardian_put(false, pg_backend_pid() % 64,", with: "guardian_put(false, NULL,")

    private static let appBooksRefuse = #"""
        CREATE OR REPLACE FUNCTION guardian_refuse(p_seq bigint, p_line bigint, p_token text, p_now bigint) RETURNS void
        LANGUAGE plpgsql AS $$
        DECLARE
            v_depends_on text;
            v_standing integer;
        BEGIN
            -- Whoever rolls the change back waits for this transaction, and then finds what it has enqueued.
            SELECT coalesce(depends_on, token), standing INTO v_depends_on, v_standing FROM guardian_optimistic
            WHERE token = p_token FOR SHARE;
            IF v_standing IS DISTINCT FROM \#(OptimisticStanding.refused.rawValue) THEN RETURN; END IF;
            UPDATE guardian_operation SET status = 2, due_at = 0, next_retry_at = NULL, updated_at = p_now,
                error_class = '\#(refusal.class.rawValue)', error_code = '\#(refusal.code)', error_status = NULL,
                error_message = replace('\#(refusal.message)', '\#(refusedChange)', v_depends_on)
            WHERE seq = p_seq;
            PERFORM guardian_mend(p_line, p_now, false);
            INSERT INTO guardian_books_app (accepted, failed) VALUES (0, 1);
        END $$;

        """#

    /// Takes the oldest of these rows over into the books and tallies, `p_limit` at most; what another one is taking over is left to it.
    /// Returns how many.
    private static let appBooksCarry = #"""
        CREATE OR REPLACE FUNCTION guardian_carry_over(p_stripe integer, p_limit bigint) RETURNS bigint LANGUAGE plpgsql AS $$
        DECLARE
            v_count bigint;
            v_accepted bigint;
            v_failed bigint;
        BEGIN
            WITH gone AS (
                DELETE FROM guardian_books_app WHERE number = ANY(ARRAY(
                    SELECT number FROM guardian_books_app ORDER BY number LIMIT p_limit FOR UPDATE SKIP LOCKED))
                RETURNING accepted, failed
            )
            SELECT count(*), coalesce(sum(accepted), 0), coalesce(sum(failed), 0) INTO v_count, v_accepted, v_failed FROM gone;
            IF v_failed <> 0 THEN
                INSERT INTO guardian_tally AS t (stripe, kind, operation_type, entity_type, error_class, count)
                VALUES (p_stripe, \#(Tally.Kind.failed.rawValue), '\#(refusalLabels.operationType)', '\#(refusalLabels.entityType)',
                    '\#(refusalLabels.errorClass)', v_failed)
                ON CONFLICT (stripe, kind, operation_type, entity_type, error_class) DO UPDATE SET count = t.count + EXCLUDED.count;
            END IF;
            IF v_count > 0 THEN
                UPDATE guardian_books SET accepted = accepted + v_accepted, failed = failed + v_failed WHERE stripe = p_stripe;
            END IF;
            RETURN v_count;
        END $$;

        """#
}
