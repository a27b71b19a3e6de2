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
item redaction-speed "log text at 100 MB/s of one core at least" "GUARDIAN_MEASURE_ALONE=1 tests isFast"
item redaction-linear "hostile input of 10 MB takes 12 times as long as 1 MB at most; deep JSON, broken UTF-8, NULs; lines are kept" \
    "tests 'LinearityTests|RedactCommandTests'"
item security-utils "the examples of the contract" "tests SecurityUtilsTests"
item fuzz "seeded inputs: $(size '20 000' '1 000 000') as text and as broken JSON, $(size '5 000' '250 000') each as JSON, patterns and CSV, $(size '2 000' '100 000') as settings, $(size '1 000' '50 000') as requests: no trap, no canary, lines and cells kept" \
    "GUARDIAN_FUZZ_INPUTS=$(size 20000 1000000) tests 'FuzzTests|APIFuzzTests|SettingsFuzzTests'"
item fuzzer "libFuzzer with AddressSanitizer, $(size 60 600) s shared by redaction, JSON walker, export and patterns: no trap, no canary" \
    "scripts/fuzz.sh $(size 60 600)"
item export "CSV, JSON, NDJSON: columns, filters, exit codes; Python and SQLite read back the same" "tests 'ExportWriterTests|ExportCommandTests'"
item export-memory "$(size '100 000' '1 000 000') rows within 20 MiB of 1 000, 100 000 rows/s at least, start to end, each cell as stored" \
    "GUARDIAN_EXPORT_JOB=$(size 100000 1000000) tests isBounded"
item leaks "canaries in payloads, headers, URLs and upstream errors: none in API, console, events, logs, Sentry, traces or a sealed file" \
    "tests LeakHuntTests"
