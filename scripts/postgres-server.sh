#!/usr/bin/env bash
# A PostgreSQL server of its own in a temporary directory, on a free port of loopback and a Unix socket, never as root. It lives as long as
# standard input is open. Says `ready DIRECTORY PORT`, then does what each line asks and answers `done`, or `failed`:
#   immediate  crash and start again    stop  crash    start    tls  turn TLS on (certificate in DIRECTORY/server.crt)
#   pooler     start PgBouncer in transaction mode; answers `done PORT`
# Example: scripts/postgres-server.sh -c shared_buffers=256MB < <(sleep 60)
set -euo pipefail

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
[ -x "${bin:-/nowhere}/postgres" ] || bin=$(dirname "$(command -v postgres)") || { echo "postgres is not installed" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/guardian-pg.XXXXXX")
as=()
if [ "$(id -u)" -eq 0 ]; then
    user=postgres
    id -u "$user" >/dev/null 2>&1 || user=nobody
    chown "$user" "$dir"
    # Directories above a private temporary one can't be searched by others: a socket needs no more than this one.
    as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
fi
cd /
run() { "${as[@]}" "$@" </dev/null; }
finish() {
    # Whoever started this may block gentler signals, and what it starts inherits that.
    [ -z "${pooler:-}" ] || kill -KILL "$pooler" 2>/dev/null || true
    run "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap finish EXIT

run "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-instructions >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
start() { run "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/log" -w -t 60 start >/dev/null 2>&1; }
stop() { run "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null; }
crash() { stop && start; }
restart() { run "$bin/pg_ctl" -D "$dir/data" -m fast -w restart >/dev/null 2>&1; }
use_tls() {
    run openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$dir/data/server.key" -out "$dir/data/server.crt" >/dev/null 2>&1 &&
        cp "$dir/data/server.crt" "$dir/server.crt" &&
        echo "ssl = on" | "${as[@]}" tee -a "$dir/data/extra.conf" >/dev/null &&
        restart
}
# Does it and says how that went: whoever asked waits for a word.
answer() { if "$@"; then echo done; else echo failed; fi; }
# Below those that the system gives to connections: one of them could have taken it when the server starts again.
first=20000 ports=12768
for _ in 1 2 3 4 5 6 7 8; do
    port=$((first + RANDOM % ports))
    cat >"$dir/extra.conf" <<END
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
max_connections = 200
END
    extra=("$@")
    while [ ${#extra[@]} -ge 2 ]; do
        echo "${extra[1]%%=*} = '${extra[1]#*=}'" >>"$dir/extra.conf"
        extra=("${extra[@]:2}")
    done
    run cp "$dir/extra.conf" "$dir/data/extra.conf"
    grep -q extra.conf "$dir/data/postgresql.conf" || echo "include 'extra.conf'" | "${as[@]}" tee -a "$dir/data/postgresql.conf" >/dev/null
    start && break
done
run "$bin/pg_ctl" -D "$dir/data" status >/dev/null || { cat "$dir/data/log" >&2; exit 1; }
echo "ready $dir $port"

# Standard input may be held open by others who were started meanwhile; whoever started this one is watched too.
parent=$PPID
while true; do
    word=
    read -r -t 1 word || { [ $? -gt 128 ] && kill -0 "$parent" 2>/dev/null || break; }
    case $word in
    immediate) answer crash ;;
    stop) answer stop ;;
    start) answer start ;;
    tls) answer use_tls ;;
    pooler)
        pool_port=
        for _ in 1 2 3 4 5; do
            try=$((first + RANDOM % ports))
            # What answers already is not the pooler.
            ! (exec 3<>"/dev/tcp/127.0.0.1/$try") 2>/dev/null || continue
            cat >"$dir/extra.conf" <<END
[databases]
* = host=$dir port=$port user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $try
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
END
            run cp "$dir/extra.conf" "$dir/data/pgbouncer.ini"
            bouncer=$(command -v pgbouncer || echo /usr/sbin/pgbouncer)
            "${as[@]}" "$bouncer" -q "$dir/data/pgbouncer.ini" </dev/null >"$dir/pooler.log" 2>&1 &
            pooler=$!
            for _ in $(seq 200); do
                if (exec 3<>"/dev/tcp/127.0.0.1/$try") 2>/dev/null; then
                    pool_port=$try
                    break 2
                fi
                # The port is somebody else's.
                kill -0 "$pooler" 2>/dev/null || break
                sleep 0.05
            done
        done
        if [ -n "$pool_port" ]; then echo "done $pool_port"; else cat "$dir/pooler.log" >&2; echo failed; fi
        ;;
    '') ;;
    *) echo failed ;;
    esac
done
