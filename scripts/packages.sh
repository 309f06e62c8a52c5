#!/usr/bin/env bash
# Installs the system packages that are missing: as root on Debian itself, elsewhere by saying how.
# With `tests`, what only tests need too.
set -euo pipefail

missing=()
command -v python3 >/dev/null || missing+=(python3)
# Debian splits venv from python3; a Python without ensurepip can't make an environment.
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
command -v unshare >/dev/null || missing+=(util-linux)
if [ "${1:-}" = tests ]; then
  # The tests start a server of their own. Debian keeps its programs off the path.
  has_initdb() { command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
  has_initdb || missing+=(postgresql)
  # The key of an App is made anew in each run.
  command -v openssl >/dev/null || missing+=(openssl)
  # Real servers, which the tests start on ports of their own, and promtool, which checks rules.
  { command -v promtool && command -v prometheus; } >/dev/null || missing+=(prometheus)
  command -v prometheus-alertmanager >/dev/null || missing+=(prometheus-alertmanager)
  # What GitHub publishes about its API and its webhooks comes by npm.
  command -v npm >/dev/null || missing+=(npm)
fi
command -v cc >/dev/null || missing+=(build-essential)
[ ${#missing[@]} -eq 0 ] && exit 0

line="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}"
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive $line
  # Debian starts what it installs; the tests need the programs and not the services.
  if [ -d /run/systemd/system ]; then
    for service in prometheus prometheus-alertmanager; do
      case " ${missing[*]} " in *" $service "*) systemctl disable --now "$service" ;; esac
    done
  fi
else
  echo "missing: ${missing[*]}" >&2
  echo "install them, on Debian or Ubuntu with: sudo $line" >&2
  exit 1
fi
