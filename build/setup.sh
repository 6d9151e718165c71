#!/usr/bin/env bash
# Installs the packages of package-lock.json, exactly those, or says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
  echo "npm is needed to build from sources (Debian: apt-get install nodejs npm); a server needs only the executable" >&2
  exit 5
fi
echo "installing packages (npm ci)" >&2
# npm warns about settings of the machine's own npmrc and about funding: neither concerns whoever builds this.
npm ci --no-fund --no-audit --loglevel=error >/dev/null
node_modules/.bin/bun --version >/dev/null || {
  echo "bun did not install: npm must be allowed to run its install script (ignore-scripts=false)" >&2
  exit 5
}
