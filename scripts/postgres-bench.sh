#!/usr/bin/env bash
# The shared store beside its ceiling (pgbench on a plain SKIP LOCKED queue with the same columns, batches and durability) and beside two
# other queues, on one server, by turns. Each figure is a median of rounds.
# Usage: scripts/postgres-bench.sh throughput|scaling|flat|bloat   (ROUNDS=3 OPERATIONS=20000 BIG=1000000)
set -euo pipefail
cd "$(dirname "$0")/.."
bench=$PWD/.build/release/guardian-bench
rounds=${ROUNDS:-3}
operations=${OPERATIONS:-20000}
big=${BIG:-1000000}
batch=100

coproc SERVER { scripts/postgres-server.sh -c shared_buffers=256MB -c max_wal_size=4GB -c checkpoint_timeout=15min; }
read -r _ dir port <&"${SERVER[0]}"
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
psql() { command psql -h "$dir" -p "$port" -U postgres -v ON_ERROR_STOP=1 -XqtA "$@"; }
fresh() { psql -c "DROP DATABASE IF EXISTS $1" 2>/dev/null; psql -c "CREATE DATABASE $1"; }
url() { echo "postgresql://postgres@/$1?host=$dir&port=$port"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
at_least() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }'; }

# The ceiling: the same columns and the same promises but order: an id is taken once, a processed one is remembered.
ceiling() {
    fresh ceiling
    psql -d ceiling >/dev/null <<'SQL'
CREATE TABLE queue (seq bigserial PRIMARY KEY, due_at bigint NOT NULL, enqueued_at bigint NOT NULL, updated_at bigint NOT NULL,
    idempotency_key uuid NOT NULL, trace_id uuid NOT NULL, priority integer NOT NULL, status smallint NOT NULL DEFAULT 0, claimed_by bigint,
    id uuid NOT NULL UNIQUE, operation_type text NOT NULL, entity_type text NOT NULL, entity_id text NOT NULL, payload text);
CREATE INDEX ON queue (priority, due_at, seq) WHERE status = 0;
CREATE TABLE ledger (id uuid PRIMARY KEY, seq bigint NOT NULL, at bigint NOT NULL, idempotency_key uuid NOT NULL);
CREATE INDEX ON ledger (at);
CREATE TABLE known (entity bigint PRIMARY KEY, at bigint NOT NULL, etag text);
CREATE SEQUENCE batches;
SQL
    cat >"$work/enqueue.sql" <<SQL
INSERT INTO queue (due_at, enqueued_at, updated_at, idempotency_key, trace_id, priority, id, operation_type, entity_type, entity_id, payload)
SELECT 0, 1800000000000, 1800000000000, gen_random_uuid(), gen_random_uuid(), 0, lpad(to_hex(b * $batch + i), 32, '0')::uuid, 'update',
    'heart_rate', 'patient-' || i, repeat('x', 200)
FROM nextval('batches') b, generate_series(1, $batch) i ON CONFLICT (id) DO NOTHING;
SQL
    cat >"$work/drain.sql" <<SQL
WITH c AS (SELECT seq FROM queue WHERE status = 0 AND priority = 0 AND due_at = 0 ORDER BY priority, due_at, seq LIMIT $batch
    FOR UPDATE SKIP LOCKED)
UPDATE queue q SET status = 1, claimed_by = :client_id, updated_at = 1800000000001 FROM c WHERE q.seq = c.seq RETURNING q.*;
WITH d AS (DELETE FROM queue WHERE status = 1 AND claimed_by = :client_id AND seq >= (SELECT min(seq) FROM queue WHERE status = 1)
    RETURNING id, seq, idempotency_key)
INSERT INTO ledger SELECT id, seq, 1800000000001, idempotency_key FROM d;
SQL
    sed -i "s/ AND seq >= (SELECT min(seq) FROM queue WHERE status = 1)//" "$work/drain.sql"
    # The same, and the ETag of each entity is kept.
    sed "s/^INSERT INTO ledger \(.*\);$/, l AS (INSERT INTO ledger \1) INSERT INTO known SELECT hashtextextended(id::text, 0), 1800000000001, id::text FROM d ON CONFLICT (entity) DO UPDATE SET at = EXCLUDED.at, etag = EXCLUDED.etag;/" \
        "$work/drain.sql" >"$work/drain-etag.sql"
    psql -d ceiling -c "CREATE INDEX ON queue (claimed_by) WHERE status = 1"
}
pgbench() { # file, clients, transactions of each; operations/s
    "$bin/pgbench" -h "$dir" -p "$port" -U postgres -n -M prepared -f "$1" -c "$2" -j 1 -t "$3" ceiling 2>/dev/null |
        awk -v n=$batch '/^tps/ { printf "%d\n", $3 * n }'
}

work=$(mktemp -d)
trap 'rm -rf "$work"; eval "exec ${SERVER[1]}>&-"; wait' EXIT

throughput() {
    : >"$work/oe"; : >"$work/be"; : >"$work/od"; : >"$work/bd"; : >"$work/ot"; : >"$work/bt"
    for _ in $(seq "$rounds"); do
        ceiling
        pgbench "$work/enqueue.sql" 2 $((operations / batch / 2)) >>"$work/be"
        pgbench "$work/drain.sql" 1 $((operations / batch)) >>"$work/bd"
        pgbench "$work/enqueue.sql" 2 $((operations / batch / 2)) >/dev/null
        pgbench "$work/drain-etag.sql" 1 $((operations / batch)) >>"$work/bt"
        fresh ours
        "$bench" pg enqueue "$(url ours)" "$operations" $batch 2 >>"$work/oe"
        "$bench" pg drain "$(url ours)" "$operations" $batch >>"$work/od"
        "$bench" pg enqueue "$(url ours)" "$operations" $batch 2 >/dev/null
        "$bench" pg drain "$(url ours)" "$operations" $batch etag >>"$work/ot"
    done
    local oe be od bd ot bt
    oe=$(median <"$work/oe"); be=$(median <"$work/be"); od=$(median <"$work/od"); bd=$(median <"$work/bd")
    ot=$(median <"$work/ot"); bt=$(median <"$work/bt")
    echo "durable batch enqueue: $oe/s, pgbench $be/s, ratio $(ratio "$oe" "$be")"
    echo "claim and settle:      $od/s, pgbench $bd/s, ratio $(ratio "$od" "$bd")"
    echo "the same with ETags:   $ot/s, pgbench $bt/s, ratio $(ratio "$ot" "$bt")"
    local words="enqueue $oe/s = $(ratio "$oe" "$be") of pgbench, claim+settle $od/s = $(ratio "$od" "$bd") of pgbench" holds=1
    words="$words, with ETags $ot/s = $(ratio "$ot" "$bt") of pgbench"
    at_least "$(ratio "$oe" "$be")" 0.7 && at_least "$(ratio "$od" "$bd")" 0.7 && at_least "$(ratio "$ot" "$bt")" 0.7 || holds=0
    if [ -z "${NO_PEERS:-}" ] && peers; then
        for peer in procrastinate pgqueuer; do
            fresh peer
            read -r e d < <(.build/peers/bin/python scripts/peers/postgres_peers.py $peer "$(url peer)" $((operations / 10)) $batch 2>/dev/null | tail -n 1)
            echo "$peer: enqueue $e/s, processed $d/s"
            words="$words; $peer $e/s and $d/s"
            at_least "$oe" "$e" && at_least "$od" "$d" || holds=0
        done
    fi
    echo "measured: $words"
    [ $holds = 1 ]
}

peers() { # the other queues, in a virtual environment of their own
    [ -e .build/peers/ready ] && return
    python3 -m venv .build/peers && .build/peers/bin/pip install -q -r scripts/peers/requirements.txt && touch .build/peers/ready
}

scaling() { # processors as processes of their own, each with a batch of 20, so that round trips matter as they do in delivery
    # A commit takes 10 ms, as on a slow disk or over a network: what is measured is whether they wait for each other, not how many cores
    # there are.
    local figures=""
    for processors in 1 2 4; do
        : >"$work/rates"
        for _ in $(seq "$rounds"); do
            fresh ours
            "$bench" pg fill "$(url ours)" "$operations" "$operations" >/dev/null
            psql -c "ALTER DATABASE ours SET commit_delay = 10000" -c "ALTER DATABASE ours SET commit_siblings = 0"
            local start end
            start=$(date +%s%N)
            for _ in $(seq "$processors"); do "$bench" pg drain "$(url ours)" "$operations" 20 >/dev/null & done
            wait $(jobs -p | grep -v "^${SERVER_PID:-0}$") 2>/dev/null || true
            end=$(date +%s%N)
            [ "$(psql -d ours -c 'SELECT sum(processed) FROM guardian_books')" = "$operations" ]
            echo $((operations * 1000 / ((end - start) / 1000000))) >>"$work/rates"
        done
        figures="$figures $(median <"$work/rates")"
    done
    read -r one two four <<<"$figures"
    echo "measured: 1, 2, 4 processors, 10 ms a commit: $one, $two, $four operations/s (x$(ratio "$two" "$one"), x$(ratio "$four" "$one")) on $(nproc) cores"
    at_least "$(ratio "$two" "$one")" 1.5 && at_least "$(ratio "$four" "$two")" 1.3
}

flat() {
    fresh small; fresh large
    "$bench" pg fill "$(url large)" "$big" "$big" >/dev/null
    psql -d large -c "VACUUM ANALYZE" -c "CHECKPOINT"
    : >"$work/s"; : >"$work/l"
    for _ in $(seq "$rounds"); do
        fresh small
        "$bench" pg fill "$(url small)" 1000 1000 >/dev/null
        psql -d small -c "VACUUM ANALYZE"
        "$bench" pg cost "$(url small)" 1000 $batch >>"$work/s"
        "$bench" pg cost "$(url large)" 1000 $batch >>"$work/l"
    done
    local s l
    s=$(median <"$work/s"); l=$(median <"$work/l")
    echo "measured: claim+settle costs $l µs at $big pending, $s µs at 1000: ratio $(ratio "$l" "$s")"
    at_least 1.3 "$(ratio "$l" "$s")"
}

# Autovacuum does it, with the settings that the tables are made with; it only looks more often, as the waves are short.
vacuumed() {
    for _ in $(seq 240); do
        [ "$(psql -d ours -c "SELECT count(*) FROM pg_stat_user_tables WHERE relname LIKE 'guardian%' AND n_dead_tup > 1000")" != 0 ] || return 0
        sleep 0.5
    done
    echo "autovacuum has not caught up" >&2
    return 1
}

bloat() { # OPERATIONS through in waves of a tenth of it, the ledger swept as it would be after its window
    psql -c "ALTER SYSTEM SET autovacuum_naptime = '1s'" -c "SELECT pg_reload_conf()" >/dev/null
    fresh ours
    local wave=$((operations / 10)) first="" last="" begun before=0
    for number in $(seq 10); do
        begun=$(date +%s%3N)
        "$bench" pg enqueue "$(url ours)" $wave $batch 2 >/dev/null
        "$bench" pg drain "$(url ours)" $wave $batch >/dev/null
        # What is older than the window goes; here the window is two waves.
        "$bench" pg sweep "$(url ours)" "$before" >/dev/null
        before=$begun
        vacuumed
        last=$(psql -d ours -c "SELECT sum(pg_total_relation_size(c.oid))/1024/1024 FROM pg_class c WHERE relname IN ('guardian_operation','guardian_line','guardian_ledger','guardian_books')")
        [ "$number" = 4 ] && first=$last
    done
    psql -d ours -c "SELECT relname || ' ' || pg_size_pretty(pg_relation_size(oid)) FROM pg_class WHERE relname LIKE 'guardian%' AND relkind IN ('r','i')
        AND pg_relation_size(oid) > 100000 ORDER BY pg_relation_size(oid) DESC"
    echo "measured: $operations operations through: tables and indexes ${first%.*} MiB after four tenths, ${last%.*} MiB at the end: ratio $(ratio "$last" "$first")"
    at_least 1.3 "$(ratio "$last" "$first")"
}

"${1:?throughput, scaling, flat or bloat}"
