# Proof.
item rollout "a change that brings errors halts delivery, says so, and what waits is delivered after the cure" \
    "tests 'RolloutGuardTests|RolloutTests'"
item torture "$(size 'two rounds' 'more than 1 000 rounds') of every fault: nothing lost, doubled or out of order" \
    "scripts/torture/torture.py --rounds $(size 2 35)"
item runbook "every command of the runbook runs; each trouble and emergency is staged and cured by its steps" "tests RunbookTests"
