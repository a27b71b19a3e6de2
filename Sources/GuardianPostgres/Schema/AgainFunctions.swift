extension Migrations {
    /// `guardian_enqueue` names the field of what is no JSON, and knows an id that another transaction has stored at the same time
    /// (`guardian-0007-enqueue-again`).
    static let againFunctions = #"""
        CREATE OR REPLACE FUNCTION guardian_is_object(p_text text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN
            RETURN json_typeof(p_text::json) = 'object';
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
            RETURN false;
        END $$;
        CREATE OR REPLACE FUNCTION \#(refusingEnqueue.replacing("guardian_enqueue", with: "guardian_enqueue_once"))
        CREATE OR REPLACE FUNCTION guardian_enqueue(
            operation_type text, entity_type text, entity_id text, payload text DEFAULT NULL, id text DEFAULT NULL,
            ordering_key text DEFAULT NULL, priority integer DEFAULT 0, not_before timestamptz DEFAULT NULL,
            expires_at timestamptz DEFAULT NULL, txn_token text DEFAULT NULL, base text DEFAULT NULL, schema_version integer DEFAULT 1,
            idempotency_key uuid DEFAULT NULL, trace_id uuid DEFAULT NULL, principal_hash text DEFAULT NULL, OUT receipt_id text, OUT seq bigint, OUT outcome text
        ) LANGUAGE plpgsql AS $$
        DECLARE
            v_left integer := 3;
        BEGIN
            PERFORM guardian_check(payload IS NULL OR octet_length(payload) <= 1048576, 'payload', 'must be at most 1048576 bytes');
            PERFORM guardian_check(payload IS NULL OR guardian_is_object(payload), 'payload', 'must be a JSON object');
            PERFORM guardian_check(base IS NULL OR guardian_is_object(base), 'base', 'must be a JSON object');
            -- One that is given no id can't be a duplicate: it goes without a subtransaction.
            IF guardian_enqueue.id IS NULL THEN
                SELECT e.receipt_id, e.seq, e.outcome INTO receipt_id, seq, outcome FROM guardian_enqueue_once(
                    operation_type, entity_type, entity_id, payload, NULL, ordering_key, priority, not_before, expires_at, txn_token,
                    base, schema_version, idempotency_key, trace_id, principal_hash) e;
                RETURN;
            END IF;
            LOOP
                BEGIN
                    SELECT e.receipt_id, e.seq, e.outcome INTO receipt_id, seq, outcome FROM guardian_enqueue_once(
                        operation_type, entity_type, entity_id, payload, id, ordering_key, priority, not_before, expires_at, txn_token,
                        base, schema_version, idempotency_key, trace_id, principal_hash) e;
                    RETURN;
                EXCEPTION WHEN unique_violation OR SQLSTATE 'GU003' THEN
                    -- Another transaction had the same id and was committed meanwhile: looked at again, it is known.
                    v_left := v_left - 1;
                    IF v_left = 0 THEN RAISE; END IF;
                END;
            END LOOP;
        END $$;

        """#
}
