# Nothing leaks: transport, sealing, sidecar, disk, redaction, export.
beside fuzzer "libFuzzer with AddressSanitizer, $(size 15 600) s shared by redaction, JSON walker, export and patterns: no trap, no canary" \
    "scripts/fuzz.sh $(size 15 600)"
beside leaks "canaries in payloads, headers, URLs and upstream errors: none in API, console, events, logs, Sentry, traces or a sealed file" \
    "tests LeakHuntTests"
beside sidecar "no token or TLS off loopback: no start; slow, many, foreign and guessing clients hold nothing up" \
    "tests 'GuardianServerTests.(ListenerTests|PatienceTests|GateTests|RudeClientTests)/|/PeerTests/'"
beside full-disk "a 64 MiB volume filled by another file: nothing acknowledged lost, delivery goes on, room is all it takes" \
    "tests FullDiskTests"
beside rekey "rekey of $(size '5 000' '200 000') operations, killed again and again: nothing lost, nothing left in clear" \
    "GUARDIAN_REKEY_JOB=$(size 5000 200000) tests SealTests"
beside export "CSV, JSON, NDJSON: columns, filters, exit codes; Python and SQLite read back the same" \
    "tests 'ExportWriterTests|ExportCommandTests/(?!isBounded)'"
beside tls "real certificates: expired, wrong host, self-signed, wrong pin, backup pin, TLS 1.1: nothing is sent to any that is wrong" \
    "tests 'PinTests|TLSTests'"
beside sealed "a sealed store keeps the whole contract with nothing in clear; moved and changed values are found; a wrong key touches nothing" \
    "tests 'Sealed|SealerTests'"
item redaction "recall 0.99 and precision 0.995 at least in each class, on 12 000 secrets and 12 000 look-alikes" "tests CorpusTests"
item redaction-speed "log text at 100 MB/s of one core at least" "GUARDIAN_MEASURE_ALONE=1 tests isFast"
item redaction-linear "hostile input of $(size '2.5 MB' '10 MB') takes 12 times as long as a tenth of it at most; deep JSON, broken UTF-8, NULs; lines are kept" \
    "GUARDIAN_MEASURE_ALONE=1 GUARDIAN_HOSTILE_KIB=$(size 256 1024) tests 'LinearityTests/(?!isFast)|RedactCommandTests'"
item security-utils "the examples of the contract" "tests SecurityUtilsTests"
item fuzz "seeded inputs: $(size '8 000' '1 000 000') as text and as broken JSON, $(size '2 000' '250 000') each as JSON, patterns and CSV, $(size '800' '100 000') as settings, $(size '400' '50 000') as requests: no trap, no canary, lines and cells kept" \
    "GUARDIAN_FUZZ_INPUTS=$(size 8000 1000000) tests 'FuzzTests|APIFuzzTests|SettingsFuzzTests'"
item export-memory "$(size '100 000' '1 000 000') rows within 20 MiB of 1 000, 100 000 rows/s at least, start to end, each cell as stored" \
    "GUARDIAN_EXPORT_JOB=$(size 100000 1000000) tests ExportCommandTests/isBounded"
