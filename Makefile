# make heal   a broken service heals itself, on this machine alone
# make heal-real-time   the same at the pace of production: a sample every 30 s, 5 minutes of watching
# make test   every test, with what they need installed where it is missing
# make check  formatting, lints, documentation, licences, forbidden dependencies
# make bench  criterion benches
# make fuzz   each fuzz target for a minute (FUZZ_SECONDS)
# make soak   the long runs: full counts of random histories, crashes and kills

SHELL := /bin/bash
CARGO ?= cargo
DENY_VERSION := 0.20.2
DENY := target/tools/bin/cargo-deny
FUZZ_VERSION := 0.13.1
FUZZ := target/tools/bin/cargo-fuzz
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := patch_parse patch_validate redact
ARGS ?=

.PHONY: heal heal-real-time test check bench fuzz soak fmt clippy doc deny forbidden packages test-packages

heal: packages
	$(CARGO) run --locked -p aegis-examples --example heal -- $(ARGS)

heal-real-time: packages
	$(CARGO) run --locked -p aegis-examples --example heal -- --real-time $(ARGS)

TARGETS := --lib --bins --tests --benches

# Some tests run the examples as programs.
test: test-packages
	$(CARGO) build --locked -p aegis-examples --examples
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run --locked --workspace $(TARGETS) --no-fail-fast; \
	else \
	  $(CARGO) test --locked --workspace $(TARGETS) --no-fail-fast; \
	fi
	$(CARGO) test --locked --workspace --doc

check: fmt clippy doc deny forbidden

fmt:
	$(CARGO) fmt --all -- --check

# The written list of feature sets; each compiles by itself and without a warning. The first is that of
# `doc` too, which needs not look at all dependencies again.
clippy:
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings
	$(CARGO) clippy --locked -p aegis-core --no-default-features -- -D warnings
	$(CARGO) clippy --locked -p aegis-core --features mock -- -D warnings
	$(CARGO) clippy --locked -p aegis-core --features testkit -- -D warnings
	$(CARGO) clippy --locked -p aegis-sql --no-default-features -- -D warnings
	$(CARGO) clippy --locked -p aegis-sql --no-default-features --features postgres -- -D warnings
	$(CARGO) clippy --locked -p aegis-github -- -D warnings
	$(CARGO) clippy --locked -p aegis-github --features webhooks -- -D warnings
	$(CARGO) clippy --locked -p aegis-gemini -- -D warnings
	$(CARGO) clippy --locked -p aegis-gemini --features testkit -- -D warnings
	$(CARGO) clippy --locked -p aegis-prometheus -- -D warnings
	$(CARGO) clippy --locked -p aegis-prometheus --features webhooks -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --all-features

# It looks at crates of other platforms too, which no build fetches.
deny: $(DENY)
	$(CARGO) fetch --locked
	$(DENY) --locked --offline check licenses bans sources

# Without optimisation: compiling it takes longer than all that it is asked.
$(DENY):
	CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --debug --locked --root target/tools --version $(DENY_VERSION) cargo-deny

forbidden:
	./scripts/core-tree.sh

bench:
	$(CARGO) bench --locked -p aegis-benches $(ARGS)

# What is found grows under target/; the seeds stay as they are. No unsafe code, no sanitizer.
fuzz: $(FUZZ)
	set -e; for target in $(FUZZ_TARGETS); do \
	  mkdir -p target/fuzz/$$target; \
	  RUSTC_BOOTSTRAP=1 nice -n 19 $(FUZZ) run --sanitizer none --no-cfg-fuzzing --jobs 1 \
	    $$target target/fuzz/$$target fuzz/corpus/$$target \
	    -- -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=10; \
	done

$(FUZZ):
	$(CARGO) install --locked --root target/tools --version $(FUZZ_VERSION) cargo-fuzz

soak: test-packages
	./scripts/soak.sh

# What `make heal` needs from the system, and what the tests need beside it.
packages:
	@./scripts/packages.sh

test-packages:
	@./scripts/packages.sh tests
	@./scripts/npm-packages.sh
