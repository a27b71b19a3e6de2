#!/usr/bin/env bash
# Installs the system packages that are missing, and nothing else. Does nothing, and needs no root, when all are there.
set -euo pipefail

if ! command -v swift >/dev/null; then
    echo "setup: no Swift toolchain found: install Swift 6.2 or newer from https://www.swift.org/install" >&2
    exit 1
fi

# macOS has SQLite, zlib and a C compiler in its SDK.
[ "$(uname -s)" = Linux ] || exit 0

missing=()
command_from() { command -v "$1" >/dev/null || missing+=("$2"); }
header_from() { echo "#include <$1>" | cc -E -x c - >/dev/null 2>&1 || missing+=("$2"); }

command_from make make
command_from cc gcc
command_from pkg-config pkg-config
command_from sqlite3 sqlite3
command_from strace strace
command_from curl curl
command_from python3 python3
command_from openssl openssl
command_from faketime faketime
command_from prometheus prometheus
command_from amtool prometheus-alertmanager
command_from chromium chromium
command_from node nodejs
python3 -c "import venv, ensurepip" 2>/dev/null || missing+=(python3-venv)
header_from stdio.h libc6-dev
header_from sqlite3.h libsqlite3-dev
header_from zlib.h zlib1g-dev
pkg-config --exists libpq 2>/dev/null || missing+=(libpq-dev)

ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null || missing+=(postgresql)
[ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null || missing+=(pgbouncer)

[ ${#missing[@]} -gt 0 ] || exit 0
echo "setup: installing ${missing[*]}"

if ! command -v apt-get >/dev/null; then
    echo "setup: no apt-get here: install what provides ${missing[*]} and run this again" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: run this as root, or install sudo" >&2; exit 1; }
    as_root=(sudo)
fi
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"

# The tests start servers of their own: those that a package has just set up need not run.
if [ -d /run/systemd/system ]; then
    for package in "${missing[@]}"; do
        case "$package" in prometheus | prometheus-alertmanager) "${as_root[@]}" systemctl disable --now "$package" || true ;; esac
    done
fi
