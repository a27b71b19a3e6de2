# Nothing leaks: transport, sealing, sidecar, disk, redaction, export.
item tls "real certificates: expired, wrong host, self-signed, wrong pin, backup pin, TLS 1.1: nothing is sent to any that is wrong" \
    "tests 'PinTests|TLSTests'"
item sealed "a sealed store keeps the whole contract with nothing in clear; moved and changed values are found; a wrong key touches nothing" \
    "tests 'Sealed|SealerTests'"
item rekey "rekey of $(size '20 000' '200 000') operations, killed again and again: nothing lost, nothing left in clear" \
    "GUARDIAN_REKEY_JOB=$(size 20000 200000) tests SealTests"
item sidecar "no token or TLS off loopback: no start; slow, many, foreign and guessing clients hold nothing up" \
    "tests 'ListenerTests|PatienceTests|PeerTests|GateTests|RudeClientTests'"
item full-disk "a 64 MiB volume filled by another file: nothing acknowledged lost, delivery goes on, room is all it takes" \
    "tests FullDiskTests"
item redaction "recall 0.99 and precision 0.995 at least in each class, on 12 000 secrets and 12 000 look-alikes" "tests CorpusTests"
item redaction-speed "log text at 100 MB/s of one core at least" "tests isFast"
item redaction-linear "hostile input of 10 MB takes 12 times as long as 1 MB at most; deep JSON, broken UTF-8, NULs; lines are kept" \
    "tests 'LinearityTests|RedactCommandTests'"
item security-utils "the examples of the contract" "tests SecurityUtilsTests"
item fuzz "$(size '20 000' '1 000 000') seeded inputs each: no trap, no canary, lines kept, CSV cells kept" \
    "GUARDIAN_FUZZ_INPUTS=$(size 20000 1000000) tests 'FuzzTests|APIFuzzTests|SettingsFuzzTests'"
item fuzzer "libFuzzer with AddressSanitizer on redaction, JSON walker and export for $(size 60 600) s: no trap, no leak" "scripts/fuzz.sh $(size 60 600)"
item export "CSV, JSON, NDJSON: columns, filters, exit codes; Python and SQLite read back the same" "tests 'ExportWriterTests|ExportCommandTests'"
item export-memory "$(size '30 000' '1 000 000') rows within 20 MiB of 1 000, 100 000 rows/s at least" \
    "GUARDIAN_EXPORT_JOB=$(size 30000 1000000) tests isBounded"
item leaks "canaries in payloads, headers, URLs and upstream errors: none in any way out" "tests LeakHuntTests"
