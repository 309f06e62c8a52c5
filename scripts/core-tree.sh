#!/usr/bin/env bash
# aegis-core's default tree stays small, and holds no HTTP, TLS or SQL.
set -euo pipefail

most=60
tree=$(cargo tree --locked -p aegis-core -e normal --prefix none | awk '{print $1}' | sort -u)
count=$(wc -l <<<"$tree")
if [ "$count" -ge "$most" ]; then
  echo "aegis-core pulls in $count crates, fewer than $most are allowed:" >&2
  echo "$tree" >&2
  exit 1
fi
banned='^(hyper.*|reqwest|h2|http|http-body.*|axum.*|rustls.*|ring|native-tls|openssl.*|aws-lc.*|sqlx.*|rusqlite|libsqlite3-sys|postgres.*|git2|libgit2-sys|octocrab)$'
if found=$(grep -E "$banned" <<<"$tree"); then
  echo "aegis-core must not depend on: $found" >&2
  exit 1
fi
echo "aegis-core: $count crates, no HTTP, TLS or SQL"
