extension Migrations {
    /// What settles and claims many lines at a time (`guardian-0001-queue`).
    static let exchangeFunctions = #"""
        CREATE FUNCTION guardian_settle(
            p_owner text, p_epoch bigint, p_stripe integer, p_now bigint, p_lines bigint[], p_seqs bigint[], p_answers text[]
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
        BEGIN
            PERFORM 1 FROM guardian_processor WHERE owner = p_owner AND epoch = p_epoch FOR KEY SHARE;
            IF NOT FOUND THEN RAISE EXCEPTION 'guardian: stale fence' USING ERRCODE = 'GU001'; END IF;
            IF cardinality(p_seqs) = 0 THEN RETURN p_seqs; END IF;
            PERFORM 1 FROM guardian_setting WHERE name LIKE 'uses_%' LIMIT 1;
            IF FOUND THEN RAISE EXCEPTION 'guardian: one by one' USING ERRCODE = 'GU002'; END IF;
            -- Where nobody stands behind any of them, the lines go without being locked first: one that somebody has joined meanwhile stays.
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
                DELETE FROM guardian_operation o USING unnest(p_seqs, p_answers) AS s(seq, answer)
                WHERE o.seq = s.seq AND (v_is_all OR s.seq = ANY(v_settled))
                RETURNING o.seq, o.id, o.idempotency_key, o.operation_type, o.entity_type, o.tries, s.answer
            ), remembered AS (
                INSERT INTO guardian_ledger (seq, at, idempotency_key, ending, id, answer)
                SELECT seq, p_now, idempotency_key, 0, id, answer FROM gone
            )
            INSERT INTO guardian_tally AS t (stripe, kind, operation_type, entity_type, error_class, count)
            SELECT p_stripe, k.kind, operation_type, entity_type, '', count(*)
            FROM gone CROSS JOIN (VALUES (0), (3)) AS k(kind) WHERE k.kind = 0 OR gone.tries > 0 GROUP BY k.kind, operation_type, entity_type
            ON CONFLICT (stripe, kind, operation_type, entity_type, error_class) DO UPDATE SET count = t.count + EXCLUDED.count;
            IF NOT v_alone THEN
                DELETE FROM guardian_line l USING unnest(v_ended) AS e(line) WHERE l.line = e.line;
                UPDATE guardian_line l SET head = n.seq, state = 0, joined = n.is_followed, priority = n.priority, due_at = n.due_at, expires_at = n.expires_at,
                    suspect = coalesce(n.crashes, 0) > 0, epoch = NULL, claimed_at = NULL, updated_at = p_now
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

        CREATE FUNCTION guardian_claim(
            p_owner text, p_epoch bigint, p_stripe integer, p_now bigint, p_urgent integer, p_normal integer, p_cursor text
        ) RETURNS TABLE (o guardian_operation, state text, etag text, gone boolean, marks text) LANGUAGE plpgsql
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan SET jit = off
        AS $$
        #variable_conflict use_column
        DECLARE
            v_urgent integer := p_urgent;
            v_normal integer := p_normal;
            v_priority bigint := 2147483648;
            v_want integer;
            v_share integer;
            v_tenants text[];
            v_tenant text;
            v_lines bigint[];
            v_heads bigint[];
            v_careful boolean;
            v_all_lines bigint[] := '{}';
            v_all_heads bigint[] := '{}';
            v_round integer;
            v_part integer;
            v_signal guardian_operation%ROWTYPE;
        BEGIN
            IF p_urgent + p_normal <= 0 THEN RETURN; END IF;
            PERFORM 1 FROM guardian_pause LIMIT 1;
            IF FOUND THEN RETURN; END IF;
            <<priorities>>
            LOOP
                SELECT priority INTO v_priority FROM guardian_line WHERE state = 0 AND priority < v_priority ORDER BY priority DESC LIMIT 1;
                EXIT WHEN v_priority IS NULL;
                v_want := CASE WHEN v_priority > 0 THEN v_urgent ELSE v_normal END;
                CONTINUE WHEN v_want <= 0;
                v_tenants := guardian_tenants(v_priority::integer, p_cursor, least(v_want, 16));
                FOR v_round IN 1..2 LOOP
                    EXIT WHEN v_round = 2 AND cardinality(v_tenants) = 1;
                    v_share := CASE WHEN v_round = 1 THEN (v_want + cardinality(v_tenants) - 1) / cardinality(v_tenants) ELSE v_want END;
                    FOREACH v_tenant IN ARRAY v_tenants LOOP
                        FOR v_part IN 1..2 LOOP
                            EXIT WHEN v_want <= 0;
                            SELECT array_agg(c.line), array_agg(c.head), bool_or(c.suspect OR coalesce(c.expires_at <= p_now, false))
                            INTO v_lines, v_heads, v_careful FROM (
                                SELECT line, head, suspect, expires_at FROM guardian_line
                                WHERE state = 0 AND priority = v_priority::integer AND tenant = v_tenant
                                    AND due_at > CASE WHEN v_part = 1 THEN 0 ELSE -1 END AND due_at <= CASE WHEN v_part = 1 THEN p_now ELSE 0 END
                                ORDER BY due_at, head LIMIT least(v_share, v_want) FOR UPDATE SKIP LOCKED
                            ) c;
                            CONTINUE WHEN v_lines IS NULL;
                            IF v_careful THEN
                                v_signal.seq := -1;
                                EXIT priorities;
                            END IF;
                            UPDATE guardian_line l SET state = 1, epoch = p_epoch, claimed_at = p_now, updated_at = p_now
                            FROM unnest(v_lines) AS x(line) WHERE l.line = x.line;
                            v_all_heads := v_all_heads || v_heads;
                            v_want := v_want - cardinality(v_heads);
                        END LOOP;
                    END LOOP;
                END LOOP;
                IF v_priority > 0 THEN v_urgent := v_want; ELSE v_normal := v_want; END IF;
            END LOOP;
            UPDATE guardian_processor SET hungry = NOT hungry WHERE owner = p_owner AND hungry <> (v_normal > 0);
            IF cardinality(v_all_heads) > 0 THEN
                UPDATE guardian_books SET processing = processing + cardinality(v_all_heads) WHERE stripe = p_stripe;
                -- What is known of the entity is read after the claim: whoever settled the one before has written it together with that.
                RETURN QUERY SELECT p, e.state, e.etag, e.gone, e.marks FROM unnest(v_all_heads) WITH ORDINALITY AS h(seq, n)
                JOIN guardian_operation p ON p.seq = h.seq LEFT JOIN guardian_entity e ON e.line = coalesce(p.entity_line, p.line) ORDER BY h.n;
            END IF;
            IF v_signal.seq = -1 THEN
                o := v_signal;
                state := NULL;
                etag := NULL;
                gone := NULL;
                marks := NULL;
                RETURN NEXT;
            END IF;
        END $$;

        CREATE FUNCTION guardian_tenants(p_priority integer, p_cursor text, p_limit integer) RETURNS text[] LANGUAGE plpgsql
        SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
        AS $$
        DECLARE
            v_found text[] := '{}';
            v_tenant text := p_cursor;
            v_wrapped boolean := false;
        BEGIN
            LOOP
                SELECT tenant INTO v_tenant FROM guardian_line WHERE state = 0 AND priority = p_priority AND tenant > v_tenant ORDER BY tenant LIMIT 1;
                IF v_tenant IS NULL OR (v_wrapped AND v_tenant > p_cursor) THEN
                    EXIT WHEN v_wrapped;
                    v_wrapped := true;
                    SELECT tenant INTO v_tenant FROM guardian_line WHERE state = 0 AND priority = p_priority ORDER BY tenant LIMIT 1;
                    EXIT WHEN v_tenant IS NULL OR v_tenant > p_cursor;
                END IF;
                v_found := v_found || v_tenant;
                EXIT WHEN cardinality(v_found) >= p_limit;
            END LOOP;
            RETURN CASE WHEN cardinality(v_found) = 0 THEN ARRAY[''] ELSE v_found END;
        END $$;

        """#
}
