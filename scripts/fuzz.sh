#!/usr/bin/env bash
# Fuzzes redaction, the JSON walker, the export writers and an app's patterns with libFuzzer and AddressSanitizer, for so many seconds (60)
# that they share. Needs a toolchain with -sanitize=fuzzer (Linux). What it finds stays in .build/fuzz/corpus, and a crash in .build/fuzz/crash-…
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
out=.build/fuzz
mkdir -p "$out/corpus"
options=(-wmo -swift-version 6 -package-name guardiansync -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility -parse-as-library)
sanitize=(-sanitize=address -sanitize-coverage=edge,inline-8bit-counters,pc-table,trace-cmp)
if [ ! -x "$out/fuzzer" ] || [ -n "$(find Sources/GuardianCore Sources/GuardianPrivacy scripts/fuzz -newer "$out/fuzzer" -name '*.swift' -print -quit)" ]; then
    # Not optimized, which is a minute less: it is what the fuzzed code stands on.
    find Sources/GuardianCore -name '*.swift' -print0 | xargs -0 swiftc -Onone "${options[@]}" -emit-module -emit-object -module-name GuardianCore \
        -emit-module-path "$out/GuardianCore.swiftmodule" -o "$out/GuardianCore.o"
    find Sources/GuardianPrivacy/Redaction Sources/GuardianPrivacy/Masking Sources/GuardianPrivacy/Export -name '*.swift' -print0 | xargs -0 swiftc -O "${options[@]}" \
        "${sanitize[@]}" -I "$out" -emit-module -emit-object -module-name GuardianPrivacy -emit-module-path "$out/GuardianPrivacy.swiftmodule" \
        -o "$out/GuardianPrivacy.o"
    swiftc -O "${options[@]}" -sanitize=fuzzer,address -I "$out" -module-name fuzzer scripts/fuzz/PrivacyFuzzer.swift "$out/GuardianPrivacy.o" "$out/GuardianCore.o" \
        -o "$out/fuzzer"
fi
# One seed for each kind of thing that is looked for.
i=0
while IFS= read -r seed; do
    for mode in 0 1 2 3; do printf "\\x0$mode%s" "$seed" >"$out/corpus/seed-$((i++))"; done
done <<'SEEDS'
mail a@b.io, call +1 (555) 123-4567 or 06 12 34 56 78, card 4111 1111 1111 1111, 123-45-6789
{"password":"x","a":[{"apiKey":1,"n":"a@b.io \u0040"}],"pin":{"b":[1,2]}}
Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc https://u:p@h/?token=x&sig=y
-----BEGIN RSA PRIVATE KEY-----AKIAIOSFODNN7EXAMPLE<pin>1</pin> --secret z DE89370400440532013000
MRN-#{6,10}[A-F]{2}@*\#MRN-1234567 ABCD
SEEDS
"$out/fuzzer" "$out/corpus" -max_total_time="$seconds" -max_len=4096 -artifact_prefix="$out/" -print_final_stats=1 2>&1 | tail -n 12
