internal import GuardianCore

extension Migrations {
    /// What goes by way of `guardian_enqueue` for a change that was rolled back with what it depends on is set aside, not sent, as
    /// everywhere (`guardian-0004-refusals`).
    static let refusalFunctions = #"""
        CREATE FUNCTION guardian_refuse(p_seq bigint, p_line bigint, p_token text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE
            v_depends_on text;
        BEGIN
            SELECT coalesce(depends_on, token) INTO v_depends_on FROM guardian_optimistic
            WHERE token = p_token AND standing = \#(OptimisticStanding.refused.rawValue) FOR UPDATE;
            IF NOT FOUND THEN RETURN; END IF;
            UPDATE guardian_operation SET status = 2, due_at = 0, next_retry_at = NULL, updated_at = p_now,
                error_class = '\#(reason.class.rawValue)', error_code = '\#(reason.code)', error_status = NULL,
                error_message = replace('\#(reason.message)', '\#(name)', v_depends_on)
            WHERE seq = p_seq;
            PERFORM guardian_mend(p_line, p_now, false);
            UPDATE guardian_books SET failed = failed + 1 WHERE stripe = pg_backend_pid() % 64;
            INSERT INTO guardian_tally AS t (stripe, kind, operation_type, entity_type, error_class, count)
            VALUES (pg_backend_pid() % 64, \#(Tally.Kind.failed.rawValue), '\#(labels.operationType)', '\#(labels.entityType)',
                '\#(labels.errorClass)', 1)
            ON CONFLICT (stripe, kind, operation_type, entity_type, error_class) DO UPDATE SET count = t.count + 1;
        END $$;

        CREATE OR REPLACE FUNCTION \#(refusingEnqueue)

        """#

    /// All of it but its first words.
    static let refusingEnqueue = #"""
        \#(enqueueFunction)
            IF guardian_enqueue.txn_token IS NOT NULL THEN PERFORM guardian_refuse(seq, v_line, guardian_enqueue.txn_token, v_now); END IF;
        END $$;
        """#

    /// Stands for the change that it depends on.
    private static let name = "{change}"
    private static let reason = LastError.dependsOn(name)
    private static let labels = Tally.Labels.other(reason.class)
}
