#!/usr/bin/env bash
# Installs below target what others wrote about GitHub and in place of models, for the tests: as pinned, no
# scripts of theirs run. Does nothing where it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Installs the list in the folder $1 into $2.
install() {
  local from=$1 to=$2
  # Written last.
  if cmp -s "$from/package-lock.json" "$to/installed.json"; then return; fi

  rm -rf "$to"
  mkdir -p "$to"
  cp "$from/package.json" "$from/package-lock.json" "$to/"
  npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund
  # GitHub's description comes for each release of its server as well, in 350 MB.
  local described=$to/node_modules/@octokit/openapi/generated
  if [ -d "$described" ]; then
    find "$described" -name '*.json' ! -name 'api.github.com.json' -delete
  fi
  cp "$from/package-lock.json" "$to/installed.json"
}

install aegis-github/tests/npm target/npm
install aegis-gemini/tests/npm target/npm-gemini
