#!/usr/bin/env bash
# Installs into target/npm what others wrote about GitHub, for the tests: as pinned, no scripts of theirs
# run. Does nothing where it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

from=aegis-github/tests/npm
to=target/npm
# Written last.
if cmp -s "$from/package-lock.json" "$to/installed.json"; then exit 0; fi

rm -rf "$to"
mkdir -p "$to"
cp "$from/package.json" "$from/package-lock.json" "$to/"
npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund
# GitHub's description comes for each release of its server as well, in 350 MB.
find "$to/node_modules/@octokit/openapi/generated" -name '*.json' ! -name 'api.github.com.json' -delete
cp "$from/package-lock.json" "$to/installed.json"
