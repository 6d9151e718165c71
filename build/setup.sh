#!/usr/bin/env bash
# Installs the packages of package-lock.json, exactly those, or says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  echo "Node with npm is needed to build from sources (Debian: apt-get install nodejs npm); a server needs only the executable" >&2
  exit 5
fi

node --input-type=module -e '
  import { readFileSync } from "node:fs";
  const read = (name) => JSON.parse(readFileSync(name, "utf8"));
  const wanted = read("package.json");
  const locked = read("package-lock.json").packages[""];
  const of = ({ dependencies = {}, devDependencies = {} }) =>
    JSON.stringify([dependencies, devDependencies].map((all) => Object.entries(all).sort()));
  if (of(wanted) !== of(locked)) {
    console.error("package-lock.json does not fit package.json: run npm install and commit both");
    process.exit(2);
  }'

echo "installing the packages of package-lock.json" >&2
# Not npm ci: a registry mirror may hold only this platform of the packages that
# come as binaries; a lock file made there names only those, and npm 11 then
# refuses ci. With the lock file fitting, install takes the same versions, checks
# the same hashes and, with --no-save, writes neither file.
npm install --no-save --no-fund --no-audit --loglevel=error >/dev/null
node_modules/.bin/bun --version >/dev/null || {
  echo "bun did not install: npm must be allowed to run its install script (ignore-scripts=false)" >&2
  exit 5
}
