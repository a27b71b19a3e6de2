extension Migrations {
    /// What writes operations and keeps lines in order (`guardian-0001-queue`).
    static let enqueueFunctions = #"""
        CREATE FUNCTION guardian_put(
            p_is_plain boolean, p_stripe integer, p_least bytea, p_ids bytea[], p_keys uuid[], p_traces uuid[], p_types text[], p_entity_types text[], p_entity_ids text[],
            p_lines bigint[], p_slots integer[], p_priorities integer[], p_versions integer[], p_at bigint[], p_payloads text[],
            p_l_line bigint[], p_l_first integer[], p_l_last integer[], p_l_priority integer[], p_l_due bigint[], p_l_expires bigint[],
            p_l_tenant text[],
            p_due bigint[], p_ordering_keys text[], p_tokens text[], p_principals text[], p_not_before bigint[], p_expires bigint[], p_bases text[],
            p_entity_lines bigint[]
        ) RETURNS bigint[] LANGUAGE plpgsql
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan SET jit = off
        AS $$
        DECLARE
            v_seqs bigint[];
            v_heads bigint[];
            v_count integer;
        BEGIN
            IF p_is_plain THEN
                PERFORM 1 FROM guardian_setting
                WHERE name = 'uses_local_ids' OR name = 'uses_optimistic' AND p_tokens IS NOT NULL;
                IF FOUND THEN RAISE EXCEPTION 'guardian: one by one' USING ERRCODE = 'GU002'; END IF;
            END IF;
            SELECT array_agg(nextval('guardian_seq')) INTO v_seqs FROM generate_series(1, cardinality(p_ids));
            WITH up AS (
                INSERT INTO guardian_line AS l (line, head, tail, joined, due_at, updated_at, priority, tenant, expires_at)
                SELECT x.line, v_seqs[x.f], v_seqs[x.t], x.f <> x.t, coalesce(x.due, 0), p_at[x.f], x.priority, coalesce(x.tenant, ''), x.expires
                FROM unnest(p_l_line, p_l_first, p_l_last, p_l_priority, p_l_due, p_l_expires, p_l_tenant)
                    AS x(line, f, t, priority, due, expires, tenant)
                ON CONFLICT (line) DO UPDATE SET tail = greatest(l.tail, EXCLUDED.tail), joined = true
                RETURNING head
            )
            SELECT array_agg(head) INTO v_heads FROM up;
            -- Looked at when nobody can line up anew any more.
            IF (p_l_line = ARRAY[0]::bigint[]) <> EXISTS (SELECT 1 FROM guardian_setting WHERE name = 'ordering' AND value = 'strict') THEN
                RAISE EXCEPTION 'guardian: the queue was lined up anew; try again' USING ERRCODE = 'GU005';
            END IF;
            INSERT INTO guardian_operation (seq, line, due_at, enqueued_at, updated_at, idempotency_key, trace_id, priority, schema_version, follows,
                id, operation_type, entity_type, entity_id, payload, ordering_key, txn_token, principal, not_before, expires_at, base, entity_line)
            SELECT s.seq, s.line, coalesce(s.due, 0), s.at, s.at, s.key, s.trace, s.priority, s.version,
                CASE WHEN s.slot = 0 THEN true ELSE v_heads[s.slot] <> s.seq END,
                s.id, s.type, s.entity_type, s.entity_id, s.payload, s.ordering_key, s.token, s.principal, s.not_before, s.expires, s.base, s.entity_line
            FROM unnest(v_seqs, p_ids, p_keys, p_traces, p_types, p_entity_types, p_entity_ids, p_lines, p_slots, p_priorities, p_versions, p_at,
                p_payloads, p_due, p_ordering_keys, p_tokens, p_principals, p_not_before, p_expires, p_bases, p_entity_lines)
                AS s(seq, id, key, trace, type, entity_type, entity_id, line, slot, priority, version, at, payload, due, ordering_key, token,
                    principal, not_before, expires, base, entity_line);
            v_count := cardinality(p_ids);
            -- Looked at after the insert: an operation that was settled meanwhile stands in the ledger now.
            PERFORM 1 FROM guardian_ledger WHERE id >= p_least LIMIT 1;
            IF FOUND THEN
                PERFORM 1 FROM unnest(p_ids) AS i(id) JOIN guardian_ledger g ON g.id = i.id LIMIT 1;
                IF FOUND THEN
                    RAISE EXCEPTION 'guardian: an id is remembered' USING ERRCODE = 'GU003';
                END IF;
            END IF;
            UPDATE guardian_books SET accepted = accepted + v_count WHERE stripe = p_stripe;
            PERFORM 1 FROM guardian_processor WHERE hungry LIMIT 1;
            IF FOUND THEN PERFORM pg_notify('guardian', ''); END IF;
            RETURN v_seqs;
        END $$;

        CREATE FUNCTION guardian_mend(p_line bigint, p_now bigint, p_release boolean) RETURNS void LANGUAGE plpgsql
        SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET jit = off
        AS $$
        DECLARE
            v_line guardian_line%ROWTYPE;
            v_head guardian_operation%ROWTYPE;
            v_next guardian_operation%ROWTYPE;
            v_last bigint;
        BEGIN
            INSERT INTO guardian_line (line, head, tail, due_at, updated_at, priority) VALUES (p_line, 0, 0, 0, coalesce(p_now, 0), 0)
            ON CONFLICT (line) DO NOTHING;
            SELECT * INTO v_line FROM guardian_line WHERE line = p_line FOR UPDATE;
            SELECT * INTO v_head FROM guardian_operation WHERE seq = v_line.head AND line = p_line AND status = 0;
            SELECT seq INTO v_last FROM guardian_operation WHERE line = p_line AND follows AND status = 0 ORDER BY seq DESC LIMIT 1;
            IF v_line.state = 1 AND v_head.seq IS NOT NULL AND NOT p_release THEN
                UPDATE guardian_line SET tail = greatest(v_head.seq, v_last), joined = EXISTS (
                    SELECT 1 FROM guardian_operation WHERE line = p_line AND follows AND status = 0 AND seq <> v_head.seq)
                WHERE line = p_line;
                RETURN;
            END IF;
            SELECT * INTO v_next FROM guardian_operation WHERE line = p_line AND follows AND status = 0 ORDER BY seq LIMIT 1;
            IF v_head.seq IS NOT NULL AND (v_next.seq IS NULL OR v_head.seq <= v_next.seq) THEN
                v_next := v_head;
            ELSIF v_head.seq IS NOT NULL AND NOT v_head.follows THEN
                UPDATE guardian_operation SET follows = true WHERE seq = v_head.seq;
            END IF;
            IF v_next.seq IS NULL THEN
                DELETE FROM guardian_line WHERE line = p_line;
                RETURN;
            END IF;
            UPDATE guardian_line SET head = v_next.seq, tail = greatest(v_next.seq, v_last, v_head.seq), state = 0, joined = EXISTS (
                    SELECT 1 FROM guardian_operation WHERE line = p_line AND follows AND status = 0 AND seq <> v_next.seq), priority = v_next.priority,
                due_at = v_next.due_at, expires_at = v_next.expires_at, suspect = coalesce(v_next.crashes, 0) > 0, epoch = NULL, claimed_at = NULL,
                tenant = guardian_tenant(v_next.ordering_key), updated_at = coalesce(p_now, v_line.updated_at)
            WHERE line = p_line;
        END $$;

        CREATE FUNCTION guardian_tenant(p_key text) RETURNS text LANGUAGE sql IMMUTABLE AS
        $$ SELECT CASE WHEN p_key LIKE 'tenant:%' THEN split_part(substr(p_key, 8), '/', 1) ELSE '' END $$;

        """#
}
