#!/bin/sh
# Makes tests/testdata/helm anew with the real helm against a real API server:
#   tests/unit/helm/make-golden.sh
# Needs the lab's programs in .lab/bin (make lab) and openssl; about a minute.
set -eu
cd "$(dirname "$0")/../../.."
PARTS=$PWD/.lab/bin/parts
. tests/unit/helm/api-server.sh
PARTS=$PARTS HELM=$PWD/.lab/bin/helm WORK=$WORK node_modules/.bin/bun tests/unit/helm/make-golden.ts
