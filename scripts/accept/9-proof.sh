# Proof.
torture() { # rounds; at the short size three campaigns at once, each with every third fault and a network of its own
    if [ -n "${FULL:-}" ]; then
        scripts/torture/torture.py --rounds "$1"
        return
    fi
    local one campaigns="" status=0
    for one in 1 2 3; do
        scripts/torture/torture.py --rounds "$1" --part "$one/3" >"$place/torture.$one" 2>&1 &
        campaigns="$campaigns $!"
    done
    for one in $campaigns; do wait "$one" || status=1; done
    cat "$place"/torture.?
    echo "measured: $(sed -n 's/^measured: //p' "$place"/torture.? | paste -s -d '|' | sed 's/|/ | /g')"
    return "$status"
}
beside runbook "every command of the runbook runs; each trouble and emergency is staged and cured by its steps" "tests RunbookTests"
beside rollout "a change that brings errors halts delivery, says so, and what waits is delivered after the cure" \
    "tests 'RolloutGuardTests|RolloutTests'"
item torture "$(size 'a round' 'more than 1 000 rounds') of every fault: nothing lost, doubled or out of order" "torture $(size 1 35)"
