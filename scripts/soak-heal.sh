#!/usr/bin/env bash
# Plays every scenario so many times (AEGIS_RUNS), then once beside a busy process; the independent
# checker has to agree each time.
set -euo pipefail

runs=${AEGIS_RUNS:-10}
state=$(mktemp -d)
leave() {
  local code=$?
  kill $(jobs -p) 2>/dev/null || true
  if [ "$code" = 0 ]; then rm -rf "$state"; else echo "what it left is kept in $state"; fi
}
trap leave EXIT

play() {
  rm -rf "$state/run"
  local begun=$SECONDS
  if ! target/debug/examples/heal --state "$state/run" --json "$state/report.json" >"$state/screen.txt" 2>&1; then
    cat "$state/screen.txt"
    echo "$1: it did not end as it should"
    exit 1
  fi
  local base
  base=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["base"])' "$state/run/run.json")
  python3 examples/check/heal_check.py --repo "$state/run/shop" --access-log "$state/run/access.log" \
    --transcript "$state/run/transcript.jsonl" --base "$base" --report "$state/report.json" \
    --window 8 --scenarios >"$state/check.txt" || {
    cat "$state/check.txt"
    echo "$1: the checker disagrees"
    exit 1
  }
  echo "$1: every row as it should be, in $((SECONDS - begun)) s; $(tail -n 1 "$state/check.txt")"
}

for run in $(seq "$runs"); do
  play "run $run of $runs"
done
(while :; do :; done) &
play "beside a busy process"
