extension Migrations {
    /// Settling many lines at a time, with the ETags that the answers told (`guardian-0006-etags`). The one
    /// without them stays, for processors of an older build that still run.
    static let settleFunctions = #"""
        CREATE OR REPLACE FUNCTION guardian_settle(
            p_owner text, p_epoch bigint, p_stripe integer, p_now bigint, p_lines bigint[], p_seqs bigint[], p_answers text[],
            p_etags text[]
        ) RETURNS bigint[] LANGUAGE plpgsql
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan SET jit = off
        AS $$
        DECLARE
            v_settled bigint[];
            v_ended bigint[];
            v_moved bigint[];
            v_line bigint;
            v_count integer;
            v_alone boolean;
            v_is_all boolean;
            v_uses text[];
            v_entities bigint[];
        BEGIN
            PERFORM 1 FROM guardian_processor WHERE owner = p_owner AND epoch = p_epoch FOR KEY SHARE;
            IF NOT FOUND THEN RAISE EXCEPTION 'guardian: stale fence' USING ERRCODE = 'GU001'; END IF;
            IF cardinality(p_seqs) = 0 THEN RETURN p_seqs; END IF;
            SELECT array_agg(name) INTO v_uses FROM guardian_setting WHERE name LIKE 'uses_%';
            IF v_uses <> '{uses_entities}' THEN RAISE EXCEPTION 'guardian: one by one' USING ERRCODE = 'GU002'; END IF;
            -- Where nobody stands behind any of them, the lines go without being locked first: one that somebody has joined meanwhile
            -- stays.
            SELECT array_agg(x.seq), array_agg(x.line), bool_and(NOT l.joined) INTO v_settled, v_ended, v_alone
            FROM unnest(p_lines, p_seqs) AS x(line, seq) JOIN guardian_line l ON l.line = x.line
            WHERE l.head = x.seq AND l.state = 1 AND l.epoch = p_epoch;
            IF v_settled IS NULL THEN RETURN '{}'; END IF;
            v_is_all := cardinality(v_settled) = cardinality(p_seqs);
            IF v_alone THEN
                DELETE FROM guardian_line l USING unnest(v_ended, v_settled) AS e(line, seq) WHERE l.line = e.line AND NOT l.joined;
                GET DIAGNOSTICS v_count = ROW_COUNT;
                v_alone := v_count = cardinality(v_ended);
            END IF;
            IF NOT v_alone THEN
                SELECT array_agg(y.line) FILTER (WHERE NOT y.joined), array_agg(y.line) FILTER (WHERE y.joined) INTO v_ended, v_moved FROM (
                    SELECT x.line, l.joined FROM unnest(v_ended, v_settled) AS x(line, seq) JOIN guardian_line l ON l.line = x.line
                    FOR UPDATE OF l
                ) y;
            END IF;
            WITH gone AS (
                DELETE FROM guardian_operation o USING unnest(p_seqs, p_answers, p_etags) AS s(seq, answer, etag)
                WHERE o.seq = s.seq AND (v_is_all OR s.seq = ANY(v_settled))
                RETURNING o.seq, o.id, o.idempotency_key, o.operation_type, o.entity_type, o.tries, s.answer, s.etag,
                    coalesce(o.entity_line, o.line) AS entity
            ), remembered AS (
                INSERT INTO guardian_ledger (seq, at, idempotency_key, ending, id, answer)
                SELECT seq, p_now, idempotency_key, 0, id, answer FROM gone
            ), known AS (
                -- The last of an entity stands. What is known of more than its ETag, a state or what orders changes, is not written over.
                INSERT INTO guardian_entity AS e (line, at, gone, etag)
                SELECT DISTINCT ON (entity) entity, p_now, false, etag FROM gone WHERE etag IS NOT NULL ORDER BY entity, seq DESC
                ON CONFLICT (line) DO UPDATE SET at = EXCLUDED.at, etag = EXCLUDED.etag
                WHERE e.state IS NULL AND e.marks IS NULL AND NOT e.gone
            ), counted AS (
                INSERT INTO guardian_tally AS t (stripe, kind, operation_type, entity_type, error_class, count)
                SELECT p_stripe, k.kind, operation_type, entity_type, '', count(*)
                FROM gone CROSS JOIN (VALUES (0), (3)) AS k(kind) WHERE k.kind = 0 OR gone.tries > 0
                GROUP BY k.kind, operation_type, entity_type
                ON CONFLICT (stripe, kind, operation_type, entity_type, error_class) DO UPDATE SET count = t.count + EXCLUDED.count
            )
            SELECT array_agg(entity) INTO v_entities FROM gone WHERE etag IS NOT NULL OR v_uses IS NOT NULL;
            IF v_entities IS NOT NULL THEN
                PERFORM 1 FROM guardian_entity WHERE line = ANY(v_entities) AND (state IS NOT NULL OR gone OR marks IS NOT NULL);
                IF FOUND THEN RAISE EXCEPTION 'guardian: these one by one' USING ERRCODE = 'GU006'; END IF;
                IF v_uses IS NULL THEN INSERT INTO guardian_setting VALUES ('uses_entities', '1') ON CONFLICT (name) DO NOTHING; END IF;
            END IF;
            IF NOT v_alone THEN
                DELETE FROM guardian_line l USING unnest(v_ended) AS e(line) WHERE l.line = e.line;
                UPDATE guardian_line l SET head = n.seq, state = 0, joined = n.is_followed, priority = n.priority, due_at = n.due_at,
                    expires_at = n.expires_at, suspect = coalesce(n.crashes, 0) > 0, epoch = NULL, claimed_at = NULL, updated_at = p_now
                FROM unnest(v_moved) AS m(line) CROSS JOIN LATERAL (
                    SELECT o.seq, o.priority, o.due_at, o.expires_at, o.crashes, EXISTS (SELECT 1 FROM guardian_operation f
                        WHERE f.line = m.line AND f.follows AND f.status = 0 AND f.seq > o.seq) AS is_followed
                    FROM guardian_operation o WHERE o.line = m.line AND o.follows AND o.status = 0 ORDER BY o.seq LIMIT 1
                ) n WHERE l.line = m.line;
                GET DIAGNOSTICS v_count = ROW_COUNT;
                IF v_count <> coalesce(cardinality(v_moved), 0) THEN
                    FOREACH v_line IN ARRAY v_moved LOOP PERFORM guardian_mend(v_line, p_now, true); END LOOP;
                END IF;
            END IF;
            UPDATE guardian_books SET processed = processed + cardinality(v_settled), processing = processing - cardinality(v_settled)
            WHERE stripe = p_stripe;
            RETURN v_settled;
        END $$;

        """#
}
