extension Migrations {
    /// The tables of the queue (`guardian-0001-queue`).
    static let tables = #"""
        CREATE SEQUENCE guardian_seq;
        CREATE SEQUENCE guardian_epoch;
        CREATE TABLE guardian_operation (
            seq bigint PRIMARY KEY,
            line bigint NOT NULL,
            due_at bigint NOT NULL,
            enqueued_at bigint NOT NULL,
            updated_at bigint NOT NULL,
            idempotency_key uuid NOT NULL,
            trace_id uuid NOT NULL,
            priority integer NOT NULL,
            schema_version integer NOT NULL,
            attempt_count integer NOT NULL DEFAULT 0,
            tries integer NOT NULL DEFAULT 0,
            backoff_ms bigint NOT NULL DEFAULT 0,
            status smallint NOT NULL DEFAULT 0,
            follows boolean NOT NULL,
            id bytea NOT NULL,
            operation_type text COLLATE "C" NOT NULL,
            entity_type text COLLATE "C" NOT NULL,
            entity_id text COLLATE "C" NOT NULL,
            payload text COLLATE "C",
            ordering_key text COLLATE "C",
            txn_token text COLLATE "C",
            principal text COLLATE "C",
            not_before bigint,
            expires_at bigint,
            base text COLLATE "C",
            entity_line bigint,
            last_attempt_at bigint,
            next_retry_at bigint,
            failure_mark bigint,
            error_class text COLLATE "C",
            error_code text COLLATE "C",
            error_status integer,
            error_message text COLLATE "C",
            crashes integer,
            unknown_at bigint,
            rounds integer,
            if_match text COLLATE "C",
            server_etag text COLLATE "C",
            server_gone boolean,
            server_state text COLLATE "C"
        ) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.2,
                autovacuum_vacuum_cost_delay = 0);
        CREATE UNIQUE INDEX guardian_operation_id ON guardian_operation (id);
        CREATE INDEX guardian_operation_follow ON guardian_operation (line, seq) WHERE follows AND status = 0;
        CREATE INDEX guardian_operation_failed ON guardian_operation (seq) WHERE status = 2;
        CREATE INDEX guardian_operation_failed_line ON guardian_operation (line, seq) WHERE status = 2;
        CREATE INDEX guardian_operation_entity ON guardian_operation (entity_line, seq) WHERE entity_line IS NOT NULL;
        CREATE INDEX guardian_operation_principal ON guardian_operation (principal, seq) WHERE principal IS NOT NULL;
        CREATE INDEX guardian_operation_token ON guardian_operation (txn_token, seq) WHERE txn_token IS NOT NULL;

        CREATE TABLE guardian_line (
            line bigint PRIMARY KEY,
            head bigint NOT NULL,
            tail bigint NOT NULL,
            due_at bigint NOT NULL,
            updated_at bigint NOT NULL,
            priority integer NOT NULL,
            state smallint NOT NULL DEFAULT 0,
            suspect boolean NOT NULL DEFAULT false,
            joined boolean NOT NULL DEFAULT false,
            tenant text COLLATE "C" NOT NULL DEFAULT '',
            expires_at bigint,
            epoch bigint,
            claimed_at bigint
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
        CREATE INDEX guardian_line_ready ON guardian_line (priority, tenant, due_at, head) WHERE state = 0;
        CREATE INDEX guardian_line_due ON guardian_line (due_at) WHERE state = 0 AND due_at > 0;
        CREATE INDEX guardian_line_waiting ON guardian_line (priority DESC, due_at, head) WHERE state = 0 AND due_at > 0;

        CREATE TABLE guardian_ledger (
            seq bigint NOT NULL,
            at bigint NOT NULL,
            idempotency_key uuid NOT NULL,
            ending smallint NOT NULL,
            id bytea NOT NULL,
            merged_into bytea,
            answer text COLLATE "C"
        ) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
        CREATE UNIQUE INDEX guardian_ledger_id ON guardian_ledger (id);
        CREATE INDEX guardian_ledger_at ON guardian_ledger (at);

        CREATE TABLE guardian_books (
            stripe integer PRIMARY KEY,
            accepted bigint NOT NULL DEFAULT 0, processed bigint NOT NULL DEFAULT 0, coalesced bigint NOT NULL DEFAULT 0,
            cancelled bigint NOT NULL DEFAULT 0, expired bigint NOT NULL DEFAULT 0, cleared bigint NOT NULL DEFAULT 0,
            failed bigint NOT NULL DEFAULT 0, processing bigint NOT NULL DEFAULT 0
        ) WITH (fillfactor = 20);
        INSERT INTO guardian_books (stripe) SELECT generate_series(0, 63);

        CREATE TABLE guardian_tally (
            stripe integer NOT NULL,
            kind integer NOT NULL,
            operation_type text COLLATE "C" NOT NULL,
            entity_type text COLLATE "C" NOT NULL,
            error_class text COLLATE "C" NOT NULL,
            count bigint NOT NULL,
            PRIMARY KEY (stripe, kind, operation_type, entity_type, error_class)
        ) WITH (fillfactor = 50);

        CREATE TABLE guardian_processor (
            owner text COLLATE "C" PRIMARY KEY,
            epoch bigint NOT NULL UNIQUE,
            heartbeat_at bigint NOT NULL,
            acquired_at bigint NOT NULL,
            stale_after_ms bigint NOT NULL,
            host text COLLATE "C" NOT NULL,
            process bigint NOT NULL,
            started bigint NOT NULL,
            hungry boolean NOT NULL DEFAULT false
        ) WITH (fillfactor = 50);
        CREATE TABLE guardian_upstream (
            one integer PRIMARY KEY CHECK (one = 1), version bigint NOT NULL, epoch bigint NOT NULL,
            is_set boolean NOT NULL, open_until bigint, hold_until bigint, trips bigint NOT NULL, plague_since bigint, plague_status integer
        ) WITH (fillfactor = 50);
        INSERT INTO guardian_upstream VALUES (1, 0, 0, false, NULL, NULL, 0, NULL, NULL);
        CREATE TABLE guardian_pause (reason text COLLATE "C" PRIMARY KEY);
        CREATE TABLE guardian_setting (name text COLLATE "C" PRIMARY KEY, value text COLLATE "C" NOT NULL);
        INSERT INTO guardian_setting VALUES ('seats', '');
        CREATE TABLE guardian_entity (line bigint PRIMARY KEY, at bigint NOT NULL, gone boolean NOT NULL, etag text, state text);
        CREATE TABLE guardian_optimistic (
            number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            registered_at bigint NOT NULL,
            standing integer NOT NULL,
            token text COLLATE "C" NOT NULL UNIQUE,
            entity_type text COLLATE "C" NOT NULL,
            entity_id text COLLATE "C" NOT NULL,
            original text,
            depends_on text COLLATE "C"
        );
        CREATE INDEX guardian_optimistic_entity ON guardian_optimistic (entity_type, entity_id);
        CREATE INDEX guardian_optimistic_dependent ON guardian_optimistic (depends_on) WHERE depends_on IS NOT NULL;
        CREATE TABLE guardian_optimistic_ending (
            number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at bigint NOT NULL,
            token text COLLATE "C" NOT NULL,
            entity_type text COLLATE "C" NOT NULL,
            entity_id text COLLATE "C" NOT NULL,
            original text,
            depends_on text COLLATE "C",
            error_class text, error_code text, error_status integer, error_message text,
            state text
        );
        CREATE TABLE guardian_alias (
            entity_type text COLLATE "C" NOT NULL, local_id text COLLATE "C" NOT NULL, server_id text COLLATE "C" NOT NULL,
            is_number boolean NOT NULL, at bigint NOT NULL, PRIMARY KEY (entity_type, local_id)
        );
        CREATE INDEX guardian_alias_age ON guardian_alias (at);
        CREATE TABLE guardian_open_create (
            entity_type text COLLATE "C" NOT NULL, entity_id text COLLATE "C" NOT NULL, seq bigint NOT NULL UNIQUE,
            PRIMARY KEY (entity_type, entity_id, seq)
        );
        CREATE TABLE guardian_reference (
            entity_type text COLLATE "C" NOT NULL, entity_id text COLLATE "C" NOT NULL, seq bigint NOT NULL, field text COLLATE "C" NOT NULL,
            PRIMARY KEY (entity_type, entity_id, seq, field)
        );
        CREATE INDEX guardian_reference_seq ON guardian_reference (seq);

        """#
}
