#!/usr/bin/env bash
# The long runs at their full counts; prints each figure.
set -euo pipefail

echo "== random histories of the machine"
AEGIS_CASES=${AEGIS_CASES:-20000} cargo test --locked -p aegis-core --test main histories -- --nocapture

echo "== make heal, killed at random moments and started again"
cargo build --locked -p aegis-examples --examples
AEGIS_KILLS=${AEGIS_KILLS:-25} cargo test --locked -p aegis-examples --test main killed -- --nocapture

echo "== every honest and every dishonest patch, and those that attack at run time with no rule that reads them"
AEGIS_ALL_PATCHES=1 cargo test --locked -p aegis-local --test main fooled:: -- --nocapture
AEGIS_ALL_PATCHES=1 cargo test --locked -p aegis-local --test main a_plain_run -- --nocapture

echo "== every log that gives orders, to a model that obeys them"
AEGIS_ALL_HOSTILE=1 cargo test --locked -p aegis-examples --test main hostile:: -- --nocapture

echo "== killed, stopped, on a full disk and with a person in between, at every point of an incident's life;"
echo "   then killed again and again, by seed"
AEGIS_CRASH_POINTS=${AEGIS_CRASH_POINTS:-1000} AEGIS_CRASH_SEEDS=${AEGIS_CRASH_SEEDS:-200} \
  cargo test --locked -p aegis-examples --test main crash:: -- --nocapture

echo "== PostgreSQL: connections ended mid-commit, the server crashed and started again under load"
AEGIS_PG_RUNS=${AEGIS_PG_RUNS:-50} cargo test --locked -p aegis-sql --test main lost -- --nocapture

echo "== replicas on PostgreSQL, killed at random"
for run in $(seq "${AEGIS_REPLICA_RUNS:-50}"); do
  cargo run --locked -q -p aegis-examples --example replicas -- --kills $((run % 4 + 1)) | tail -1
done

echo "== every call of every test held against GitHub's own description"
./scripts/npm-packages.sh
AEGIS_GITHUB_DESCRIBED=1 cargo test --locked -p aegis-github --test main

echo "== every scenario of make heal, by pull requests on what stands in for GitHub; then on the numbers of"
echo "   a real Prometheus"
AEGIS_ALL_SCENARIOS=1 cargo test --locked -p aegis-examples --test main by_pull_requests -- --nocapture
AEGIS_ALL_SCENARIOS=1 cargo test --locked -p aegis-examples --test main of_a_prometheus -- --nocapture

echo "== every scenario of make heal, ten times in a row, then beside a process that takes a core"
scripts/soak-heal.sh
