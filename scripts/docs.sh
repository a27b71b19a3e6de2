#!/usr/bin/env bash
# Builds the DocC pages of GuardianCore into .build/docs; a warning is an error. Needs a build.
set -euo pipefail
cd "$(dirname "$0")/.."
modules=.build/release/Modules
[ -e "$modules/GuardianCore.swiftmodule" ] || swift build -c release --product GuardianCore
toolchain=$(dirname "$(readlink -f "$(command -v swift)")")
target=$(swift -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["unversionedTriple"])')
graphs=$(mktemp -d)
trap 'rm -rf "$graphs"' EXIT
"$toolchain/swift-symbolgraph-extract" -module-name GuardianCore -I "$modules" -target "$target" -minimum-access-level public \
    -skip-synthesized-members -output-dir "$graphs"
rm -rf .build/docs
"$toolchain/docc" convert Sources/GuardianCore/GuardianCore.docc --fallback-display-name GuardianCore \
    --fallback-bundle-identifier guardiansync.core --additional-symbol-graph-dir "$graphs" --output-path .build/docs --warnings-as-errors
echo "docs: .build/docs"
