#!/usr/bin/env bash
# Tries what is in dist/: the sums are right, and the binaries of the archive and of the Debian package start, keep an operation and check.
set -euo pipefail
cd "$(dirname "$0")/../dist"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sha256sum --check --quiet SHA256SUMS

try() { # name, binary
    "$2" --version
    "$2" enqueue --data-dir "$work/$1-data" --operation update --entity-type room --entity-id r1 --payload '{"temperature":21}' >/dev/null
    "$2" check --data-dir "$work/$1-data"
}

mkdir "$work/archive"
tar -C "$work/archive" -xzf guardian-*.tar.gz
for file in guardian guardian.1 completions/guardian.bash deploy/systemd/guardian.service deploy/guardian.yaml LICENSE; do
    [ -s "$work"/archive/guardian-*/"$file" ] || { echo "dist: the archive has no $file" >&2; exit 1; }
done
# Nothing that the README and the guides link to is missing.
for page in "$work"/archive/guardian-*/{README.md,docs/*.md,docs/*/*.md,Examples/*.md}; do
    while read -r link; do
        [ -e "$(dirname "$page")/$link" ] || { echo "dist: ${page#"$work"/archive/} links to $link, which is not there" >&2; exit 1; }
    done < <(sed '/^```/,/^```/d' "$page" | grep -oE '\]\([^)# ]+' | sed 's/^](//' | grep -vE '^[a-z]+:')
done
try archive "$work"/archive/guardian-*/guardian

for package in guardian_*.deb; do
    [ -e "$package" ] || continue
    dpkg-deb --extract "$package" "$work/package"
    for file in usr/share/man/man1/guardian.1.gz usr/share/bash-completion/completions/guardian usr/lib/systemd/system/guardian.service \
        usr/share/doc/guardian/examples/guardian.yaml; do
        [ -s "$work/package/$file" ] || { echo "dist: the package has no $file" >&2; exit 1; }
    done
    try package "$work/package/usr/bin/guardian"
done
echo "dist: archive and package work"
