extension Migrations {
    /// `guardian_enqueue(…)` for any language, in the app's own transaction, and a view for people (`guardian-0002-app-transaction`).
    static let appFunctions = namingFunctions + "CREATE FUNCTION " + enqueueFunction + enqueueOthers

    private static let namingFunctions = #"""
        CREATE FUNCTION guardian_line_of(p_key text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
        DECLARE
            v_bytes bytea := convert_to(p_key, 'UTF8');
            v_hash numeric := 14695981039346656037;
            v_mod constant numeric := 18446744073709551616;
            v_bits bigint;
            v_at integer;
        BEGIN
            FOR v_at IN 0..length(v_bytes) - 1 LOOP
                v_bits := guardian_signed(v_hash) # get_byte(v_bytes, v_at);
                v_hash := mod(guardian_unsigned(v_bits) * 1099511628211, v_mod);
            END LOOP;
            v_hash := mod(guardian_unsigned(guardian_signed(v_hash) # guardian_signed(div(v_hash, 8589934592))) * 18397679294719823053, v_mod);
            v_hash := mod(guardian_unsigned(guardian_signed(v_hash) # guardian_signed(div(v_hash, 8589934592))) * 14181476777654086739, v_mod);
            RETURN guardian_signed(v_hash) # guardian_signed(div(v_hash, 8589934592));
        END $$;
        CREATE FUNCTION guardian_signed(p_value numeric) RETURNS bigint LANGUAGE sql IMMUTABLE AS
        $$ SELECT CASE WHEN p_value >= 9223372036854775808 THEN p_value - 18446744073709551616 ELSE p_value END::bigint $$;
        CREATE FUNCTION guardian_unsigned(p_value bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS
        $$ SELECT CASE WHEN p_value < 0 THEN p_value::numeric + 18446744073709551616 ELSE p_value::numeric END $$;

        CREATE FUNCTION guardian_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
            SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
                substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
        $$;

        CREATE FUNCTION guardian_id(p_id text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
            SELECT CASE
                WHEN p_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN uuid_send(p_id::uuid)
                WHEN octet_length(p_id) = 15 THEN convert_to(p_id, 'UTF8') || '\x0000'::bytea
                ELSE convert_to(p_id, 'UTF8') || '\x00'::bytea
            END
        $$;
        CREATE FUNCTION guardian_id_text(p_id bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $$
            SELECT CASE WHEN length(p_id) = 16 THEN encode(p_id, 'hex')::uuid::text ELSE convert_from(rtrim(p_id, '\x00'::bytea), 'UTF8') END
        $$;

        CREATE FUNCTION guardian_check(p_ok boolean, p_field text, p_constraint text) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT coalesce(p_ok, false) THEN
                RAISE EXCEPTION '%: %', p_field, p_constraint USING ERRCODE = 'GU004', COLUMN = p_field;
            END IF;
        END $$;

        """#

    /// All but its first words and its end.
    static let enqueueFunction = #"""
        guardian_enqueue(
            operation_type text, entity_type text, entity_id text, payload text DEFAULT NULL, id text DEFAULT NULL,
            ordering_key text DEFAULT NULL, priority integer DEFAULT 0, not_before timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
            txn_token text DEFAULT NULL, base text DEFAULT NULL, schema_version integer DEFAULT 1, idempotency_key uuid DEFAULT NULL,
            trace_id uuid DEFAULT NULL, principal_hash text DEFAULT NULL, OUT receipt_id text, OUT seq bigint, OUT outcome text
        ) LANGUAGE plpgsql AS $$
        #variable_conflict use_column
        DECLARE
            v_id bytea;
            v_now bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
            v_entity_id text := guardian_enqueue.entity_id;
            v_key text := guardian_enqueue.ordering_key;
            v_line bigint;
            v_own bigint;
            v_is_strict boolean;
            v_due bigint;
            v_signed_in text;
        BEGIN
            PERFORM guardian_check(guardian_enqueue.operation_type ~ '^[a-z0-9_-]{1,64}$', 'operation_type', 'must be [a-z0-9_-]{1,64}');
            PERFORM guardian_check(guardian_enqueue.entity_type ~ '^[A-Za-z0-9_-]{1,64}$', 'entity_type', 'must be [A-Za-z0-9_-]{1,64}');
            PERFORM guardian_check(octet_length(v_entity_id) BETWEEN 1 AND 256 AND v_entity_id !~ '[\x01-\x1f\x7f]', 'entity_id',
                'must be 1 to 256 bytes without control characters');
            PERFORM guardian_check(guardian_enqueue.id IS NULL OR guardian_enqueue.id ~ '^[!-~]{1,128}$', 'id', 'must be 1-128 printable ASCII characters');
            PERFORM guardian_check(v_key IS NULL OR octet_length(v_key) BETWEEN 1 AND 256, 'ordering_key', 'must be 1 to 256 bytes');
            PERFORM guardian_check(guardian_enqueue.priority BETWEEN -100 AND 100, 'priority', 'must be -100 to 100');
            PERFORM guardian_check(guardian_enqueue.txn_token IS NULL OR octet_length(guardian_enqueue.txn_token) BETWEEN 1 AND 128, 'txn_token',
                'must be 1 to 128 bytes');
            PERFORM guardian_check(guardian_enqueue.schema_version >= 1, 'schema_version', 'must be 1 or more');
            PERFORM guardian_check(guardian_enqueue.payload IS NOT NULL OR guardian_enqueue.operation_type = 'delete', 'payload', 'is required');
            PERFORM guardian_check(guardian_enqueue.payload IS NULL OR octet_length(guardian_enqueue.payload) <= 1048576, 'payload',
                'must be at most 1048576 bytes');
            PERFORM guardian_check(guardian_enqueue.payload IS NULL OR json_typeof(guardian_enqueue.payload::json) = 'object', 'payload',
                'must be a JSON object');
            PERFORM guardian_check(guardian_enqueue.base IS NULL OR json_typeof(guardian_enqueue.base::json) = 'object', 'base',
                'must be a JSON object');
            receipt_id := coalesce(guardian_enqueue.id, guardian_uuid7()::text);
            v_id := guardian_id(receipt_id);
            SELECT o.seq INTO seq FROM guardian_operation o WHERE o.id = v_id;
            IF seq IS NULL THEN SELECT g.seq INTO seq FROM guardian_ledger g WHERE g.id = v_id; END IF;
            IF seq IS NOT NULL THEN
                outcome := 'duplicate';
                RETURN;
            END IF;
            IF guardian_enqueue.operation_type <> 'create' THEN
                SELECT a.server_id INTO v_entity_id FROM guardian_alias a
                WHERE a.entity_type = guardian_enqueue.entity_type AND a.local_id = guardian_enqueue.entity_id;
                v_entity_id := coalesce(v_entity_id, guardian_enqueue.entity_id);
            END IF;
            SELECT s.value = 'strict' INTO v_is_strict FROM guardian_setting s WHERE s.name = 'ordering';
            v_own := guardian_line_of(guardian_enqueue.entity_type || '/' || v_entity_id);
            v_line := CASE WHEN v_is_strict THEN 0 WHEN v_key IS NULL THEN v_own ELSE guardian_line_of(v_key) END;
            v_due := greatest(0, (extract(epoch FROM guardian_enqueue.not_before) * 1000)::bigint);
            IF guardian_enqueue.principal_hash IS NOT NULL THEN
                SELECT s.value INTO v_signed_in FROM guardian_setting s WHERE s.name = 'signed_in';
                IF v_signed_in IS DISTINCT FROM guardian_enqueue.principal_hash THEN v_due := 2305843009213693951; END IF;
            END IF;
            seq := (guardian_put(false, pg_backend_pid() % 64, v_id, ARRAY[v_id], ARRAY[coalesce(guardian_enqueue.idempotency_key, gen_random_uuid())],
                ARRAY[coalesce(guardian_enqueue.trace_id, gen_random_uuid())], ARRAY[guardian_enqueue.operation_type], ARRAY[guardian_enqueue.entity_type],
                ARRAY[v_entity_id], ARRAY[v_line], ARRAY[1], ARRAY[guardian_enqueue.priority], ARRAY[guardian_enqueue.schema_version], ARRAY[v_now],
                ARRAY[guardian_enqueue.payload], ARRAY[v_line], ARRAY[1], ARRAY[1], ARRAY[guardian_enqueue.priority], ARRAY[v_due],
                ARRAY[(extract(epoch FROM guardian_enqueue.expires_at) * 1000)::bigint],
                ARRAY[CASE WHEN v_is_strict THEN '' ELSE guardian_tenant(v_key) END], ARRAY[v_due], ARRAY[v_key], ARRAY[guardian_enqueue.txn_token],
                ARRAY[guardian_enqueue.principal_hash], ARRAY[(extract(epoch FROM guardian_enqueue.not_before) * 1000)::bigint],
                ARRAY[(extract(epoch FROM guardian_enqueue.expires_at) * 1000)::bigint], ARRAY[guardian_enqueue.base],
                ARRAY[CASE WHEN v_own = v_line THEN NULL ELSE v_own END]))[1];
            outcome := 'accepted';

        """#

    private static let enqueueOthers = #"""
        END $$;
        COMMENT ON FUNCTION guardian_enqueue(text, text, text, text, text, text, integer, timestamptz, timestamptz, text, text, integer, uuid, uuid, text) IS
            'Enqueues an operation in the caller''s own transaction: both commit, or neither.';

        CREATE FUNCTION guardian_enqueue_all(p_operations text) RETURNS TABLE (receipt_id text, seq bigint, outcome text) LANGUAGE plpgsql AS $$
        DECLARE
            v json;
        BEGIN
            FOR v IN SELECT value FROM json_array_elements(p_operations::json) LOOP
                RETURN QUERY SELECT e.receipt_id, e.seq, e.outcome FROM guardian_enqueue(
                    v->>'operation_type', v->>'entity_type', v->>'entity_id', v->>'payload', v->>'id', v->>'ordering_key',
                    coalesce((v->>'priority')::integer, 0), (v->>'not_before')::timestamptz, (v->>'expires_at')::timestamptz, v->>'txn_token',
                    v->>'base', coalesce((v->>'schema_version')::integer, 1), (v->>'idempotency_key')::uuid, (v->>'trace_id')::uuid,
                    v->>'principal_hash') e;
            END LOOP;
        END $$;

        CREATE VIEW guardian_operations AS
            SELECT guardian_id_text(o.id) AS id, o.seq, CASE WHEN o.status = 2 THEN 'failed' WHEN l.state = 1 THEN 'processing' ELSE 'pending' END AS status,
                o.operation_type, o.entity_type, o.entity_id, o.ordering_key, o.priority, to_timestamp(o.enqueued_at / 1000.0) AS enqueued_at,
                o.attempt_count, o.tries, to_timestamp(o.next_retry_at / 1000.0) AS next_retry_at, o.error_class, o.error_code, o.error_status
            FROM guardian_operation o LEFT JOIN guardian_line l ON l.line = o.line AND l.head = o.seq;

        """#
}
