internal import GuardianCore

extension Migrations {
    /// Transactions that overlap keep to the order, to ids and to what is known by their end (`guardian-0008-overlaps`).
    static let overlapFunctions = overlapPut + overlapMend + overlapRefuse + overlapEnqueue + overlapCheck + overlapTables

    /// An operation that lines up behind a head with a greater number is the end of its line. Above READ COMMITTED an id that was settled
    /// since is 40001.
    static let overlapPut = #"""
        CREATE OR REPLACE FUNCTION guardian_put(
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
                -- Numbers are drawn before the line is locked: whoever comes later may have a smaller one than the head, and goes after it all
                -- the same.
                ON CONFLICT (line) DO UPDATE SET joined = true,
                    tail = CASE WHEN l.joined AND l.tail <> l.head THEN greatest(l.tail, EXCLUDED.tail) ELSE EXCLUDED.tail END
                RETURNING head
            )
            SELECT array_agg(head) INTO v_heads FROM up;
            -- Looked at when nobody can line up anew any more.
            IF (p_l_line = ARRAY[0]::bigint[]) <> EXISTS (SELECT 1 FROM guardian_setting WHERE name = 'ordering' AND value = 'strict') THEN
                RAISE EXCEPTION 'guardian: the queue was lined up anew; try again' USING ERRCODE = 'GU005';
            END IF;
            -- The first id that the upstream gave may have come while a line was waited for.
            IF p_is_plain THEN
                PERFORM 1 FROM guardian_setting WHERE name = 'uses_local_ids';
                IF FOUND THEN RAISE EXCEPTION 'guardian: one by one' USING ERRCODE = 'GU002'; END IF;
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
            -- A snapshot of before does not show what was settled since, but the index knows it: 40001.
            IF current_setting('transaction_isolation') <> 'read committed' THEN
                INSERT INTO guardian_ledger (seq, at, idempotency_key, ending, id)
                SELECT 0, -1, k.key, 0, k.id FROM unnest(p_ids, p_keys) AS k(id, key) ON CONFLICT (id) DO NOTHING;
                DELETE FROM guardian_ledger WHERE id = ANY(p_ids) AND at = -1;
            END IF;
            UPDATE guardian_books SET accepted = accepted + v_count WHERE stripe = p_stripe;
            PERFORM 1 FROM guardian_processor WHERE hungry LIMIT 1;
            IF FOUND THEN PERFORM pg_notify('guardian', ''); END IF;
            RETURN v_seqs;
        END $$;

        """#

    /// The end of a line is its last follower; a row that is deleted meanwhile is made again.
    private static let overlapMend = #"""
        CREATE OR REPLACE FUNCTION guardian_mend(p_line bigint, p_now bigint, p_release boolean) RETURNS void LANGUAGE plpgsql
        SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET jit = off
        AS $$
        DECLARE
            v_line guardian_line%ROWTYPE;
            v_head guardian_operation%ROWTYPE;
            v_next guardian_operation%ROWTYPE;
            v_last bigint;
        BEGIN
            LOOP
                INSERT INTO guardian_line (line, head, tail, due_at, updated_at, priority) VALUES (p_line, 0, 0, 0, coalesce(p_now, 0), 0)
                ON CONFLICT (line) DO NOTHING;
                SELECT * INTO v_line FROM guardian_line WHERE line = p_line FOR UPDATE;
                -- Whoever settled the last of the line may have taken the row away between the two.
                EXIT WHEN FOUND;
            END LOOP;
            SELECT * INTO v_head FROM guardian_operation WHERE seq = v_line.head AND line = p_line AND status = 0;
            IF v_line.state = 1 AND v_head.seq IS NOT NULL AND NOT p_release THEN
                SELECT seq INTO v_last FROM guardian_operation WHERE line = p_line AND follows AND status = 0 AND seq <> v_head.seq
                ORDER BY seq DESC LIMIT 1;
                UPDATE guardian_line SET tail = coalesce(v_last, v_head.seq), joined = v_last IS NOT NULL WHERE line = p_line;
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
            SELECT seq INTO v_last FROM guardian_operation WHERE line = p_line AND follows AND status = 0 AND seq <> v_next.seq
            ORDER BY seq DESC LIMIT 1;
            UPDATE guardian_line SET head = v_next.seq, tail = coalesce(v_last, v_next.seq), state = 0, joined = v_last IS NOT NULL,
                priority = v_next.priority, due_at = v_next.due_at, expires_at = v_next.expires_at, suspect = coalesce(v_next.crashes, 0) > 0, epoch = NULL, claimed_at = NULL,
                tenant = guardian_tenant(v_next.ordering_key), updated_at = coalesce(p_now, v_line.updated_at)
            WHERE line = p_line;
        END $$;

        """#

    /// A rollback of the change waits for the app's transaction.
    private static let overlapRefuse = #"""
        CREATE OR REPLACE FUNCTION guardian_refuse(p_seq bigint, p_line bigint, p_token text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
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
            UPDATE guardian_books SET failed = failed + 1 WHERE stripe = pg_backend_pid() % 64;
            INSERT INTO guardian_tally AS t (stripe, kind, operation_type, entity_type, error_class, count)
            VALUES (pg_backend_pid() % 64, \#(Tally.Kind.failed.rawValue), '\#(refusalLabels.operationType)', '\#(refusalLabels.entityType)',
                '\#(refusalLabels.errorClass)', 1)
            ON CONFLICT (stripe, kind, operation_type, entity_type, error_class) DO UPDATE SET count = t.count + 1;
        END $$;

        """#

    /// The upstream's id of an entity is looked for when nobody can settle its create any more.
    static let overlapEnqueue = #"""
        CREATE OR REPLACE FUNCTION guardian_enqueue_once(
            operation_type text, entity_type text, entity_id text, payload text DEFAULT NULL, id text DEFAULT NULL,
            ordering_key text DEFAULT NULL, priority integer DEFAULT 0, not_before timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
            txn_token text DEFAULT NULL, base text DEFAULT NULL, schema_version integer DEFAULT 1, idempotency_key uuid DEFAULT NULL,
            trace_id uuid DEFAULT NULL, principal_hash text DEFAULT NULL, OUT receipt_id text, OUT seq bigint, OUT outcome text
        ) LANGUAGE plpgsql AS $$
        #variable_conflict use_column
        DECLARE
            v_id bytea;
            v_now bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
            v_entity_id text := guardian_enqueue_once.entity_id;
            v_key text := guardian_enqueue_once.ordering_key;
            v_line bigint;
            v_own bigint;
            v_is_strict boolean;
            v_due bigint;
            v_signed_in text;
        BEGIN
            PERFORM guardian_check(guardian_enqueue_once.operation_type ~ '^[a-z0-9_-]{1,64}$', 'operation_type', 'must be [a-z0-9_-]{1,64}');
            PERFORM guardian_check(guardian_enqueue_once.entity_type ~ '^[A-Za-z0-9_-]{1,64}$', 'entity_type', 'must be [A-Za-z0-9_-]{1,64}');
            PERFORM guardian_check(octet_length(v_entity_id) BETWEEN 1 AND 256 AND v_entity_id !~ '[\x01-\x1f\x7f]', 'entity_id',
                'must be 1 to 256 bytes without control characters');
            PERFORM guardian_check(guardian_enqueue_once.id IS NULL OR guardian_enqueue_once.id ~ '^[!-~]{1,128}$', 'id', 'must be 1-128 printable ASCII characters');
            PERFORM guardian_check(v_key IS NULL OR octet_length(v_key) BETWEEN 1 AND 256, 'ordering_key', 'must be 1 to 256 bytes');
            PERFORM guardian_check(guardian_enqueue_once.priority BETWEEN -100 AND 100, 'priority', 'must be -100 to 100');
            PERFORM guardian_check(guardian_enqueue_once.txn_token IS NULL OR octet_length(guardian_enqueue_once.txn_token) BETWEEN 1 AND 128, 'txn_token',
                'must be 1 to 128 bytes');
            PERFORM guardian_check(guardian_enqueue_once.schema_version >= 1, 'schema_version', 'must be 1 or more');
            PERFORM guardian_check(guardian_enqueue_once.payload IS NOT NULL OR guardian_enqueue_once.operation_type = 'delete', 'payload', 'is required');
            PERFORM guardian_check(guardian_enqueue_once.payload IS NULL OR octet_length(guardian_enqueue_once.payload) <= 1048576, 'payload',
                'must be at most 1048576 bytes');
            PERFORM guardian_check(guardian_enqueue_once.payload IS NULL OR json_typeof(guardian_enqueue_once.payload::json) = 'object', 'payload',
                'must be a JSON object');
            PERFORM guardian_check(guardian_enqueue_once.base IS NULL OR json_typeof(guardian_enqueue_once.base::json) = 'object', 'base',
                'must be a JSON object');
            receipt_id := coalesce(guardian_enqueue_once.id, guardian_uuid7()::text);
            v_id := guardian_id(receipt_id);
            SELECT o.seq INTO seq FROM guardian_operation o WHERE o.id = v_id;
            IF seq IS NULL THEN SELECT g.seq INTO seq FROM guardian_ledger g WHERE g.id = v_id; END IF;
            IF seq IS NOT NULL THEN
                outcome := 'duplicate';
                RETURN;
            END IF;
            SELECT s.value = 'strict' INTO v_is_strict FROM guardian_setting s WHERE s.name = 'ordering';
            v_own := guardian_line_of(guardian_enqueue_once.entity_type || '/' || v_entity_id);
            v_line := CASE WHEN v_is_strict THEN 0 WHEN v_key IS NULL THEN v_own ELSE guardian_line_of(v_key) END;
            IF guardian_enqueue_once.operation_type <> 'create' THEN
                -- The settlement of the create holds its line until the upstream's id is known.
                PERFORM 1 FROM guardian_line l WHERE l.line = v_line FOR UPDATE;
                SELECT a.server_id INTO v_entity_id FROM guardian_alias a
                WHERE a.entity_type = guardian_enqueue_once.entity_type AND a.local_id = guardian_enqueue_once.entity_id;
                v_entity_id := coalesce(v_entity_id, guardian_enqueue_once.entity_id);
                IF v_entity_id <> guardian_enqueue_once.entity_id THEN
                    v_own := guardian_line_of(guardian_enqueue_once.entity_type || '/' || v_entity_id);
                    v_line := CASE WHEN v_is_strict THEN 0 WHEN v_key IS NULL THEN v_own ELSE v_line END;
                END IF;
            END IF;
            v_due := greatest(0, (extract(epoch FROM guardian_enqueue_once.not_before) * 1000)::bigint);
            IF guardian_enqueue_once.principal_hash IS NOT NULL THEN
                SELECT s.value INTO v_signed_in FROM guardian_setting s WHERE s.name = 'signed_in';
                IF v_signed_in IS DISTINCT FROM guardian_enqueue_once.principal_hash THEN v_due := 2305843009213693951; END IF;
            END IF;
            seq := (guardian_put(false, pg_backend_pid() % 64, v_id, ARRAY[v_id], ARRAY[coalesce(guardian_enqueue_once.idempotency_key, gen_random_uuid())],
                ARRAY[coalesce(guardian_enqueue_once.trace_id, gen_random_uuid())], ARRAY[guardian_enqueue_once.operation_type], ARRAY[guardian_enqueue_once.entity_type],
                ARRAY[v_entity_id], ARRAY[v_line], ARRAY[1], ARRAY[guardian_enqueue_once.priority], ARRAY[guardian_enqueue_once.schema_version], ARRAY[v_now],
                ARRAY[guardian_enqueue_once.payload], ARRAY[v_line], ARRAY[1], ARRAY[1], ARRAY[guardian_enqueue_once.priority], ARRAY[v_due],
                ARRAY[(extract(epoch FROM guardian_enqueue_once.expires_at) * 1000)::bigint],
                ARRAY[CASE WHEN v_is_strict THEN '' ELSE guardian_tenant(v_key) END], ARRAY[v_due], ARRAY[v_key], ARRAY[guardian_enqueue_once.txn_token],
                ARRAY[guardian_enqueue_once.principal_hash], ARRAY[(extract(epoch FROM guardian_enqueue_once.not_before) * 1000)::bigint],
                ARRAY[(extract(epoch FROM guardian_enqueue_once.expires_at) * 1000)::bigint], ARRAY[guardian_enqueue_once.base],
                ARRAY[CASE WHEN v_own = v_line THEN NULL ELSE v_own END]))[1];
            outcome := 'accepted';
            IF guardian_enqueue_once.txn_token IS NOT NULL THEN
                PERFORM guardian_refuse(seq, v_line, guardian_enqueue_once.txn_token, v_now);
            END IF;
        END $$;

        """#

    /// The same for what a processor adds, which finds out when it has added it.
    private static let overlapCheck = #"""
        CREATE OR REPLACE FUNCTION guardian_check_local(p_types text[], p_ids text[]) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            -- Where no local id was ever in use, nobody would find it the next time either.
            PERFORM 1 FROM guardian_setting WHERE name = 'uses_local_ids';
            IF NOT FOUND THEN RETURN; END IF;
            PERFORM 1 FROM unnest(p_types, p_ids) AS n(entity_type, entity_id)
                JOIN guardian_alias a ON a.entity_type = n.entity_type AND a.local_id = n.entity_id LIMIT 1;
            IF FOUND THEN RAISE EXCEPTION 'guardian: the id of an entity is known now; try again' USING ERRCODE = '40001'; END IF;
        END $$;

        """#

    /// What was written before by the same mistakes. The lines are held as for lining them up anew: who adds to one meanwhile would not be
    /// seen.
    private static let overlapTables = #"""
        LOCK TABLE guardian_line, guardian_operation IN SHARE ROW EXCLUSIVE MODE;
        CREATE INDEX IF NOT EXISTS guardian_operation_parked ON guardian_operation (principal) WHERE status = 0 AND due_at = \#(Parking.due);
        UPDATE guardian_line l SET tail = f.last FROM (
            SELECT k.line, coalesce((SELECT max(o.seq) FROM guardian_operation o
                WHERE o.line = k.line AND o.follows AND o.status = 0 AND o.seq <> k.head), k.head) AS last
            FROM guardian_line k WHERE k.joined OR k.tail <> k.head
        ) f WHERE l.line = f.line AND l.tail <> f.last;
        INSERT INTO guardian_setting SELECT 'uses_local_ids', '1' WHERE EXISTS (SELECT 1 FROM guardian_alias) ON CONFLICT (name) DO NOTHING;

        """#

    /// Stands for the change that it depends on.
    static let refusedChange = "{change}"
    static let refusal = LastError.dependsOn(refusedChange)
    static let refusalLabels = Tally.Labels.other(refusal.class)
}
