# Logs, Sentry, traces.
item logs "every line of a full demo run parses, has every member, and holds none of a seeded list of secrets" \
    "tests 'LogsCommandTests'"
item log-file "bounded, shared, never on a full volume; searched and followed over rotations" "tests 'LogFileTests|LogWriterTests|LogSearchTests'"
item sentry "envelopes that a strict parser takes; 1 000 queued offline arrive within the rate limit, none twice; no seeded secret in any byte" \
    "tests 'SentryTests|SentrySpoolTests'"
item crashes "a killed process and a crash with its stack are reported at the next start; doctor --sentry" "tests 'CrashTests|SentryProcessTests'"
item traces "one trace from enqueue to settle over a restart, and on the wire" "tests 'TraceTests|TraceProcessTests'"
