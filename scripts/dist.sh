#!/usr/bin/env bash
# Makes dist/: the release binary with its man page and completions as an archive, and a Debian package.
set -euo pipefail
cd "$(dirname "$0")/.."

swift build -c release --product guardian --static-swift-stdlib
binary=$(swift build -c release --product guardian --static-swift-stdlib --show-bin-path)/guardian
version=$("$binary" --version)
machine=$(uname -m)
name=guardian-$version-linux-$machine
rm -rf dist
mkdir -p "dist/$name/completions"

install -m 755 "$binary" "dist/$name/guardian"
strip "dist/$name/guardian"
"$binary" --experimental-dump-help | python3 scripts/man.py "$version" >"dist/$name/guardian.1"
for shell in bash zsh fish; do "$binary" --generate-completion-script "$shell" >"dist/$name/completions/guardian.$shell"; done
# What the README links to comes along.
tar --exclude=.build -cf - LICENSE ./*.md Dockerfile docs deploy Examples | tar -C "dist/$name" -xf -
tar -C dist -czf "dist/$name.tar.gz" "$name"

if command -v dpkg-deb >/dev/null; then
    architecture=$(dpkg --print-architecture)
    root=dist/package
    install -D -m 755 "dist/$name/guardian" "$root/usr/bin/guardian"
    install -d "$root/usr/share/man/man1"
    gzip -9nc "dist/$name/guardian.1" >"$root/usr/share/man/man1/guardian.1.gz"
    install -D -m 644 "dist/$name/completions/guardian.bash" "$root/usr/share/bash-completion/completions/guardian"
    install -D -m 644 "dist/$name/completions/guardian.zsh" "$root/usr/share/zsh/vendor-completions/_guardian"
    install -D -m 644 "dist/$name/completions/guardian.fish" "$root/usr/share/fish/vendor_completions.d/guardian.fish"
    install -D -m 644 LICENSE "$root/usr/share/doc/guardian/copyright"
    install -D -m 644 deploy/guardian.yaml "$root/usr/share/doc/guardian/examples/guardian.yaml"
    install -D -m 644 deploy/systemd/guardian.service "$root/usr/lib/systemd/system/guardian.service"
    install -d "$root/DEBIAN"
    cat >"$root/DEBIAN/control" <<CONTROL
Package: guardian
Version: $version
Architecture: $architecture
Maintainer: The GuardianSync maintainers <maintainers@guardiansync.invalid>
Section: utils
Priority: optional
Depends: libc6 (>= 2.36), libsqlite3-0 (>= 3.40), libpq5 (>= 15), zlib1g, ca-certificates
Description: durable, offline-first outbox
 Writes each operation to disk before it says yes, and delivers it to an HTTP
 API in order per entity, exactly once in effect.
CONTROL
    dpkg-deb --root-owner-group --build "$root" "dist/guardian_${version}_$architecture.deb" >/dev/null
    rm -rf "$root"
fi
rm -rf "dist/$name"
(cd dist && sha256sum -- * >SHA256SUMS)
ls -l dist
