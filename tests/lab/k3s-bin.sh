#!/bin/sh
# tests/lab/k3s-bin.sh FILE: whether `make test-live` can put this K3s into the
# lab's servers. What is no K3s is refused here, in a sentence, and not after
# minutes by every test on its own.
set -eu

refuse() {
  printf 'test-live: %s\n' "$1" >&2
  exit 2
}

k3s=${1:-}
[ -n "$k3s" ] || refuse "needs K3S_BIN=/path/to/k3s: what it does with it is in tests/lab/README.md"
case $k3s in /*) ;; *) k3s=./$k3s ;; esac
[ -f "$k3s" ] || refuse "there is no file $k3s (K3S_BIN)"
[ -x "$k3s" ] || refuse "$k3s (K3S_BIN) is not executable: chmod +x it, if it is K3s"
version=$("$k3s" --version </dev/null 2>&1 | head -1) || version=
case $version in
  "k3s version v"*) ;;
  *) refuse "$k3s (K3S_BIN) is no K3s: to --version it says \"$version\"" ;;
esac
case $("$k3s" --help </dev/null 2>&1) in
  *"LAB STAND-IN"*) refuse "$k3s (K3S_BIN) is the lab's stand-in, no K3s: make test-lab tests with it" ;;
esac
