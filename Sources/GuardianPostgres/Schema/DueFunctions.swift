extension Migrations {
    /// Claims that pass over tenants who have nothing due, and go on behind the one that had its turn last (`guardian-0005-due-tenants`).
    /// `guardian_tenants` stays, for processors of an older build that still run.
    static let dueFunctions = #"""
        -- Those behind `p_cursor`, round to itself, with a head that is due: `p_limit` at most. `cut` says where it stopped looking when so
        -- many have nothing due that a claim would take too long.
        CREATE OR REPLACE FUNCTION guardian_due_tenants(
            p_priority integer, p_cursor text, p_now bigint, p_limit integer, OUT tenants text[], OUT cut text
        ) LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
        AS $$
        DECLARE
            v_tenant text := p_cursor;
            v_due bigint;
            v_wrapped boolean := false;
        BEGIN
            tenants := '{}';
            FOR v_step IN 1..2000 LOOP
                SELECT tenant, due_at INTO v_tenant, v_due FROM guardian_line
                WHERE state = 0 AND priority = p_priority AND tenant > v_tenant ORDER BY tenant, due_at LIMIT 1;
                IF v_tenant IS NULL AND NOT v_wrapped THEN
                    v_wrapped := true;
                    SELECT tenant, due_at INTO v_tenant, v_due FROM guardian_line
                    WHERE state = 0 AND priority = p_priority ORDER BY tenant, due_at LIMIT 1;
                END IF;
                IF v_tenant IS NULL OR v_wrapped AND v_tenant > p_cursor COLLATE "C" THEN RETURN; END IF;
                IF v_due <= p_now THEN tenants := tenants || v_tenant; END IF;
                IF cardinality(tenants) >= p_limit THEN RETURN; END IF;
            END LOOP;
            cut := v_tenant;
        END $$;

        CREATE OR REPLACE FUNCTION guardian_claim(
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
            v_from text;
            v_served text;
            v_cut text;
            v_tenants text[];
            v_tenant text;
            v_lines bigint[];
            v_heads bigint[];
            v_is_careful boolean := false;
            v_all_heads bigint[] := '{}';
            v_round integer;
            v_part integer;
            v_moved integer[] := '{}';
            v_cursors text[] := '{}';
            v_signal guardian_operation%ROWTYPE;
        BEGIN
            IF p_urgent + p_normal <= 0 THEN RETURN; END IF;
            PERFORM 1 FROM guardian_pause LIMIT 1;
            IF FOUND THEN RETURN; END IF;
            LOOP
                SELECT priority INTO v_priority FROM guardian_line WHERE state = 0 AND priority < v_priority ORDER BY priority DESC LIMIT 1;
                EXIT WHEN v_priority IS NULL;
                v_want := CASE WHEN v_priority > 0 THEN v_urgent ELSE v_normal END;
                CONTINUE WHEN v_want <= 0;
                v_from := coalesce(substring(p_cursor FROM '(?:^|/)' || v_priority || ':([^/]*)'), '');
                v_served := v_from;
                SELECT d.tenants, d.cut INTO v_tenants, v_cut
                FROM guardian_due_tenants(v_priority::integer, v_from, p_now, least(v_want, 16)) d;
                <<rounds>>
                FOR v_round IN 1..least(cardinality(v_tenants), 2) LOOP
                    v_share := CASE WHEN v_round = 1 THEN (v_want + cardinality(v_tenants) - 1) / cardinality(v_tenants) ELSE v_want END;
                    FOREACH v_tenant IN ARRAY v_tenants LOOP
                        EXIT rounds WHEN v_want <= 0;
                        FOR v_part IN 1..2 LOOP
                            EXIT WHEN v_want <= 0;
                            SELECT array_agg(c.line), array_agg(c.head),
                                coalesce(bool_or(c.suspect OR coalesce(c.expires_at <= p_now, false)), false)
                            INTO v_lines, v_heads, v_is_careful FROM (
                                SELECT line, head, suspect, expires_at FROM guardian_line
                                WHERE state = 0 AND priority = v_priority::integer AND tenant = v_tenant
                                    AND due_at > CASE WHEN v_part = 1 THEN 0 ELSE -1 END
                                    AND due_at <= CASE WHEN v_part = 1 THEN p_now ELSE 0 END
                                ORDER BY due_at, head LIMIT least(v_share, v_want) FOR UPDATE SKIP LOCKED
                            ) c;
                            EXIT rounds WHEN v_is_careful;
                            CONTINUE WHEN v_lines IS NULL;
                            UPDATE guardian_line l SET state = 1, epoch = p_epoch, claimed_at = p_now, updated_at = p_now
                            FROM unnest(v_lines) AS x(line) WHERE l.line = x.line;
                            v_all_heads := v_all_heads || v_heads;
                            v_want := v_want - cardinality(v_heads);
                        END LOOP;
                        IF v_round = 1 THEN v_served := v_tenant; END IF;
                    END LOOP;
                END LOOP;
                -- Where to go on: behind the last that had a turn. One that needs a look of its own has not had it.
                IF v_want > 0 AND NOT v_is_careful THEN v_served := coalesce(v_cut, v_served); END IF;
                IF v_served <> v_from THEN
                    v_moved := v_moved || v_priority::integer;
                    v_cursors := v_cursors || v_served;
                END IF;
                IF v_priority > 0 THEN v_urgent := v_want; ELSE v_normal := v_want; END IF;
                EXIT WHEN v_is_careful;
            END LOOP;
            UPDATE guardian_processor SET hungry = NOT hungry WHERE owner = p_owner AND hungry <> (v_normal > 0);
            IF cardinality(v_all_heads) > 0 THEN
                UPDATE guardian_books SET processing = processing + cardinality(v_all_heads) WHERE stripe = p_stripe;
                -- What is known of the entity is read after the claim: whoever settled the one before has written it together with that.
                RETURN QUERY SELECT p, e.state, e.etag, e.gone, e.marks FROM unnest(v_all_heads) WITH ORDINALITY AS h(seq, n)
                JOIN guardian_operation p ON p.seq = h.seq LEFT JOIN guardian_entity e ON e.line = coalesce(p.entity_line, p.line)
                ORDER BY h.n;
            END IF;
            -- Rows that are no claims: -1 asks for a look at each head, -2 says where a priority goes on.
            state := NULL;
            etag := NULL;
            gone := NULL;
            marks := NULL;
            v_signal.seq := -2;
            FOR v_round IN 1..cardinality(v_moved) LOOP
                v_signal.priority := v_moved[v_round];
                v_signal.entity_id := v_cursors[v_round];
                o := v_signal;
                RETURN NEXT;
            END LOOP;
            IF v_is_careful THEN
                v_signal.seq := -1;
                o := v_signal;
                RETURN NEXT;
            END IF;
        END $$;

        """#
}
