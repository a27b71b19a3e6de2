# Nothing leaks: transport, sealing, sidecar, disk.
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
