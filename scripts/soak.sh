#!/usr/bin/env bash
# The long runs at their full counts; prints each figure.
set -euo pipefail

echo "== random histories of the machine"
AEGIS_CASES=${AEGIS_CASES:-20000} cargo test --locked -p aegis-core --test main histories -- --nocapture

echo "== make heal, killed at random moments and started again"
cargo build --locked -p aegis-examples --examples
AEGIS_KILLS=${AEGIS_KILLS:-25} cargo test --locked -p aegis-examples --test main killed -- --nocapture

echo "== every patch that attacks at run time, with no rule that reads it"
AEGIS_ALL_ATTACKS=1 cargo test --locked -p aegis-local --test main at_run_time -- --nocapture

echo "== PostgreSQL: connections ended mid-commit, the server crashed and started again under load"
AEGIS_PG_RUNS=${AEGIS_PG_RUNS:-50} cargo test --locked -p aegis-sql --test main lost -- --nocapture

echo "== every scenario of make heal, ten times in a row, then beside a process that takes a core"
scripts/soak-heal.sh
