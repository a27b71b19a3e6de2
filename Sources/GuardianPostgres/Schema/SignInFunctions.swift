extension Migrations {
    /// A switch of user finds what it has to do page by page, the oldest of each principal first, by indexes of its own and not by what the
    /// planner knows, which lags behind it (`guardian-0010-sign-in-pages`).
    static let signInFunctions = #"""
        CREATE INDEX IF NOT EXISTS guardian_operation_unparked ON guardian_operation (principal, seq)
            WHERE principal IS NOT NULL AND status = 0 AND due_at < \#(Parking.due);
        DROP INDEX IF EXISTS guardian_operation_parked;
        CREATE INDEX guardian_operation_parked ON guardian_operation (principal, seq) WHERE status = 0 AND due_at = \#(Parking.due);

        -- Behind a place: what is to be parked when `p_hash` is signed in ('' for nobody), or what comes back then.
        CREATE OR REPLACE FUNCTION guardian_sign_in_page(p_parks boolean, p_hash text, p_principal text, p_seq bigint, p_limit bigint)
        RETURNS TABLE (principal text, seq bigint, line bigint) LANGUAGE plpgsql STABLE
        SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan SET jit = off
        AS $$
        #variable_conflict use_column
        BEGIN
            IF p_parks THEN
                RETURN QUERY
                (SELECT o.principal, o.seq, o.line FROM guardian_operation o
                    WHERE status = 0 AND due_at < \#(Parking.due) AND principal < p_hash AND (principal, seq) > (p_principal, p_seq)
                    ORDER BY o.principal, o.seq LIMIT p_limit)
                UNION ALL
                (SELECT o.principal, o.seq, o.line FROM guardian_operation o
                    WHERE status = 0 AND due_at < \#(Parking.due) AND principal > p_hash AND (principal, seq) > (p_principal, p_seq)
                    ORDER BY o.principal, o.seq LIMIT p_limit)
                ORDER BY principal, seq LIMIT p_limit;
            ELSE
                RETURN QUERY SELECT o.principal, o.seq, o.line FROM guardian_operation o
                WHERE status = 0 AND due_at = \#(Parking.due) AND principal = p_hash AND (principal, seq) > (p_hash, p_seq)
                ORDER BY o.principal, o.seq LIMIT p_limit;
            END IF;
        END $$;

        -- Parks these rows, whose lines the transaction holds, or has them back; their heads take over when they are due. Found by their
        -- keys, however little the planner knows: what it is told of state and principal fits no other index.
        CREATE OR REPLACE FUNCTION guardian_sign_in(p_parks boolean, p_hash text, p_seqs bigint[], p_lines bigint[]) RETURNS void
        LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        SET plan_cache_mode = force_generic_plan SET jit = off
        AS $$
        BEGIN
            UPDATE guardian_operation o
            SET due_at = CASE WHEN p_parks THEN \#(Parking.due) ELSE greatest(0, coalesce(o.next_retry_at, o.not_before, 0)) END
            FROM unnest(p_seqs, p_lines) AS h(seq, line)
            WHERE o.seq = h.seq AND o.line = h.line AND o.status = 0 AND coalesce(o.principal = p_hash, p_parks) <> p_parks
                AND CASE WHEN p_parks THEN o.due_at < \#(Parking.due) ELSE o.due_at = \#(Parking.due) END;
            UPDATE guardian_line l SET due_at = o.due_at
            FROM (SELECT DISTINCT u.line FROM unnest(p_lines) AS u(line)) h, guardian_operation o
            WHERE l.line = h.line AND o.seq = l.head AND o.line = l.line AND l.state + 0 = 0 AND l.due_at <> o.due_at;
        END $$;

        """#

    /// Changes that have ended are forgotten page by page (`guardian-0011-ended-changes`).
    static let endedChangesIndex = """
        CREATE INDEX IF NOT EXISTS guardian_optimistic_ended ON guardian_optimistic (registered_at, number) WHERE standing <> 0;

        """
}
