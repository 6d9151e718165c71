#!/usr/bin/env bash
# Runs drills one after the other: the files given, else all of ha/drills. Stops
# at the first that does not pass, for nothing more may be killed then. TERM, INT
# and HUP stop the running drill, which puts back what it took down; this waits
# for it, however long that takes (timeout's --kill-after is the last resort).
set -uo pipefail

program=${RAILIANCE_CLUSTER:-/opt/railiance/bin/railiance-cluster}
if [ ! -x "$program" ]; then
  echo "there is no $program: make install, or name it in RAILIANCE_CLUSTER" >&2
  exit 5
fi
shopt -s nullglob
if [ $# -eq 0 ]; then set -- ha/drills/*.yaml; fi
if [ $# -eq 0 ]; then
  echo "there is no drill in ha/drills: a run that kills nothing proves nothing" >&2
  exit 12
fi

child=""
stop=""
forward() {
  stop=$1
  # Always as TERM: a second INT (a terminal sends its own to all) would end the
  # drill at once, with nothing put back. It may have ended in this very moment.
  if [ -n "$child" ]; then kill -s TERM "$child" 2>/dev/null || true; fi
}
trap 'forward TERM' TERM
trap 'forward INT' INT
trap 'forward HUP' HUP

for file in "$@"; do
  if [ -n "$stop" ]; then break; fi
  echo "== $file"
  "$program" ha drill "$file" --yes &
  child=$!
  # A trapped signal ends wait early: wait again until the drill really has ended.
  while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=""
  if [ -n "$stop" ]; then break; fi
  if [ "$code" -ne 0 ]; then
    echo "$file did not pass (exit $code); the drills after it were not run" >&2
    exit "$code"
  fi
done
case $stop in
  "") exit 0 ;;
  INT) exit 130 ;;
  *) exit 143 ;;
esac
