extension Migrations {
    /// A look that tells whether it is worth counting a queue (`guardian-0013-stalls`).
    static let stallFunctions = #"""
        -- Whether what may be claimed has been due for `p_for`, or nothing of what waits leads a line. It looks at the first head of each
        -- tenant, as far as the first that is due; where so many have nothing due that it would take too long, it says yes.
        CREATE OR REPLACE FUNCTION guardian_may_stall(p_now bigint, p_for bigint, p_locks boolean) RETURNS boolean LANGUAGE plpgsql
        SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET jit = off
        AS $$
        DECLARE
            v_priority integer;
            v_tenant text;
            v_due bigint;
            v_since bigint;
        BEGIN
            SELECT priority, tenant, due_at INTO v_priority, v_tenant, v_due FROM guardian_line
            WHERE state = 0 ORDER BY priority, tenant, due_at LIMIT 1;
            IF NOT FOUND THEN
                -- Asked in one snapshot: the last head may have been claimed just now.
                RETURN (
                    SELECT sum(b.pending) > 0 AND sum(b.processing) = 0 AND NOT EXISTS (SELECT 1 FROM guardian_line WHERE state = 0) FROM (
                        SELECT accepted - processed - coalesced - cancelled - expired - cleared - failed - processing AS pending, processing
                        FROM guardian_books
                        UNION ALL SELECT accepted - failed, 0 FROM guardian_books_app
                    ) b);
            END IF;
            FOR v_step IN 1..2000 LOOP
                IF v_due <= p_now THEN
                    SELECT greatest(due_at, updated_at) INTO v_since FROM guardian_line
                    WHERE state = 0 AND priority = v_priority AND tenant = v_tenant AND due_at <= p_now ORDER BY due_at, head LIMIT 1;
                    IF p_now - v_since < p_for THEN RETURN false; END IF;
                    IF NOT p_locks THEN RETURN true; END IF;
                    -- A line that an app's open transaction holds waits for that, and for no one here.
                    SELECT greatest(due_at, updated_at) INTO v_since FROM guardian_line
                    WHERE state = 0 AND priority = v_priority AND tenant = v_tenant AND due_at <= p_now ORDER BY due_at, head LIMIT 1
                    FOR UPDATE SKIP LOCKED;
                    IF FOUND THEN RETURN p_now - v_since >= p_for; END IF;
                END IF;
                SELECT priority, tenant, due_at INTO v_priority, v_tenant, v_due FROM guardian_line
                WHERE state = 0 AND (priority, tenant) > (v_priority, v_tenant) ORDER BY priority, tenant, due_at LIMIT 1;
                IF NOT FOUND THEN RETURN false; END IF;
            END LOOP;
            RETURN true;
        END $$;

        """#
}
