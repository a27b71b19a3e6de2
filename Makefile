# Variables reach the commands through the environment: `make run DEMO_SECONDS=30`, `make accept ITEM=name FULL=1`.
.PHONY: help setup build run test repeat bench accept torture dist docs lint clean
.DEFAULT_GOAL := help
SWIFT_BUILD := swift build -c release

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the system packages that are missing (apt-get)
	@scripts/setup.sh

build: setup ## build everything, release, into .build
	$(SWIFT_BUILD)

run: setup ## build guardian and run the demo on loopback; DEMO_SECONDS=30 ends it by itself
	$(SWIFT_BUILD) --product guardian
	.build/release/guardian demo

test: setup ## build and run every test, the console in a browser too
	$(SWIFT_BUILD) --build-tests
	scripts/test.sh
	scripts/console-tests.sh

repeat: setup ## run every test again and again until one fails; ROUNDS=n (10), ONLY=filter for some of them, WIDTH=n of those at once (2)
	$(SWIFT_BUILD) --build-tests
	@scripts/repeat.sh

bench: setup .build/baseline ## print each speed beside bare C and other queues; HUGE=1 with 10 000 000 waiting, JSON=file for each round
	$(SWIFT_BUILD) --product guardian
	$(SWIFT_BUILD) --product guardian-bench
	.build/release/guardian-bench $${HUGE:+--huge} $${JSON:+--json "$$JSON"}

accept: setup .build/baseline ## run what must hold, one line each; ITEM=name for one, PART=4 for one file of them, FULL=1 for full size
	$(SWIFT_BUILD) --build-tests
	@scripts/accept.sh

torture: setup ## strike the binary with every fault; ROUNDS=n of each (10), HOURS=h, ONLY="kill,disk full", STRICT=1: none left out
	$(SWIFT_BUILD) --product guardian
	@scripts/torture/torture.py --rounds $${ROUNDS:-10} --hours $${HOURS:-0} --only "$$ONLY" $${STRICT:+--strict}

dist: setup ## make the release archive and the Debian package in dist/, and try both
	scripts/dist.sh
	scripts/dist-test.sh

docs: setup ## build the DocC pages into .build/docs; a warning is an error
	$(SWIFT_BUILD) --product guardian
	scripts/docs.sh

lint: ## check the format of Swift and, where bash is 4 or newer, the syntax of the scripts
	swift format lint --strict --recursive Sources Tests Benchmarks Examples Package.swift
	@bash -c '[ "$$BASH_VERSINFO" -ge 4 ]' || { echo "lint: bash is older than 4: the scripts are not checked"; exit 0; }; \
	set -e; for script in scripts/*.sh scripts/accept/*.sh Examples/*.sh .ci/run; do bash -n $$script; done

clean: ## remove what was built
	rm -rf .build

.build/baseline: Benchmarks/baseline.c
	@mkdir -p .build
	$(CC) -O2 -o $@ $< -lsqlite3 -lpthread
